//! How pieces come together in a body.

use crate::record::Piece;

/// Where a piece may stand that comes after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundary {
    /// Beside it.
    SameGroup,
    /// In the same request, after what opens another record_group.
    NextGroup,
    /// Only in another request.
    NextRequest,
}

impl Boundary {
    /// In the same record_group if it was written in the same log stream, else `otherwise`.
    pub(super) fn by_origin(before: &Piece<'_>, piece: &Piece<'_>, otherwise: Self) -> Self {
        let (before, piece) = (before.record.log_source, piece.record.log_source);
        let is_same = std::ptr::eq(before, piece)
            || (before.owner == piece.owner
                && before.group == piece.group
                && before.stream == piece.stream);
        if is_same { Self::SameGroup } else { otherwise }
    }
}

/// Pieces that stand together in a request, between what [`open`](super::Destination::open) and
/// [`close`](super::Destination::close) write.
#[derive(Clone, Copy)]
pub struct RecordGroup<'s, 'r> {
    /// The first of its pieces.
    pub first: &'s Piece<'r>,
    /// The size of its pieces as encoded, with what separates them.
    pub bytes: usize,
    /// Whether it is the first one of the request.
    pub is_first: bool,
    /// Whether it is the last one of the request.
    pub is_last: bool,
}

/// All pieces of a request.
#[derive(Clone, Copy)]
pub struct Span<'s, 'r> {
    /// The first.
    pub first: &'s Piece<'r>,
    /// The last.
    pub last: &'s Piece<'r>,
    /// How many there are.
    pub count: usize,
}
