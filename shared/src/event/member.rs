//! A member of an event: where it stands in the text, and of which kind its value is.

use super::mapping::NameId;
use crate::json::{self, Span};

/// A member of the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// From its key's opening quote on.
    pub(super) start: u32,
    pub(super) key_end: u32,
    pub(super) value: u32,
    pub(super) value_end: u32,
    /// For a group that was looked into: the index after its last member.
    pub(super) end: u32,
    pub(super) name: NameId,
    pub(super) kind: Kind,
    /// Replaced by a later member, claimed by a field, or used as the timestamp.
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

/// What sort of value a member has, as far as the model cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that is not an array or object.
    Scalar(json::Kind),
    /// An array of strings, numbers and booleans only.
    Scalars,
    /// Any other array, or an object.
    Other,
    /// An object whose members are listed too.
    Group,
}

impl Kind {
    /// Whether a document field takes such a value.
    #[inline]
    pub(super) fn is_taken(self) -> bool {
        match self {
            Self::Scalar(kind) => kind != json::Kind::Null,
            Self::Scalars => true,
            Self::Other | Self::Group => false,
        }
    }
}
