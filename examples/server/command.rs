//! The command line: keys are issued, listed, revoked and rotated while the server runs.
//!
//! It changes the same database, and the server hears of that as of any other instance's change.

use std::error::Error;
use std::time::{Duration, SystemTime};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use keygate::{
    AccountId, IssuedKey, KeyFilter, KeyId, KeyStatus, Keyring, Mode, NewKey, PlanName, ScopeName,
};

use super::{Database, listing};

/// What a server says about itself on the command line.
pub(crate) struct About {
    /// Of the program, and of its file under `.data/`.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// The words for live and test in its keys.
    pub(crate) modes: [&'static str; 2],
    /// Lines of `--help` on variables that the others do not read.
    pub(crate) variables: &'static str,
}

/// What every server reads from its environment, for `--help`.
const VARIABLES: &str = "\
Environment:
  DATABASE_URL        sqlite://FILE or postgres://USER:PASSWORD@HOST/DATABASE; the file
                      .data/{name}.db under the working directory unless set
  REDIS_URL           redis://[:PASSWORD@]HOST[:PORT][/DATABASE], where all instances count limits
                      together; each counts for itself unless set
  PORT                3000 unless set, 0 for any free one; on 127.0.0.1
  METRICS_PORT        where /metrics is, on 127.0.0.1, 0 for any free port; nowhere unless set
  DASHBOARD_PASSWORD  of the user `operator` of the page of keys; a random one, printed, unless set
  RUST_LOG            what is logged, such as `info` (unless set), `warn` or `keygate=debug`";

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Manage keys, also while the server runs
    #[command(subcommand)]
    Keys(Verb),
}

/// What is to be done instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Issue a key. Its text is the one line on standard output, and is never shown again
    Issue(Issue),
    /// List keys, newest first
    List(List),
    /// Revoke a key: the next request with it is refused
    Revoke {
        id: KeyId,
        /// Why, for the list
        #[arg(long)]
        reason: Option<String>,
    },
    /// Issue a key's successor. Its text is the one line on standard output
    Rotate {
        id: KeyId,
        /// How long the old key stays valid beside the new one; 0 revokes it
        #[arg(long, value_name = "SECONDS")]
        overlap: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// What people call it
    #[arg(long)]
    name: String,
    /// Real or simulated
    // In the service's own words: see `command_line`.
    #[arg(long)]
    mode: String,
    /// What it may do; can be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<ScopeName>,
    /// Whom it belongs to
    #[arg(long)]
    account: Option<AccountId>,
    /// The plan that sets its quota
    #[arg(long)]
    plan: Option<PlanName>,
    /// When it ends: 2027-01-01T00:00:00Z, or 2027-01-01 for the begin of that day (UTC)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<SystemTime>,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this status
    #[arg(long, value_parser = status())]
    status: Option<KeyStatus>,
    /// Only those of this mode
    #[arg(long)]
    mode: Option<String>,
    /// Only those of this account
    #[arg(long)]
    account: Option<AccountId>,
}

/// What the command line asks for; `None` is to serve. Ends the program at `--help` (0) and at
/// wrong usage (2).
pub(crate) fn command_line(about: &About) -> Option<Verb> {
    let modes = |verb: clap::Command| {
        verb.mut_arg("mode", |mode| mode.value_parser(PossibleValuesParser::new(about.modes)))
    };
    let variables = VARIABLES.replace("{name}", about.name);
    let command = CommandLine::command()
        .name(about.name)
        .about(format!("{}. Serves unless a command is given", about.what))
        .after_help(variables + about.variables)
        .mut_subcommand("keys", |keys| {
            keys.mut_subcommand("issue", modes).mut_subcommand("list", modes)
        });
    let asked = CommandLine::from_arg_matches(&command.get_matches());
    let asked = asked.unwrap_or_else(|wrong| wrong.exit());
    asked.command.map(|Command::Keys(verb)| verb)
}

impl Verb {
    /// Does it, and leaves the database.
    pub(crate) async fn run(
        self,
        keys: &Keyring,
        database: &Database,
    ) -> Result<(), Box<dyn Error>> {
        let done = self.carry_out(keys).await;
        database.close().await;
        done
    }

    async fn carry_out(self, keys: &Keyring) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Issue(issue) => {
                let issued = keys.issue(issue.into_new_key(keys)).await?;
                show_once("issued", &issued, keys);
            }
            Self::List(list) => listing::print(keys, list.into_filter(keys)).await?,
            Self::Revoke { id, reason } => {
                let record = match reason {
                    Some(reason) => keys.revoke_because(&id, reason).await?,
                    None => keys.revoke(&id).await?,
                };
                let since = record.revoked_at.map_or_else(String::new, listing::written);
                println!("revoked {id} \"{}\": refused since {since}", record.name);
            }
            Self::Rotate { id, overlap } => {
                let issued = keys.rotate(&id, Duration::from_secs(overlap)).await?;
                show_once(&format!("rotated {id}: issued"), &issued, keys);
            }
        }
        Ok(())
    }
}

impl Issue {
    fn into_new_key(self, keys: &Keyring) -> NewKey {
        let mut new = NewKey::named(self.name).scopes(self.scopes);
        new = new.mode(keys.mode(&self.mode).unwrap_or(Mode::Test));
        if let Some(account) = self.account {
            new = new.account(account);
        }
        if let Some(plan) = self.plan {
            new = new.plan(plan);
        }
        match self.expires {
            Some(end) => new.expires_at(end),
            None => new,
        }
    }
}

impl List {
    fn into_filter(self, keys: &Keyring) -> KeyFilter {
        let mut filter = KeyFilter::default();
        if let Some(status) = self.status {
            filter = filter.status(status);
        }
        if let Some(mode) = self.mode.and_then(|word| keys.mode(&word)) {
            filter = filter.mode(mode);
        }
        match self.account {
            Some(account) => filter.account(account),
            None => filter,
        }
    }
}

/// The text on standard output alone, so that a script can take it from there.
#[allow(clippy::print_stderr, reason = "what is said beside the key's text")]
fn show_once(what: &str, issued: &IssuedKey, keys: &Keyring) {
    let record = issued.record();
    let mode = keys.word(record.mode);
    eprintln!("{what} {} \"{}\" ({mode}); shown only now:", record.id, record.name);
    println!("{}", issued.key().expose());
}

fn status() -> impl TypedValueParser<Value = KeyStatus> {
    let all = [KeyStatus::Active, KeyStatus::Expired, KeyStatus::Revoked];
    PossibleValuesParser::new(all.map(KeyStatus::as_str)).try_map(move |word| {
        all.into_iter().find(|status| status.as_str() == word).ok_or("no status of a key")
    })
}

/// Reads a time or a day of RFC 3339.
fn moment(text: &str) -> Result<SystemTime, jiff::Error> {
    let time: jiff::Timestamp = match text.parse::<jiff::civil::Date>() {
        Ok(day) if text.len() == "2027-01-01".len() => {
            day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp()
        }
        _ => text.parse()?,
    };
    Ok(time.into())
}
