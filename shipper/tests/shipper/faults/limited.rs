use logagg_shipper::destination::{
    Acknowledgements, Address, BatchOutcome, Boundary, Deduplication, Destination, Encoding,
    Endpoint, Limits, ReasonCode, RecordGroup, Response, Span,
};
use logagg_shipper::record::Piece;
use logagg_shipper::routing::Names;

/// A destination with other limits.
pub(crate) struct Limited {
    pub(crate) destination: Box<dyn Destination>,
    pub(crate) limits: Limits,
}

impl Destination for Limited {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn deduplication(&self) -> Deduplication {
        self.destination.deduplication()
    }

    fn endpoint(&self) -> &Endpoint {
        self.destination.endpoint()
    }

    fn endpoint_mut(&mut self) -> &mut Endpoint {
        self.destination.endpoint_mut()
    }

    fn encoding(&self) -> Encoding {
        self.destination.encoding()
    }

    fn encode(&self, piece: &Piece<'_>, body: &mut Vec<u8>) {
        self.destination.encode(piece, body);
    }

    fn separator(&self) -> &'static [u8] {
        self.destination.separator()
    }

    fn boundary(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Boundary {
        self.destination.boundary(before, piece)
    }

    fn separates(&self, one: &Names, other: &Names) -> bool {
        self.destination.separates(one, other)
    }

    fn open(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        self.destination.open(record_group, body);
    }

    fn close(&self, record_group: &RecordGroup<'_, '_>, body: &mut Vec<u8>) {
        self.destination.close(record_group, body);
    }

    fn space(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        self.destination.space(max_bytes, other_bytes)
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        self.destination.address(span)
    }

    fn never_takes(&self, piece: &Piece<'_>) -> Option<ReasonCode> {
        self.destination.never_takes(piece)
    }

    fn is_at_fault(&self, piece: &Piece<'_>, reason: &ReasonCode) -> bool {
        self.destination.is_at_fault(piece, reason)
    }

    fn classify(&self, sent: usize, response: &Response) -> BatchOutcome {
        self.destination.classify(sent, response)
    }

    fn acknowledgements(&self) -> Option<&dyn Acknowledgements> {
        self.destination.acknowledgements()
    }
}
