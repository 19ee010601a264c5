//! Values that an event knows after writing its document, so that they need not be searched in the
//! document.

use super::mapping::{ACTION, NameId};
use super::member::Kind;
use super::{DocumentForm, Event, Model};
use crate::json::{self, Span};

/// A field whose value an event knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownField(Known);

/// The source of a value that an event knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// The member claimed by `event.action` or a field of the mapping, by the field's number.
    Claiming(u16),
    /// A field of `analytics`, by its index in [`ANALYTICS`].
    Analytics(usize),
    /// A member of the event, which a passthrough document also has.
    Member(NameId),
    /// A member of the event that no field claims, if `extra` begins like this.
    Extra(NameId, &'static [u8]),
}

/// The fields of `analytics`.
const ANALYTICS: [&str; 3] = ["completion", "hour", "weekday"];

/// The positions of the values of `analytics`, and of the member after it, in a document.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// By index in [`ANALYTICS`]; empty for a missing value.
    pub(super) analytics: [Span; ANALYTICS.len()],
    pub(super) after_analytics: usize,
}

impl Model {
    /// Returns the field at a path of documents, if events can know its value.
    pub(crate) fn known_field(&mut self, path: &str) -> Option<KnownField> {
        if self.form == DocumentForm::Passthrough {
            return self.mapping.look_for(path).map(|name| KnownField(Known::Member(name)));
        }
        let known = match path.split_once('.')? {
            ("event", "action") => Known::Claiming(ACTION),
            ("analytics", name) => {
                Known::Analytics(ANALYTICS.iter().position(|known| *known == name)?)
            }
            ("extra", name) if !name.contains('.') => {
                Known::Extra(self.mapping.look_for(name)?, b",\"extra\":")
            }
            ("overflow", name) if !name.contains('.') => {
                Known::Extra(self.mapping.look_for(name)?, b",\"overflow\":")
            }
            (group, name) => Known::Claiming(self.mapping.number_of(group, name)?),
        };
        Some(KnownField(known))
    }
}

impl Event<'_> {
    /// Kind and text of a field's value in the `document` that was written; for a string its
    /// content. `None` for an array or a missing value.
    #[inline]
    pub(crate) fn known<'d>(
        &'d self,
        field: KnownField,
        document: &'d [u8],
    ) -> Option<(json::Kind, &'d [u8])> {
        let index = match field.0 {
            Known::Analytics(place) => {
                let number = self.found.places.analytics[place].of(document);
                return (!number.is_empty()).then_some((json::Kind::Number, number));
            }
            Known::Claiming(number) => self.found.claimed(number)?,
            Known::Member(name) => self.found.named(name)?,
            Known::Extra(name, start) => {
                let is_there = document[self.found.places.after_analytics..].starts_with(start);
                let index = self.found.named(name).filter(|_| is_there)?;
                if self.found.members[index].gone {
                    return None;
                }
                index
            }
        };
        let member = &self.found.members[index];
        let value = member.value();
        match member.kind {
            Kind::Scalar(json::Kind::Null) | Kind::Scalars | Kind::Other | Kind::Group => None,
            Kind::Scalar(kind @ json::Kind::String) => Some((kind, value.inside().of(self.text))),
            Kind::Scalar(kind) => Some((kind, value.of(self.text))),
        }
    }

    /// The position of `extra` or `overflow` in the document that was written, if there is one.
    pub(crate) fn extra_start(&self) -> usize {
        self.found.places.after_analytics
    }
}
