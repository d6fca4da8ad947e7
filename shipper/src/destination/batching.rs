//! How records are grouped in a body.

use crate::record::Piece;

/// Where a record may be placed after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// In the same group.
    SameGroup,
    /// In the same request, in a new group.
    NextGroup,
    /// In another request.
    NextRequest,
}

impl Boundary {
    /// In the same group if both have the same names, otherwise in another request.
    pub(super) fn by_names(before: &Piece<'_>, piece: &Piece<'_>) -> Self {
        match before.record.names.has_same_names(piece.record.names) {
            true => Self::SameGroup,
            false => Self::NextRequest,
        }
    }

    /// In the same group if both have the same log stream, otherwise `otherwise`.
    pub(super) fn by_log_source(before: &Piece<'_>, piece: &Piece<'_>, otherwise: Self) -> Self {
        let (before, piece) = (before.record.log_source, piece.record.log_source);
        let is_same = std::ptr::eq(before, piece)
            || (before.owner == piece.owner
                && before.region == piece.region
                && before.group == piece.group
                && before.stream == piece.stream);
        if is_same { Self::SameGroup } else { otherwise }
    }
}

/// Records that are adjacent in a request, between the output of [`open`](super::Destination::open)
/// and [`close`](super::Destination::close).
#[derive(Clone, Copy)]
pub struct RecordGroup<'s, 'r> {
    /// Its first record.
    pub first: &'s Piece<'r>,
    /// The encoded size of its records, with their separators.
    pub bytes: usize,
    /// Whether it is the first group of the request.
    pub is_first: bool,
    /// Whether it is the last group of the request.
    pub is_last: bool,
}

/// All records of a request.
#[derive(Clone, Copy)]
pub struct Span<'s, 'r> {
    /// The first.
    pub first: &'s Piece<'r>,
    /// The last.
    pub last: &'s Piece<'r>,
    /// Their number.
    pub count: usize,
}
