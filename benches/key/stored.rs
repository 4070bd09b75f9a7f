//! Keys in a SQLite file, and look-ups of those that are not cached.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keygate::store::SqliteStore;
use keygate::{KeyFormat, KeyHash, Keyring, Refusal};

use crate::keys::{Random, text};
use crate::{mebibytes, row};

/// Cold look-ups that are timed.
const LOOK_UPS: usize = 20_000;

/// For a machine that does something else meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);

/// Rows in one transaction.
const BATCH: usize = 10_000;

const INSERT: &str = "INSERT INTO keygate_keys
    (id, name, hint, hash, kind, mode, scopes, account, lineage, created_at)
    VALUES (?1, 'bench', ?2, ?3, 'secret', 'live', '[]', ?4, ?1, ?5)";

/// Removed with everything in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub async fn in_sqlite(count: usize) {
    let name = format!("keygate-bench-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let file = folder.0.join("keys.db");
    let before = resident();
    let store = SqliteStore::open(file.to_str().unwrap()).await.unwrap();
    let began = Instant::now();
    fill(&store, count).await;
    row("stored in SQLite", "µs to write a key", micros(began.elapsed()) / count as f64);
    row("", "bytes a key in the file", size_of(&file) / count as f64);

    drop(store);
    let store = SqliteStore::open(file.to_str().unwrap()).await.unwrap();
    let keyring = Keyring::builder(store, KeyFormat::base62("ck", 32).unwrap())
        // Each look-up is timed to its end.
        .deadline(PATIENCE)
        .build()
        .unwrap();
    let mut random = Random(1);
    let mut known: Vec<usize> = (0..count).collect();
    random.shuffle(&mut known);
    known.truncate(LOOK_UPS.min(count / 2));
    let times = timed(&keyring, &known, true).await;
    print("cold look-up of a key", &times);
    // Past the last one that is stored.
    let unknown: Vec<usize> = (count..count + known.len()).collect();
    let times = timed(&keyring, &unknown, false).await;
    print("look-up of no key", &times);
    if let (Some(before), Some(after)) = (before, resident()) {
        // Also what writing them has left behind.
        row("resident since the start", "MiB at most", mebibytes(after - before));
    }
    keyring.shutdown().await;
}

async fn fill(store: &SqliteStore, count: usize) {
    for first in (0..count).step_by(BATCH) {
        let mut transaction = store.pool().begin().await.unwrap();
        for number in first..count.min(first + BATCH) {
            let text = text(number);
            let hash = KeyHash::of(text.as_bytes());
            sqlx::query(INSERT)
                .bind(format!("key_{}", &hash.to_string()[..22]))
                .bind(&text[..14])
                .bind(hash.as_bytes().to_vec())
                .bind(format!("acct_{}", number % 10_000))
                .bind(1_717_200_000_000_000 + i64::try_from(number).unwrap())
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

/// How long each of these look-ups took, sorted.
async fn timed(keyring: &Keyring, numbers: &[usize], is_stored: bool) -> Vec<Duration> {
    let mut times = Vec::with_capacity(numbers.len());
    for number in numbers {
        let text = text(*number);
        let began = Instant::now();
        let verdict = keyring.verify(&text).await;
        times.push(began.elapsed());
        match verdict {
            Ok(_) => assert!(is_stored),
            Err(refusal) => assert!(!is_stored && refusal == Refusal::UnknownKey, "{refusal:?}"),
        }
    }
    times.sort_unstable();
    times
}

fn print(what: &str, times: &[Duration]) {
    for (name, percent) in [("p50", 50), ("p99", 99)] {
        let what = if percent == 50 { what } else { "" };
        row(what, &format!("µs {name}"), micros(times[times.len() * percent / 100]));
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The file with what is beside it.
fn size_of(file: &Path) -> f64 {
    let folder = std::fs::read_dir(file.parent().unwrap()).unwrap();
    folder.map(|file| file.unwrap().metadata().unwrap().len() as f64).sum()
}

/// The bytes of this process that are in memory, SQLite's own too. Where the system tells.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}
