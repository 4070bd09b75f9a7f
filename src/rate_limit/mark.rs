//! Which limits a request was charged to, so that a limit mounted twice charges once.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::Extensions;

/// What tells one limit's mark from another's: given once in the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LimitId(usize);

impl LimitId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Marks the request as charged to this limit; `false` if it was already.
    pub(crate) fn mark(self, extensions: &mut Extensions) -> bool {
        if let Some(mark) = MARKS.get(self.0) {
            return mark(extensions);
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

fn mark<const ID: usize>(extensions: &mut Extensions) -> bool {
    extensions.insert(Mark::<ID>).is_none()
}

macro_rules! marks {
    ($($id:literal)*) => { [$(mark::<$id>),*] };
}

/// One for each of the first limits of the process.
static MARKS: [fn(&mut Extensions) -> bool; 32] = marks! {
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
}
