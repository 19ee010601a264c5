//! The values of an event at input paths, for functions that do not make documents of events.

use super::mapping::{MappingError, NameId};
use super::member::Kind;
use super::{Event, Model, Timestamp, TimestampSource};
use crate::json;

/// A path of one or two segments into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPath(NameId);

impl Model {
    /// Lets events find the value at `path`.
    ///
    /// # Errors
    /// [`MappingError`] for a path that does not have one or two segments.
    pub fn input_path(&mut self, path: &str) -> Result<InputPath, MappingError> {
        self.mapping.names.add_path(path).map(InputPath)
    }
}

impl Event<'_> {
    /// Kind and text of the value at a path; for a string its content, as written. `None` if there
    /// is none, or it is null.
    #[must_use]
    pub fn value(&self, path: InputPath) -> Option<(json::Kind, &[u8])> {
        let member = &self.found.members[self.found.named(path.0)?];
        let text = member.value().of(self.text);
        match member.kind {
            Kind::Scalar(json::Kind::Null) => None,
            Kind::Scalar(kind @ json::Kind::String) => Some((kind, &text[1..text.len() - 1])),
            Kind::Scalar(kind) => Some((kind, text)),
            Kind::Scalars | Kind::Other if text[0] == b'[' => Some((json::Kind::Array, text)),
            Kind::Scalars | Kind::Other | Kind::Group => Some((json::Kind::Object, text)),
        }
    }

    /// The event's time, if it is plausible: its own, else its envelope's, else its arrival; else
    /// now.
    pub fn timestamp(
        &mut self,
        arrived: Option<Timestamp>,
        now: Timestamp,
    ) -> (Timestamp, TimestampSource) {
        let (time, source, _) = self.time(arrived, now);
        (time, source)
    }
}
