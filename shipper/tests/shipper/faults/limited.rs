use logagg_shipper::destination::{
    Address, Answer, Class, Destination, Encoding, Endpoint, Keys, Limits, Place, Receipts,
    Section, Span, Verdict,
};
use logagg_shipper::record::Piece;

/// A destination with other limits.
pub(crate) struct Limited {
    pub(crate) destination: Box<dyn Destination>,
    pub(crate) limits: Limits,
}

impl Destination for Limited {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn keys(&self) -> Keys {
        self.destination.keys()
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

    fn place(&self, before: &Piece<'_>, piece: &Piece<'_>) -> Place {
        self.destination.place(before, piece)
    }

    fn open(&self, section: &Section<'_, '_>, body: &mut Vec<u8>) {
        self.destination.open(section, body);
    }

    fn close(&self, section: &Section<'_, '_>, body: &mut Vec<u8>) {
        self.destination.close(section, body);
    }

    fn room(&self, max_bytes: usize, other_bytes: usize) -> Option<usize> {
        self.destination.room(max_bytes, other_bytes)
    }

    fn address(&self, span: &Span<'_, '_>) -> Address {
        self.destination.address(span)
    }

    fn never_takes(&self, piece: &Piece<'_>) -> Option<Class> {
        self.destination.never_takes(piece)
    }

    fn is_at_fault(&self, piece: &Piece<'_>, class: &Class) -> bool {
        self.destination.is_at_fault(piece, class)
    }

    fn classify(&self, sent: usize, answer: &Answer) -> Verdict {
        self.destination.classify(sent, answer)
    }

    fn receipts(&self) -> Option<&dyn Receipts> {
        self.destination.receipts()
    }
}
