//! The servers that these tests stop, kill and start again do what they are told.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::time::{sleep, timeout};

use crate::support::postgres::{Server, database, number, run};
use crate::support::throwaway::PATIENCE;

const ONE: &str = "SELECT 1::bigint";

/// Long enough for an answer on a busy machine.
const A_WHILE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn databases_are_apart_and_dropped() {
    let Some(one) = database("apart").await else { return };
    let Some(other) = database("apart").await else { return };
    run(one.url(), "CREATE TABLE mine (id bigint)").await;
    let here = "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'";
    assert_eq!((number(one.url(), here).await, number(other.url(), here).await), (1, 0));
    let name = one.url().rsplit_once('/').unwrap().1.to_owned();
    // Although somebody is connected.
    let connected = PgConnection::connect(one.url()).await.unwrap();
    drop(one);
    let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    let dropped = async {
        while number(other.url(), &there).await != 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, dropped).await.expect("it is dropped in time");
    drop(connected);
}

#[tokio::test]
async fn a_paused_server_says_nothing_until_it_goes_on() {
    let Some(server) = Server::start().await else { return };
    let url = server.url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    server.pause();
    // On a connection that stands, and on a new one.
    assert!(timeout(A_WHILE, connection.ping()).await.is_err());
    assert!(timeout(A_WHILE, PgConnection::connect(&url)).await.is_err());
    server.resume();
    assert_eq!(timeout(A_WHILE, number(&url, ONE)).await, Ok(1));
}

#[tokio::test]
async fn a_killed_server_is_gone_and_comes_back_with_what_it_had() {
    let Some(mut server) = Server::start().await else { return };
    let url = server.url();
    run(&url, "CREATE TABLE kept AS SELECT 7::bigint AS seven").await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    server.kill();
    assert!(connection.ping().await.is_err());
    assert!(PgConnection::connect(&url).await.is_err());
    server.restart().await;
    assert_eq!(number(&url, "SELECT seven FROM kept").await, 7);
    // And one that runs.
    server.restart().await;
    assert_eq!(number(&url, "SELECT seven FROM kept").await, 7);
}
