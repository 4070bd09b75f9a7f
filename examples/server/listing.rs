//! Keys as an aligned table.

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::time::SystemTime;

use keygate::store::{KeyRecord, KeyUsage};
use keygate::{KeyFilter, Keyring};

/// The longest comes last: a narrow terminal breaks nothing else.
const COLUMNS: [&str; 8] =
    ["ID", "NAME", "HINT", "MODE", "STATUS", "LAST USED", "REQUESTS", "SCOPES"];

/// Of a cell that has nothing to say.
const NOTHING: &str = "-";

type Row = [String; COLUMNS.len()];

/// Prints the keys that the filter asks for, newest first.
pub(super) async fn print(keys: &Keyring, filter: KeyFilter) -> Result<(), Box<dyn Error>> {
    let mut filter = filter.limit(200);
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    loop {
        let page = keys.list(filter.clone()).await?;
        let ids: Vec<_> = page.records.iter().map(|record| record.id.clone()).collect();
        let usage = keys.usage_of(&ids).await?;
        rows.extend(page.records.iter().zip(usage).map(|(record, usage)| row(record, usage, keys)));
        let Some(next) = page.next else { break };
        filter = filter.cursor(next);
    }
    match std::io::stdout().write_all(aligned(&rows).as_bytes()) {
        // Whoever read it has seen enough: `keys list | head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A moment in whole seconds.
pub(super) fn written(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| NOTHING.to_owned(), |time| format!("{time:.0}"))
}

fn row(record: &KeyRecord, usage: KeyUsage, keys: &Keyring) -> Row {
    let scopes: Vec<_> = record.scopes.iter().map(ToString::to_string).collect();
    [
        record.id.to_string(),
        // Names in the database may be anybody's: none commands the terminal.
        record.name.replace(char::is_control, "?"),
        record.hint.replace(char::is_control, "?"),
        keys.word(record.mode).to_owned(),
        record.status(keys.clock().wall()).as_str().to_owned(),
        usage.last_used_at.map_or_else(|| NOTHING.to_owned(), written),
        usage.requests.to_string(),
        if scopes.is_empty() { NOTHING.to_owned() } else { scopes.join(" ") },
    ]
}

fn aligned(rows: &[Row]) -> String {
    let mut widths = [0; COLUMNS.len()];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
