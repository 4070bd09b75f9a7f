use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::failure::Failure;

/// How many requests in a row fail before no more are tried. Without a connection it is one.
const IN_A_ROW: u32 = 3;

/// Whether Redis is worth asking.
#[derive(Debug)]
pub(super) struct Circuit {
    open: AtomicBool,
    failures: AtomicU32,
    /// How often it was opened.
    times: AtomicU32,
}

/// Leave to ask, given while the circuit was closed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass(u32);

impl Circuit {
    pub(super) fn open() -> Self {
        Self { open: AtomicBool::new(true), ..Self::closed() }
    }

    pub(super) fn closed() -> Self {
        Self { open: AtomicBool::new(false), failures: AtomicU32::new(0), times: AtomicU32::new(0) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Nothing while it is open.
    pub(super) fn pass(&self) -> Option<Pass> {
        let times = self.times.load(Ordering::Acquire);
        (!self.is_open()).then_some(Pass(times))
    }

    pub(super) fn succeeded(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
    }

    /// Whether that opens it. What was asked before it was last opened counts no more: a hung
    /// server's requests fail one by one after it is well again. Nor does what is refused for its
    /// names: Redis would be found at once, and lost again at the next of them.
    pub(super) fn failed(&self, pass: Pass, failure: &Failure) -> bool {
        if failure.is_about_names() || pass.0 != self.times.load(Ordering::Acquire) {
            return false;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures < IN_A_ROW && !failure.is_lost() {
            return false;
        }
        let opens = !self.open.swap(true, Ordering::AcqRel);
        if opens {
            self.times.fetch_add(1, Ordering::AcqRel);
        }
        opens
    }

    pub(super) fn close(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.open.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Failure = Failure::TimedOut;
    const LOST: Failure = Failure::NOT_CONNECTED;

    #[test]
    fn it_opens_once_at_the_third_failure_in_a_row() {
        let circuit = Circuit::closed();
        let pass = circuit.pass().unwrap();
        for failure in [&LATE, &LATE] {
            assert!(!circuit.failed(pass, failure) && !circuit.is_open());
        }
        circuit.succeeded();
        let opened: Vec<_> = (0..4).map(|_| circuit.failed(pass, &LATE)).collect();
        assert_eq!(opened, [false, false, true, false]);
        assert!(circuit.is_open() && circuit.pass().is_none());
    }

    #[test]
    fn it_opens_at_once_where_there_is_no_connection() {
        let circuit = Circuit::closed();
        assert!(circuit.failed(circuit.pass().unwrap(), &LOST));
        assert!(circuit.is_open());
    }

    #[test]
    fn what_was_asked_before_it_was_opened_does_not_open_it_again() {
        let circuit = Circuit::closed();
        let before = circuit.pass().unwrap();
        assert!(circuit.failed(before, &LOST));
        circuit.close();
        for _ in 0..9 {
            assert!(!circuit.failed(before, &LATE) && !circuit.is_open());
        }
        let after = circuit.pass().unwrap();
        assert!(!circuit.failed(after, &LATE));
    }
}
