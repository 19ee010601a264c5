//! A member of an event: its position in the text, and the kind of its value.

use super::mapping::NameId;
use crate::json::{self, Span};

/// A member of the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// The position of its key's opening quote.
    pub(super) start: u32,
    pub(super) key_end: u32,
    pub(super) value: u32,
    pub(super) value_end: u32,
    /// For a group whose members are listed: the index after its last member.
    pub(super) end: u32,
    pub(super) name: NameId,
    pub(super) kind: Kind,
    /// Whether it was replaced by a later member, claimed by a field, or used as the timestamp.
    pub(super) gone: bool,
}

impl Member {
    /// Its key, with the quotes.
    #[inline]
    pub(super) const fn key(&self) -> Span {
        Span { start: self.start as usize, end: self.key_end as usize }
    }

    #[inline]
    pub(super) const fn value(&self) -> Span {
        Span { start: self.value as usize, end: self.value_end as usize }
    }

    /// For a group, the index after its last member; else after this one.
    #[inline]
    pub(super) const fn end(&self) -> usize {
        self.end as usize
    }
}

/// The kind of a member's value, as far as the model needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that is not an array or object.
    Scalar(json::Kind),
    /// An array of only strings, numbers and booleans.
    Scalars,
    /// Any other array, or an object.
    Other,
    /// An object whose members are also listed.
    Group,
}

impl Kind {
    /// Whether a document field accepts such a value.
    #[inline]
    pub(super) fn is_taken(self) -> bool {
        match self {
            Self::Scalar(kind) => kind != json::Kind::Null,
            Self::Scalars => true,
            Self::Other | Self::Group => false,
        }
    }
}
