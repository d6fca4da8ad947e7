//! What an attribute can be while planning.

use crate::unknown::Unknown;

/// An attribute: not set, not known yet, or known.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Attr<T> {
    /// Not set.
    #[default]
    Null,
    /// Not known before apply.
    Unknown(Unknown),
    /// Known.
    Known(T),
}

impl<T> Attr<T> {
    /// Unknown, and nothing is known of it.
    pub fn unknown() -> Self {
        Self::Unknown(Unknown::default())
    }

    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown(_) => None,
        }
    }

    /// The value, if it is known.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null | Self::Unknown(_) => None,
        }
    }

    /// Whether it becomes known only in apply.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether it is not set.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Changes the value, if it is known.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown(unknown) => Attr::Unknown(unknown),
            Self::Known(value) => Attr::Known(change(value)),
        }
    }

    /// The same with the value borrowed.
    pub fn as_ref(&self) -> Attr<&T> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown(unknown) => Attr::Unknown(unknown.clone()),
            Self::Known(value) => Attr::Known(value),
        }
    }
}

impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}
