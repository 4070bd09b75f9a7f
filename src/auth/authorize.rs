use http::Extensions;

use super::Anonymous;
use super::watch::{Watched, refused_inside};
use crate::decision::Decider;
use crate::scope::Requirement;
use crate::{ApiError, Principal, Refusal, ScopeName, ScopeSet};

const NO_AUTH_LAYER: &str = "no `AuthLayer` ran for this route: put it around the router with \
                             `.layer(…)`, after its routes, and give nested routers a fallback";
const UNDECLARED_SCOPE: &str = "a route asks for a scope that the keyring does not know: hand the \
                                catalogue of `scopes!` to `KeyringBuilder::scopes`";

/// Who calls; `None` for a caller who was let in without a key.
///
/// A request that no `AuthLayer` has seen is neither: it is answered 500 and logged.
pub(crate) fn caller(extensions: &Extensions) -> Result<Option<&Principal>, Refusal> {
    match extensions.get::<Principal>() {
        Some(principal) => Ok(Some(principal)),
        None if extensions.get::<Anonymous>().is_some() => Ok(None),
        None => Err(Refusal::Misconfigured { what: NO_AUTH_LAYER }),
    }
}

/// The caller, who holds what `R` requires.
pub(crate) fn authorize<R: Requirement>(extensions: &Extensions) -> Result<&Principal, ApiError> {
    let refused = |error: &ApiError| refused_inside(Decider::Scope, error, extensions);
    look::<R>(extensions).inspect_err(refused)
}

fn look<R: Requirement>(extensions: &Extensions) -> Result<&Principal, ApiError> {
    let Some(principal) = caller(extensions)? else {
        return Err(Refusal::MissingCredential.into());
    };
    if R::is_met(principal.scopes()) {
        #[cfg(feature = "idempotency")]
        super::Demands::note::<R>(extensions, principal.scopes());
        return Ok(principal);
    }
    let declared = |scope| principal.catalogue().is_none_or(|catalogue| catalogue.contains(scope));
    if !R::scopes().iter().all(declared) {
        return Err(ApiError::misconfigured(UNDECLARED_SCOPE));
    }
    let missing = R::missing(principal.scopes());
    if !spares(&missing, extensions) {
        let those = those_missing::<R>(principal.scopes(), &missing);
        let error = lacking(principal, missing);
        let message = error.message().replacen(THOSE_SCOPES, those, 1);
        return Err(error.with_message(message));
    }
    #[cfg(feature = "idempotency")]
    super::Demands::note_spared::<R>(extensions, principal.scopes(), &missing);
    Ok(principal)
}

/// Whether these scopes are missing and not enforced yet, all of them. Tells of it if so.
pub(crate) fn spares(missing: &[ScopeName], extensions: &Extensions) -> bool {
    Watched::of(extensions).is_some_and(|watched| watched.spares(missing, extensions))
}

/// How an error speaks of several scopes that are all needed.
const THOSE_SCOPES: &str = " the scopes ";

/// How it speaks of these, which would help.
fn those_missing<R: Requirement>(held: &ScopeSet, missing: &[ScopeName]) -> &'static str {
    let is_enough = |left_out: &dyn Fn(&ScopeName) -> bool| {
        let more = missing.iter().filter(|scope| !left_out(scope));
        R::is_met(&held.iter().chain(more).cloned().collect())
    };
    if missing.iter().all(|one| is_enough(&|scope| scope != one)) {
        " one of the scopes "
    } else if missing.iter().any(|one| is_enough(&|scope| scope == one)) {
        " some of the scopes "
    } else {
        THOSE_SCOPES
    }
}

/// The error of a caller who lacks these scopes.
pub(crate) fn lacking(principal: &Principal, missing: Vec<ScopeName>) -> ApiError {
    let error = ApiError::insufficient_scope(missing);
    // Which of the two lacks it is between the account and the platform.
    match principal.on_behalf_of() {
        Some(_) => {
            let message = error.message().replacen(" lacks", " or its connected account lacks", 1);
            error.with_message(message)
        }
        None => error,
    }
}
