//! Sends refused events to quarantine.

use shared::contents::Holds;
use shared::event::{Reason, Refusal, Written};
use shared::sqs::{Failure, MAX_ENTRIES, MAX_QUARANTINE_BYTES, Quarantined, is_text};

use super::{Incoming, Out, Progress, Work};
use crate::outcome::Retry;
use crate::quarantine::quarantined;

/// Maximum number of refused events of a message that go to quarantine one by one; if there are
/// more, the whole message goes there. A message can contain hundreds of thousands.
const MAX_REFUSED_ALONE: usize = 1_000;

/// Maximum number of refused events that wait for quarantine while other messages are tried.
pub(super) const MAX_WAITING: usize = 5 * MAX_REFUSED_ALONE;

/// Why an event can never become a document in the index.
#[derive(Debug)]
pub(super) enum Why {
    Model(Refusal),
    Other(Box<Reason>),
}

impl<W> Work<'_, W>
where
    W: FnMut(&Incoming<'_>, &mut Out) -> Result<Written, Refusal>,
{
    pub(super) fn refuse(&mut self, message: usize, position: usize, why: Why) {
        let (code, advice) = match &why {
            Why::Model(refusal) => (refusal.reason(), ""),
            Why::Other(reason) => (&*reason.code, reason.advice),
        };
        self.report.findings.count_refused(code, || message, advice);
        let refused = &mut self.progress[message].refused;
        *refused += 1;
        if *refused <= MAX_REFUSED_ALONE {
            self.refusals.insert((message, position), why);
        }
    }

    /// Chooses refused events to send to quarantine next. Only those of complete messages that will
    /// not be redelivered are chosen: redelivered ones would be sent twice.
    pub(super) fn choose_for_quarantine(&mut self) {
        let mut bytes = 0;
        while self.sending.len() < MAX_ENTRIES
            && let Some(first) = self.refusals.first_entry()
            && first.key().0 < self.next.0
        {
            let ((message, position), why) = first.remove_entry();
            let Progress { retry, is_kept, .. } = self.progress[message];
            if retry.is_some() || is_kept {
                continue;
            }
            if !self.rules.quarantine {
                self.fail(message, Retry::NoQuarantine);
                continue;
            }
            let Some((quarantined, is_whole)) = self.quarantine_entry(message, position, &why)
            else {
                let text = "its body or its size is none that SQS takes".to_owned();
                let failure = Failure { code: "NotSent".to_owned(), message: text };
                self.not_quarantined(message, failure);
                continue;
            };
            bytes += quarantined.bytes();
            if bytes > MAX_QUARANTINE_BYTES && !self.sending.is_empty() {
                self.refusals.insert((message, position), why);
                break;
            }
            self.progress[message].is_kept |= is_whole;
            self.sending.push(quarantined);
        }
    }

    /// The quarantine message for a refused event, and whether it is the message as a whole.
    fn quarantine_entry(
        &mut self,
        index: usize,
        position: usize,
        why: &Why,
    ) -> Option<(Quarantined, bool)> {
        let message = &self.messages[index];
        let mut alone = None;
        if self.progress[index].refused <= MAX_REFUSED_ALONE
            && self.open(index) == Ok(Holds::Events)
        {
            self.buffers.contents.look_again();
            if self.buffers.contents.count() > 1 {
                let mut text = Vec::new();
                self.buffers.contents.write_alone(position, &mut text);
                alone = String::from_utf8(text).ok().filter(|text| is_text(text));
            }
        }
        // A message that is a single event, whose body is in S3, or whose event is a text that SQS
        // does not accept, is kept unchanged.
        let is_whole = alone.is_none();
        let event = match alone {
            Some(text) => (position, text),
            None => (0, message.body.text()?),
        };
        let reason = match why {
            Why::Model(refusal) => &Reason::from(*refusal),
            Why::Other(reason) => &**reason,
        };
        Some((quarantined(index, message, event, reason)?, is_whole))
    }

    pub(super) fn not_quarantined(&mut self, message: usize, failure: Failure) {
        self.fail(message, Retry::NotQuarantined);
        self.report.not_quarantined.entry(failure.code).or_insert((0, failure.message)).0 += 1;
    }
}
