//! Faults of the embedded servers: planned, and met in that order.

use std::collections::VecDeque;

/// How long a planned fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// For so many requests.
    Requests(u32),
    /// Until the faults are cleared.
    UntilCleared,
}

/// The faults to come, in order.
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
        self.planned.push_back((fault, lasting));
    }

    pub(crate) fn clear(&mut self) {
        self.planned.clear();
    }

    /// The fault of the request that is being answered.
    pub(crate) fn next(&mut self) -> Option<F> {
        while let Some((fault, lasting)) = self.planned.front_mut() {
            match lasting {
                Lasting::UntilCleared => return Some(fault.clone()),
                Lasting::Requests(0) => {
                    self.planned.pop_front();
                }
                Lasting::Requests(left) => {
                    *left -= 1;
                    return Some(fault.clone());
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_end() {
        let mut faults = Faults::default();
        faults.plan("busy", Lasting::Requests(2));
        faults.plan("gone", Lasting::UntilCleared);
        let seen: Vec<_> = (0..4).map_while(|_| faults.next()).collect();
        assert_eq!(seen, ["busy", "busy", "gone", "gone"]);
        faults.clear();
        assert_eq!(faults.next(), None);
    }
}
