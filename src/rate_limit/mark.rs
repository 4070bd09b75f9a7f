//! Which limits a request was charged to, so that a limit mounted twice charges once.
//!
//! The caller's [`Principal`] carries the marks; a request without one has them among its
//! extensions.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Extensions;

use crate::Principal;

/// What tells one limit's mark from another's: given once in the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LimitId(usize);

impl LimitId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Marks the request as charged to this limit; `false` if it was already.
    pub(crate) fn mark(self, extensions: &mut Extensions) -> bool {
        if let Some(first) = extensions.get_mut::<Principal>().and_then(|it| it.charge(self.0)) {
            // It may have been charged while nobody knew who called.
            return first && MARKS.get(self.0).is_none_or(|mark| !(mark.stands)(extensions));
        }
        if let Some(mark) = MARKS.get(self.0) {
            return (mark.set)(extensions);
        }
        let mut marks = extensions.remove::<Marks>().unwrap_or_default();
        let first = !marks.0.contains(&self);
        if first {
            marks.0.push(self);
        }
        extensions.insert(marks);
        first
    }
}

/// The mark of one limit. It has no size, so that inserting it allocates no box.
#[derive(Clone, Copy)]
struct Mark<const ID: usize>;

/// The marks of limits made after the first ones, of which few services have any.
#[derive(Clone, Default)]
struct Marks(Vec<LimitId>);

impl<const ID: usize> Mark<ID> {
    const ACCESS: Access = Access {
        set: |extensions| extensions.insert(Self).is_none(),
        stands: |extensions| extensions.get::<Self>().is_some(),
    };
}

/// How one of the marks is used; its number is known at run time only.
struct Access {
    /// Whether it is the first time.
    set: fn(&mut Extensions) -> bool,
    stands: fn(&Extensions) -> bool,
}

macro_rules! marks {
    ($($id:literal)*) => { [$(Mark::<$id>::ACCESS),*] };
}

/// One for each of the first limits of the process, as many as a [`Principal`] has bits.
static MARKS: [Access; 32] = marks! {
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_marked_once_for_each_limit() {
        let mut extensions = Extensions::new();
        for id in [0, 1, 31, 32, 1000] {
            assert!(LimitId(id).mark(&mut extensions), "{id}");
            assert!(!LimitId(id).mark(&mut extensions), "{id}");
        }
        assert!(!LimitId(0).mark(&mut extensions), "the first is still there");
    }

    #[test]
    fn a_caller_who_becomes_known_or_another_takes_the_marks_along() {
        let caller = || crate::test_util::principal("acct_1", crate::Mode::Test, []);
        let mut extensions = Extensions::new();
        assert!(LimitId(0).mark(&mut extensions));
        crate::auth::admit(caller(), &mut extensions);
        for id in [1, 31, 32, 1000] {
            assert!(LimitId(id).mark(&mut extensions), "{id}");
        }
        let acting = caller().acting_for("acct_2".parse().unwrap(), caller().scopes().clone());
        crate::auth::admit(acting, &mut extensions);
        for id in [0, 1, 31, 32, 1000] {
            assert!(!LimitId(id).mark(&mut extensions), "{id}");
        }
        assert!(LimitId(2).mark(&mut extensions), "another one");
    }
}
