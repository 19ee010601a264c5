//! The values of a mapped document, without reading it: where a field claimed a member, the event
//! knows the value.

use super::mapping::ACTION;
use super::member::Kind;
use super::{DocumentForm, Event, Model};
use crate::json;

/// A document field that claims members: `event.action`, or one of the mapping's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClaimingField(u16);

impl Model {
    /// The field at a path of documents, if it claims members.
    pub(crate) fn claiming_field(&self, path: &str) -> Option<ClaimingField> {
        if self.form == DocumentForm::Passthrough {
            // The event has its members elsewhere.
            return None;
        }
        if path == "event.action" {
            return Some(ClaimingField(ACTION));
        }
        let (group, name) = path.split_once('.')?;
        self.mapping.number_of(group, name).map(ClaimingField)
    }
}

impl Event<'_> {
    /// Kind and text of what `field` claimed, as the document has it: of a string the content. `None`
    /// for an array, and where there is nothing.
    #[inline]
    pub(crate) fn claimed(&self, field: ClaimingField) -> Option<(json::Kind, &[u8])> {
        let member = &self.found.members[self.found.claimed(field.0)?];
        let value = member.value();
        match member.kind {
            Kind::Scalar(kind @ json::Kind::String) => Some((kind, value.inside().of(self.text))),
            Kind::Scalar(kind) => Some((kind, value.of(self.text))),
            Kind::Scalars | Kind::Other | Kind::Group => None,
        }
    }

    /// Where what no field claims begins in the document that was written: `analytics`, then `extra`.
    pub(crate) fn unclaimed_start(&self) -> usize {
        self.found.unclaimed_start
    }
}
