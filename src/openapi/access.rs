use serde::{Deserialize, Serialize};

use crate::{Requirement, ScopeName};

/// Who may call an operation, as the types of its handler say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    /// No type says anything.
    #[default]
    Unsaid,
    /// Everybody, on purpose.
    Public,
    /// Everybody, where the layer lets callers in without a key.
    Optional,
    /// A key that has one of these sets of scopes.
    Key(Vec<Vec<String>>),
}

impl Access {
    /// Any key.
    pub(super) fn any_key() -> Self {
        Self::Key(vec![Vec::new()])
    }

    /// A key that meets the requirement.
    pub(super) fn of<R: Requirement>() -> Self {
        let names = |way: &Vec<ScopeName>| way.iter().map(ToString::to_string).collect();
        Self::Key(R::alternatives().iter().map(names).collect())
    }

    /// What both demand together.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Key(ways), Self::Key(others)) => Self::Key(each_with_each(&ways, &others)),
            (Self::Key(ways), _) | (_, Self::Key(ways)) => Self::Key(ways),
            (Self::Optional, _) | (_, Self::Optional) => Self::Optional,
            (Self::Public, _) | (_, Self::Public) => Self::Public,
            (Self::Unsaid, Self::Unsaid) => Self::Unsaid,
        }
    }

    /// What the operation needs, as a sentence; `None` where any key does.
    pub(super) fn sentence(&self) -> Option<String> {
        let Self::Key(ways) = self else { return None };
        let ways: Vec<_> = ways.iter().map(|way| spelled(way)).collect();
        if ways.iter().any(String::is_empty) {
            return None;
        }
        match ways.as_slice() {
            [] => None,
            [one] if !one.contains(" and ") => Some(format!("Needs the scope {one}.")),
            several => Some(format!("Needs the scopes {}.", several.join(", or "))),
        }
    }

    /// Which of these scopes it names.
    pub(super) fn names<'s>(&self, scopes: &'s [String]) -> Vec<&'s str> {
        let Self::Key(ways) = self else { return Vec::new() };
        let is_named = |scope: &&String| ways.iter().any(|way| way.contains(scope));
        scopes.iter().filter(is_named).map(String::as_str).collect()
    }

    /// Whether these scopes are all that it names.
    ///
    /// A caller who lacks others too is refused, whichever way would do.
    pub(super) fn is_of(&self, scopes: &[String]) -> bool {
        let Self::Key(ways) = self else { return false };
        let mut named = ways.iter().flatten().peekable();
        named.peek().is_some() && named.all(|scope| scopes.contains(scope))
    }

    /// A set of scopes that is enough; empty where none is needed.
    pub(super) fn example(&self) -> &[String] {
        match self {
            Self::Key(ways) => ways.first().map(Vec::as_slice).unwrap_or_default(),
            _ => &[],
        }
    }
}

fn spelled(way: &[String]) -> String {
    way.iter().map(|scope| format!("`{scope}`")).collect::<Vec<_>>().join(" and ")
}

/// Each of the ways together with each of the others, and none that asks for more than another.
fn each_with_each(ways: &[Vec<String>], others: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for (way, other) in ways.iter().flat_map(|way| others.iter().map(move |other| (way, other))) {
        let mut both = way.clone();
        both.extend(other.iter().filter(|scope| !way.contains(scope)).cloned());
        let asks_for_more = |than: &Vec<String>| than.iter().all(|scope| both.contains(scope));
        if !all.iter().any(asks_for_more) {
            all.retain(|known| !both.iter().all(|scope| known.contains(scope)));
            all.push(both);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ways: &[&[&str]]) -> Access {
        let way = |way: &&[&str]| way.iter().map(|&scope| scope.to_owned()).collect();
        Access::Key(ways.iter().map(way).collect())
    }

    #[test]
    fn the_strictest_type_of_a_handler_decides() {
        let table = [
            (Access::Unsaid, Access::Unsaid, Access::Unsaid),
            (Access::Unsaid, Access::Public, Access::Public),
            (Access::Public, Access::Optional, Access::Optional),
            (Access::Optional, Access::any_key(), Access::any_key()),
            (Access::Public, key(&[&["a"]]), key(&[&["a"]])),
            (Access::any_key(), key(&[&["a"]]), key(&[&["a"]])),
            (key(&[&["a"]]), key(&[&["b"]]), key(&[&["a", "b"]])),
            (key(&[&["a"], &["b"]]), key(&[&["b"]]), key(&[&["b"]])),
            (
                key(&[&["a"], &["b"]]),
                key(&[&["c"], &["d"]]),
                key(&[&["a", "c"], &["a", "d"], &["b", "c"], &["b", "d"]]),
            ),
        ];
        for (one, other, expected) in table {
            assert_eq!(one.clone().and(other.clone()), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_sentence_names_every_way() {
        let table = [
            (Access::Public, None),
            (Access::any_key(), None),
            (key(&[&["a"]]), Some("Needs the scope `a`.")),
            (key(&[&["a", "b"]]), Some("Needs the scopes `a` and `b`.")),
            (key(&[&["a"], &["b", "c"]]), Some("Needs the scopes `a`, or `b` and `c`.")),
        ];
        for (access, expected) in table {
            assert_eq!(access.sentence().as_deref(), expected);
        }
    }
}
