use std::fmt;
use std::marker::PhantomData;

use super::{Scope, ScopeName, ScopeSet};

/// What a handler demands of its caller: a [`Scope`], [`AllOf`] several or [`AnyOf`] several.
///
/// They go inside one another: `AllOf<(LinksRead, AnyOf<(EventsRead, EventsWrite)>)>`.
///
/// ```
/// use keygate::{AnyOf, Requirement, Scope, ScopeSet};
///
/// keygate::scopes! {
///     catalogue SCOPES;
///     /// Retrieve events.
///     EventsRead = "events:read";
///     /// Replay events.
///     EventsWrite = "events:write";
/// }
/// type Either = AnyOf<(EventsRead, EventsWrite)>;
///
/// assert!(Either::is_met(&ScopeSet::from_iter([EventsWrite::NAME])));
/// assert_eq!(Either::missing(&ScopeSet::empty()), [EventsRead::NAME, EventsWrite::NAME]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which scopes a caller needs",
    label = "neither a scope nor `AllOf` or `AnyOf` of 2 to 8 of them",
    note = "name a type that `scopes!` declares, `AllOf<(A, B)>` or `AnyOf<(A, B)>`"
)]
pub trait Requirement {
    /// Whether these scopes are enough.
    fn is_met(held: &ScopeSet) -> bool;

    /// Every scope that is named, in the order of the declaration.
    ///
    /// One that the service's [`Catalogue`](super::Catalogue) does not
    /// [contain](super::Catalogue::contains) can never be held.
    fn scopes() -> Vec<ScopeName>;

    /// The scopes that would help: empty if the requirement is met.
    fn missing(held: &ScopeSet) -> Vec<ScopeName>;

    /// Each way to meet it, as the scopes that are enough together: what a document says.
    ///
    /// Unless an implementation says otherwise there is one way: all [`scopes`](Self::scopes).
    ///
    /// ```
    /// use keygate::{AllOf, AnyOf, Requirement, Scope};
    ///
    /// keygate::scopes! {
    ///     catalogue SCOPES;
    ///     /// Retrieve events.
    ///     EventsRead = "events:read";
    ///     /// Replay events.
    ///     EventsWrite = "events:write";
    /// }
    ///
    /// let (read, write) = (EventsRead::NAME, EventsWrite::NAME);
    /// type Both = AllOf<(EventsRead, EventsWrite)>;
    /// type Either = AnyOf<(EventsRead, EventsWrite)>;
    /// assert_eq!(Both::alternatives(), [vec![read.clone(), write.clone()]]);
    /// assert_eq!(Either::alternatives(), [vec![read], vec![write]]);
    /// ```
    #[must_use]
    fn alternatives() -> Vec<Vec<ScopeName>> {
        vec![Self::scopes()]
    }
}

/// Demands all of 2 to 8 requirements: `AllOf<(LinksRead, LinksWrite)>`.
///
/// ```
/// use keygate::{AllOf, Requirement, Scope, ScopeSet};
///
/// keygate::scopes! {
///     catalogue SCOPES;
///     /// Retrieve events.
///     EventsRead = "events:read";
///     /// Replay events.
///     EventsWrite = "events:write";
/// }
/// type Both = AllOf<(EventsRead, EventsWrite)>;
///
/// let held = ScopeSet::from_iter([EventsWrite::NAME]);
/// assert!(!Both::is_met(&held));
/// assert_eq!(Both::missing(&held), [EventsRead::NAME]);
/// ```
pub struct AllOf<T>(PhantomData<fn() -> T>);

/// Demands one of 2 to 8 requirements: `AnyOf<(LinksRead, LinksWrite)>`.
///
/// What is [missing](Requirement::missing) is all of them: any would do. See [`Requirement`].
pub struct AnyOf<T>(PhantomData<fn() -> T>);

impl<S: Scope> Requirement for S {
    fn is_met(held: &ScopeSet) -> bool {
        held.contains(&S::NAME)
    }

    fn scopes() -> Vec<ScopeName> {
        vec![S::NAME]
    }

    fn missing(held: &ScopeSet) -> Vec<ScopeName> {
        if S::is_met(held) { Vec::new() } else { Self::scopes() }
    }
}

impl<T> fmt::Debug for AllOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AllOf")
    }
}

impl<T> fmt::Debug for AnyOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyOf")
    }
}

macro_rules! combinations {
    ($($part:ident)+) => {
        impl<$($part: Requirement),+> Requirement for AllOf<($($part,)+)> {
            fn is_met(held: &ScopeSet) -> bool {
                $($part::is_met(held))&&+
            }

            fn scopes() -> Vec<ScopeName> {
                union([$($part::scopes()),+])
            }

            fn missing(held: &ScopeSet) -> Vec<ScopeName> {
                union([$($part::missing(held)),+])
            }

            fn alternatives() -> Vec<Vec<ScopeName>> {
                let mut ways = vec![Vec::new()];
                $(ways = each_with_each(&ways, &$part::alternatives());)+
                ways
            }
        }

        impl<$($part: Requirement),+> Requirement for AnyOf<($($part,)+)> {
            fn is_met(held: &ScopeSet) -> bool {
                $($part::is_met(held))||+
            }

            fn scopes() -> Vec<ScopeName> {
                union([$($part::scopes()),+])
            }

            fn missing(held: &ScopeSet) -> Vec<ScopeName> {
                if Self::is_met(held) { Vec::new() } else { union([$($part::missing(held)),+]) }
            }

            fn alternatives() -> Vec<Vec<ScopeName>> {
                [$($part::alternatives()),+].concat()
            }
        }
    };
}

combinations!(A B);
combinations!(A B C);
combinations!(A B C D);
combinations!(A B C D E);
combinations!(A B C D E F);
combinations!(A B C D E F G);
combinations!(A B C D E F G H);

/// All names once, in the order of their first mention.
fn union<const N: usize>(parts: [Vec<ScopeName>; N]) -> Vec<ScopeName> {
    let mut names = Vec::new();
    for name in parts.into_iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Each of the ways together with each of the others.
fn each_with_each(ways: &[Vec<ScopeName>], others: &[Vec<ScopeName>]) -> Vec<Vec<ScopeName>> {
    let pairs = ways.iter().flat_map(|way| others.iter().map(move |other| (way, other)));
    pairs.map(|(way, other)| union([way.clone(), other.clone()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::scopes! {
        catalogue SCOPES;
        /// A.
        Apples = "apples";
        /// B.
        Bread = "bread";
        /// C.
        Cheese = "cheese";
    }

    fn names(scopes: &[ScopeName]) -> Vec<&str> {
        scopes.iter().map(ScopeName::as_str).collect()
    }

    fn check<R: Requirement>(held: &[&'static str], met: bool, missing: &[&str]) {
        let held: ScopeSet = held.iter().copied().map(ScopeName::from_static).collect();
        assert_eq!(R::is_met(&held), met, "{held:?}");
        assert_eq!(names(&R::missing(&held)), missing, "{held:?}");
    }

    #[test]
    fn c3_one_scope_is_met_by_itself_only() {
        check::<Apples>(&["apples"], true, &[]);
        check::<Apples>(&["apples", "bread"], true, &[]);
        check::<Apples>(&["bread"], false, &["apples"]);
        check::<Apples>(&[], false, &["apples"]);
    }

    #[test]
    fn all_of_demands_each_and_names_what_is_missing() {
        type All = AllOf<(Apples, Bread, Cheese)>;
        check::<All>(&["apples", "bread", "cheese"], true, &[]);
        check::<All>(&["bread"], false, &["apples", "cheese"]);
        check::<All>(&[], false, &["apples", "bread", "cheese"]);
    }

    #[test]
    fn any_of_demands_one_and_names_all() {
        type Any = AnyOf<(Apples, Bread)>;
        check::<Any>(&["bread"], true, &[]);
        check::<Any>(&["apples", "bread"], true, &[]);
        check::<Any>(&["cheese"], false, &["apples", "bread"]);
    }

    #[test]
    fn requirements_go_inside_one_another() {
        type Meal = AllOf<(Apples, AnyOf<(Bread, Cheese)>)>;
        check::<Meal>(&["apples", "cheese"], true, &[]);
        check::<Meal>(&["apples"], false, &["bread", "cheese"]);
        check::<Meal>(&["bread"], false, &["apples"]);
        assert_eq!(names(&Meal::scopes()), ["apples", "bread", "cheese"]);
        assert_eq!(names(&AnyOf::<(Meal, Apples)>::scopes()), ["apples", "bread", "cheese"]);
    }

    #[test]
    fn the_ways_to_meet_a_requirement_are_exactly_those_that_meet_it() {
        fn without<R: Requirement>(way: &[ScopeName], left_out: &ScopeName) -> bool {
            R::is_met(&way.iter().filter(|scope| *scope != left_out).cloned().collect())
        }
        fn ways<R: Requirement>() -> Vec<Vec<String>> {
            let ways = R::alternatives();
            for way in &ways {
                assert!(R::is_met(&way.iter().cloned().collect()), "{way:?}");
                assert!(!way.iter().any(|scope| without::<R>(way, scope)), "{way:?} is too much");
            }
            ways.iter().map(|way| names(way).into_iter().map(str::to_owned).collect()).collect()
        }
        type Meal = AllOf<(Apples, AnyOf<(Bread, Cheese)>)>;
        assert_eq!(ways::<Apples>(), [["apples"]]);
        assert_eq!(ways::<AllOf<(Apples, Bread, Cheese)>>(), [["apples", "bread", "cheese"]]);
        assert_eq!(ways::<AnyOf<(Apples, Bread)>>(), [["apples"], ["bread"]]);
        assert_eq!(ways::<Meal>(), [["apples", "bread"], ["apples", "cheese"]]);
    }

    #[test]
    fn a_scope_outside_the_catalogue_can_be_told() {
        mod other {
            crate::scopes! {
                #[allow(dead_code, reason = "the point is that nobody uses it")]
                catalogue OTHERS;
                /// D.
                pub(super) Dates = "dates";
            }
        }
        let unknown = |scope: &ScopeName| !SCOPES.contains(scope);
        assert!(AllOf::<(Apples, other::Dates)>::scopes().iter().any(unknown));
        assert!(!AllOf::<(Apples, Bread)>::scopes().iter().any(unknown));
    }
}
