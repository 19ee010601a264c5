//! Planned faults of the embedded servers, which occur in order.

use std::collections::VecDeque;

/// How long a planned fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// For this number of requests.
    Requests(u32),
    /// Until the faults are cleared.
    UntilCleared,
}

/// The planned faults, in order.
#[derive(Debug)]
pub(crate) struct Faults<F> {
    planned: VecDeque<(F, Lasting)>,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self { planned: VecDeque::new() }
    }
}

impl<F: Clone> Faults<F> {
    pub(crate) fn plan(&mut self, fault: F, lasting: Lasting) {
        if lasting != Lasting::Requests(0) {
            self.planned.push_back((fault, lasting));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.planned.clear();
    }

    /// The fault of the current request.
    pub(crate) fn next(&mut self) -> Option<F> {
        let (fault, lasting) = self.planned.front_mut()?;
        let fault = fault.clone();
        if let Lasting::Requests(left) = lasting {
            *left -= 1;
            if *left == 0 {
                self.planned.pop_front();
            }
        }
        Some(fault)
    }
}
