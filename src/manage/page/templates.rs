use askama::Template;

use super::Dashboard;
use super::assets::{ICON, SCRIPT, STYLE};
use super::list::List;
use super::query::Query;
use super::view::{Since, State, pace};
use super::words::Words;
use crate::store::KeyStatus;
use crate::{KeyKind, Keyring, Mode};

/// The whole page.
#[derive(Template)]
#[template(path = "page.html", config = "src/manage/page/askama.toml")]
pub(super) struct PageTemplate<'a> {
    list: ListTemplate<'a>,
    words: &'a Words,
    query: &'a Query,
    modes: Vec<Choice<'a>>,
    statuses: Vec<Choice<'a>>,
    kinds: bool,
    scopes: Vec<ScopeChoice>,
    plans: Vec<PlanChoice>,
    account: &'a str,
    overlaps: &'static [Overlap],
    lifetimes: &'static [Lifetime],
    style: String,
    script: String,
    icon: String,
}

/// The list, as a part of the page and alone.
#[derive(Template)]
#[template(path = "list.html", config = "src/manage/page/askama.toml")]
pub(super) struct ListTemplate<'a> {
    list: &'a List,
    words: &'a Words,
    query: &'a Query,
    failure: Option<&'a str>,
    has_scopes: bool,
    has_plans: bool,
}

/// One of several values.
struct Choice<'a> {
    value: &'a str,
    hint: &'a str,
    is_chosen: bool,
}

struct ScopeChoice {
    name: &'static str,
    description: &'static str,
}

struct PlanChoice {
    name: String,
    pace: String,
}

/// How long a key stays valid beside its successor.
struct Overlap {
    seconds: u64,
    text: &'static str,
    is_chosen: bool,
}

/// How long a new key lives.
struct Lifetime {
    days: u64,
    text: &'static str,
}

const OVERLAPS: &[Overlap] = &[
    Overlap { seconds: 0, text: "None: the old key ends now", is_chosen: false },
    Overlap { seconds: 3_600, text: "1 hour", is_chosen: false },
    Overlap { seconds: 86_400, text: "24 hours", is_chosen: true },
    Overlap { seconds: 7 * 86_400, text: "7 days", is_chosen: false },
    Overlap { seconds: 30 * 86_400, text: "30 days", is_chosen: false },
];

const LIFETIMES: &[Lifetime] = &[
    Lifetime { days: 7, text: "In 7 days" },
    Lifetime { days: 30, text: "In 30 days" },
    Lifetime { days: 90, text: "In 90 days" },
    Lifetime { days: 365, text: "In a year" },
];

impl<'a> PageTemplate<'a> {
    pub(super) fn new(
        page: &'a Dashboard,
        query: &'a Query,
        list: &'a List,
        failure: Option<&'a str>,
    ) -> Self {
        let (keyring, words) = (&page.keyring, &page.words);
        Self {
            list: ListTemplate::new(page, query, list, failure),
            words,
            query,
            modes: modes(keyring, words, query),
            statuses: statuses(query),
            kinds: [KeyKind::Secret, KeyKind::Publishable]
                .into_iter()
                .all(|kind| keyring.format(kind).is_some()),
            scopes: scopes(keyring),
            plans: plans(keyring),
            account: keyring.default_account().as_str(),
            overlaps: OVERLAPS,
            lifetimes: LIFETIMES,
            style: STYLE.version(),
            script: SCRIPT.version(),
            icon: ICON.version(),
        }
    }
}

impl<'a> ListTemplate<'a> {
    pub(super) fn new(
        page: &'a Dashboard,
        query: &'a Query,
        list: &'a List,
        failure: Option<&'a str>,
    ) -> Self {
        let rows = &list.rows;
        Self {
            has_scopes: !page.keyring.catalogue().is_empty()
                || rows.iter().any(|row| !row.scopes.is_empty()),
            has_plans: !page.keyring.plans().names().is_empty()
                || rows.iter().any(|row| row.plan.is_some() || row.quota.is_some()),
            list,
            words: &page.words,
            query,
            failure,
        }
    }
}

fn modes<'a>(keyring: &'a Keyring, words: &'a Words, query: &Query) -> Vec<Choice<'a>> {
    // What does no harm comes first.
    let modes = [Mode::Test, Mode::Live];
    let choice = |mode| {
        let value = keyring.word(mode);
        Choice { value, hint: words.hint(mode), is_chosen: query.mode == value }
    };
    modes.into_iter().map(choice).collect()
}

fn statuses(query: &Query) -> Vec<Choice<'static>> {
    let statuses = [KeyStatus::Active, KeyStatus::Revoked, KeyStatus::Expired];
    let choice = |status: KeyStatus| {
        let value = status.as_str();
        Choice { value, hint: "", is_chosen: query.status == value }
    };
    statuses.into_iter().map(choice).collect()
}

fn scopes(keyring: &Keyring) -> Vec<ScopeChoice> {
    let choice = |scope: &'static crate::ScopeDefinition| ScopeChoice {
        name: scope.name.as_str(),
        description: scope.description,
    };
    keyring.catalogue().iter().map(choice).collect()
}

fn plans(keyring: &Keyring) -> Vec<PlanChoice> {
    let names = keyring.plans().names().into_iter();
    let choice = |name: crate::PlanName| PlanChoice {
        pace: keyring.plans().get(&name).map(pace).unwrap_or_default(),
        name: name.to_string(),
    };
    names.map(choice).collect()
}
