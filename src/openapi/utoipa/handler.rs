use super::super::Public;
use super::super::access::Access;
use crate::{Principal, Requirement, Scoped};

/// The first argument of a handler, which says who may call it.
///
/// ```
/// use keygate::Principal;
/// use keygate::openapi::utoipa::Caller;
///
/// fn says_who_may_call<C: Caller>() {}
/// says_who_may_call::<Principal>();
/// says_who_may_call::<Option<Principal>>();
/// ```
pub trait Caller {
    /// What it demands.
    fn demand() -> Demand;
}

/// What a [`Caller`] demands; see there for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Demand(pub(super) Access);

/// A handler whose first argument is a [`Caller`].
///
/// Implemented for functions of up to eight arguments.
#[diagnostic::on_unimplemented(
    message = "this handler does not say who may call",
    label = "its first argument is neither `Scoped<…>`, `Principal`, `Option<Principal>` nor `Public`",
    note = "the caller comes before paths, states and bodies, of which there may be seven"
)]
pub trait Handler<T> {
    /// The first argument.
    type Caller: Caller;
}

impl Caller for Principal {
    fn demand() -> Demand {
        Demand(Access::any_key())
    }
}

impl Caller for Option<Principal> {
    fn demand() -> Demand {
        Demand(Access::Optional)
    }
}

impl Caller for Public {
    fn demand() -> Demand {
        Demand(Access::Public)
    }
}

impl<R: Requirement> Caller for Scoped<R> {
    fn demand() -> Demand {
        Demand(Access::of::<R>())
    }
}

macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<F, Answer, First, $($argument),*> Handler<(Answer, First, $($argument),*)> for F
        where
            F: FnOnce(First, $($argument),*) -> Answer,
            First: Caller,
        {
            type Caller = First;
        }
    };
}

handlers!();
handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);
handlers!(A B C D E);
handlers!(A B C D E G);
handlers!(A B C D E G H);
