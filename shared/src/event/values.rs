//! Values of a mapped document that an event knows once it has written the document, so that nobody
//! has to look for them there.

use super::mapping::ACTION;
use super::member::Kind;
use super::{DocumentForm, Event, Model};
use crate::json::{self, Span};

/// A field whose value an event knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownField {
    /// `event.action` or a field of the mapping, by its number: the value of a member.
    Claiming(u16),
    /// A field of `analytics`, by its place in [`ANALYTICS`].
    Analytics(usize),
}

/// The fields of `analytics`.
const ANALYTICS: [&str; 3] = ["completion", "hour", "weekday"];

/// Where the values of `analytics` and the member after it stand in a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// By their places in [`ANALYTICS`]; empty where there is none.
    pub(super) analytics: [Span; ANALYTICS.len()],
    pub(super) after_analytics: usize,
}

impl Model {
    /// The field at a path of documents, if events know its value.
    pub(crate) fn known_field(&self, path: &str) -> Option<KnownField> {
        if self.form == DocumentForm::Passthrough {
            // The event has its members elsewhere.
            return None;
        }
        match path.split_once('.')? {
            ("event", "action") => Some(KnownField::Claiming(ACTION)),
            ("analytics", name) => {
                ANALYTICS.iter().position(|known| *known == name).map(KnownField::Analytics)
            }
            (group, name) => self.mapping.number_of(group, name).map(KnownField::Claiming),
        }
    }
}

impl Event<'_> {
    /// Kind and text of a field's value in the `document` that was written; of a string the content.
    /// `None` for an array, and where there is nothing.
    #[inline]
    pub(crate) fn known<'d>(
        &'d self,
        field: KnownField,
        document: &'d [u8],
    ) -> Option<(json::Kind, &'d [u8])> {
        match field {
            KnownField::Analytics(place) => {
                let number = self.found.places.analytics[place].of(document);
                (!number.is_empty()).then_some((json::Kind::Number, number))
            }
            KnownField::Claiming(number) => {
                let member = &self.found.members[self.found.claimed(number)?];
                let value = member.value();
                match member.kind {
                    Kind::Scalar(kind @ json::Kind::String) => {
                        Some((kind, value.inside().of(self.text)))
                    }
                    Kind::Scalar(kind) => Some((kind, value.of(self.text))),
                    Kind::Scalars | Kind::Other | Kind::Group => None,
                }
            }
        }
    }

    /// Where `extra` or `overflow` begins in the document that was written, if there is one.
    pub(crate) fn extra_start(&self) -> usize {
        self.found.places.after_analytics
    }
}
