//! Refused events go to quarantine.

use shared::contents::Holds;
use shared::event::{Reason, Refusal, Written};
use shared::sqs::{Failure, MAX_ENTRIES, MAX_QUARANTINE_BYTES, Quarantined};

use super::{Incoming, Out, Progress, Work};
use crate::outcome::Retry;
use crate::quarantine::quarantined;

/// An event that can never become a document in the index.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) message: usize,
    position: usize,
    why: Why,
}

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
        self.progress[message].refused = true;
        let (code, advice) = match &why {
            Why::Model(refusal) => (refusal.reason(), ""),
            Why::Other(reason) => (&*reason.code, reason.advice),
        };
        self.report.findings.count_refused(code, || message, advice);
        self.refusals.push_back(Refused { message, position, why });
    }

    /// Chooses what goes to quarantine next, of messages that are complete and do not come
    /// again: those would only send it there twice.
    pub(super) fn choose_for_quarantine(&mut self) {
        let complete = self.next.0;
        self.refusals
            .make_contiguous()
            .sort_unstable_by_key(|refused| (refused.message, refused.position));
        let mut bytes = 0;
        while self.refusals.front().is_some_and(|refused| refused.message < complete)
            && self.sending.len() < MAX_ENTRIES
        {
            let Some(refused) = self.refusals.pop_front() else { break };
            let Progress { retry, is_kept, .. } = self.progress[refused.message];
            if retry.is_some() || is_kept {
                continue;
            }
            if !self.rules.quarantine {
                self.fail(refused.message, Retry::NoQuarantine);
                continue;
            }
            let Some((quarantined, is_whole)) = self.quarantine_entry(&refused) else {
                let message = "its body or its size is none that SQS takes".to_owned();
                let failure = Failure { code: "NotSent".to_owned(), message };
                self.not_quarantined(refused.message, failure);
                continue;
            };
            bytes += quarantined.bytes();
            if bytes > MAX_QUARANTINE_BYTES && !self.sending.is_empty() {
                self.refusals.push_front(refused);
                break;
            }
            self.progress[refused.message].is_kept |= is_whole;
            self.sending.push(quarantined);
        }
    }

    /// What goes to quarantine of a refused event, and whether that is the message as a whole.
    fn quarantine_entry(&mut self, refused: &Refused) -> Option<(Quarantined, bool)> {
        let message = &self.messages[refused.message];
        let mut many = self.open(refused.message) == Ok(Holds::Events);
        if many {
            self.buffers.contents.look_again();
            many = self.buffers.contents.count() > 1;
        }
        // A message that is a single event, or whose body is in S3, is kept as it is.
        let text = if many {
            let mut text = Vec::new();
            self.buffers.contents.write_alone(refused.position, &mut text);
            String::from_utf8(text).ok()?
        } else {
            message.body.text()?
        };
        let reason = match &refused.why {
            Why::Model(refusal) => &Reason::from(*refusal),
            Why::Other(reason) => &**reason,
        };
        let event = (refused.position, text);
        Some((quarantined(refused.message, message, event, reason)?, !many))
    }

    pub(super) fn not_quarantined(&mut self, message: usize, failure: Failure) {
        self.fail(message, Retry::NotQuarantined);
        self.report.not_quarantined.entry(failure.code).or_insert((0, failure.message)).0 += 1;
    }
}
