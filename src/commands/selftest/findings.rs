//! What krush says, held against what the server knows: each comparison counted, each difference kept in words.

use std::fmt::Display;

/// The outcome of a number of comparisons.
#[derive(Debug, Default)]
pub(super) struct Findings {
    compared: usize,
    wrong: Vec<String>,
}

impl Findings {
    /// `said` must be `known`.
    pub(super) fn equal<T: PartialEq + Display + Copy>(&mut self, what: &str, said: T, known: T) {
        let holds = said == known;
        self.note(holds, || {
            format!("{what}: krush says {said}, the server knows {known}")
        });
    }

    /// `said` must lie between the two, both included.
    pub(super) fn between<T: PartialOrd + Display + Copy>(
        &mut self,
        what: &str,
        said: T,
        low: T,
        high: T,
    ) {
        let holds = said >= low && said <= high;
        self.note(holds, || {
            format!("{what}: krush says {said}, true is {low} to {high}")
        });
    }

    /// `said` must not be below `low`.
    pub(super) fn at_least<T: PartialOrd + Display + Copy>(&mut self, what: &str, said: T, low: T) {
        let holds = said >= low;
        self.note(holds, || {
            format!("{what}: krush says {said}, true is at least {low}")
        });
    }

    /// `said` must not be above `high`.
    pub(super) fn at_most<T: PartialOrd + Display + Copy>(&mut self, what: &str, said: T, high: T) {
        let holds = said <= high;
        self.note(holds, || {
            format!("{what}: krush says {said}, true is at most {high}")
        });
    }

    /// A statement that must be true; `what` says what is wrong if it is not.
    pub(super) fn holds(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.note(holds, what);
    }

    fn note(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.compared += 1;
        if !holds {
            self.wrong.push(what());
        }
    }

    /// Comparisons made.
    pub(super) fn compared(&self) -> usize {
        self.compared
    }

    /// Those that failed.
    pub(super) fn wrong(&self) -> &[String] {
        &self.wrong
    }
}
