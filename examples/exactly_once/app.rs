//! The service apart from its process: tests drive this very app.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::StatusCode;
use keygate::extract::Run;
use keygate::idempotency::{IdempotencyLayer, ServerErrors};
use keygate::store::PostgresStore;
use keygate::{
    ApiError, AuthLayer, EnvelopeLayer, ErrorCode, Idempotent, Json, Keyring, Scoped, scopes,
};
use serde::{Deserialize, Serialize};
use tower::ServiceBuilder;

scopes! {
    /// Everything a key of this service can be issued with.
    pub(crate) catalogue SCOPES;
    /// Move money between accounts.
    pub(crate) TransfersWrite = "transfers:write";
}

/// The service's own tables, in the keys' database.
pub(crate) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS balances (
        account text PRIMARY KEY,
        cents bigint NOT NULL CHECK (cents >= 0)
    );
    INSERT INTO balances VALUES ('till', 10000), ('alice', 0), ('bob', 0) ON CONFLICT DO NOTHING";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    from: String,
    to: String,
    cents: i64,
}

/// How much is left.
#[derive(Debug, Serialize)]
struct Receipt {
    from: String,
    left: i64,
}

/// Everything that the service answers.
pub(crate) fn app(keys: &Keyring, store: &PostgresStore) -> Router {
    // What fails here has done nothing, so that it may be tried again under the same key.
    let once = IdempotencyLayer::new(store.clone()).server_errors(ServerErrors::Released);
    Router::new()
        .route("/transfers", post(transfer))
        .fallback(keygate::not_found)
        .with_state(store.clone())
        .layer(
            ServiceBuilder::new()
                .layer(EnvelopeLayer::standard())
                .layer(AuthLayer::new(keys.clone()))
                .layer(once),
        )
}

/// Moves money once for each `Idempotency-Key`, wherever this process may be killed: the money and
/// the answer are committed together.
async fn transfer(
    _: Scoped<TransfersWrite>,
    State(store): State<PostgresStore>,
    run: Run,
    Idempotent(Json(transfer)): Idempotent<Json<Transfer>>,
) -> Result<Response, ApiError> {
    if transfer.cents <= 0 {
        return Err(ApiError::invalid_field("cents", "must be positive"));
    }
    let mut transaction = store.pool().begin().await.map_err(failed)?;
    let left = sqlx::query_scalar(
        "UPDATE balances SET cents = cents - $2 WHERE account = $1 AND cents >= $2 RETURNING cents",
    )
    .bind(&transfer.from)
    .bind(transfer.cents)
    .fetch_optional(&mut *transaction)
    .await
    .map_err(failed)?;
    let Some(left) = left else {
        return Err(ApiError::new(ErrorCode::Conflict).with_message("There is not enough money."));
    };
    let to = sqlx::query("UPDATE balances SET cents = cents + $2 WHERE account = $1")
        .bind(&transfer.to)
        .bind(transfer.cents)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    if to.rows_affected() == 0 {
        // What was taken is put back: the transaction ends here.
        return Err(ApiError::not_found());
    }

    let receipt = Receipt { from: transfer.from, left };
    let (finish, response) = run.finish((StatusCode::CREATED, Json(receipt))).await;
    store.finish_in(&mut transaction, finish).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(response)
}

fn failed(error: sqlx::Error) -> ApiError {
    ApiError::unavailable(std::time::Duration::from_secs(1)).with_source(error)
}
