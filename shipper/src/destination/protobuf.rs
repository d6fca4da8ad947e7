//! A Protocol Buffers writer: a library would copy every string into a struct first.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;

/// The maximum size of a varint.
const LONGEST_VARINT: usize = 10;

/// The maximum by which a message's length prefix grows with a string in it.
pub(super) const LENGTH_GROWTH: usize = 4;

fn key(field: u8, wire_type: u8, body: &mut Vec<u8>) {
    varint((u64::from(field) << 3) | u64::from(wire_type), body);
}

fn varint(mut number: u64, body: &mut Vec<u8>) {
    while number >= 0x80 {
        body.push((number as u8) | 0x80);
        number >>= 7;
    }
    body.push(number as u8);
}

/// Appends a string field.
pub(super) fn text(field: u8, text: &str, body: &mut Vec<u8>) {
    bytes(field, text.as_bytes(), body);
}

/// Appends a field of bytes.
pub(super) fn bytes(field: u8, bytes: &[u8], body: &mut Vec<u8>) {
    key(field, LENGTH, body);
    varint(bytes.len() as u64, body);
    body.extend_from_slice(bytes);
}

/// Appends an integer field.
pub(super) fn integer(field: u8, number: u64, body: &mut Vec<u8>) {
    key(field, VARINT, body);
    varint(number, body);
}

/// Appends a fixed 64-bit field.
pub(super) fn fixed64(field: u8, number: u64, body: &mut Vec<u8>) {
    key(field, FIXED64, body);
    body.extend_from_slice(&number.to_le_bytes());
}

/// Appends a double field.
pub(super) fn double(field: u8, number: f64, body: &mut Vec<u8>) {
    fixed64(field, number.to_bits(), body);
}

/// Appends the tag and length of a field of this size.
pub(super) fn open(field: u8, bytes: usize, body: &mut Vec<u8>) {
    key(field, LENGTH, body);
    varint(bytes as u64, body);
}

/// Appends a message field; `write` appends its content.
pub(super) fn message(field: u8, body: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    key(field, LENGTH, body);
    // The length is known afterwards. Most lengths take one byte; for others the content is moved.
    let place = body.len();
    body.push(0);
    let start = body.len();
    write(body);
    let bytes = body.len() - start;
    if let Ok(short @ 0..0x80) = u8::try_from(bytes) {
        body[place] = short;
        return;
    }
    let mut length = Vec::with_capacity(LONGEST_VARINT);
    varint(bytes as u64, &mut length);
    drop(body.splice(place..start, length));
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Everything {
        #[prost(string, tag = "1")]
        text: String,
        #[prost(uint64, tag = "2")]
        integer: u64,
        #[prost(fixed64, tag = "3")]
        fixed: u64,
        #[prost(double, tag = "4")]
        double: f64,
        #[prost(message, repeated, tag = "15")]
        messages: Vec<Everything>,
    }

    fn write(everything: &Everything, body: &mut Vec<u8>) {
        text(1, &everything.text, body);
        integer(2, everything.integer, body);
        fixed64(3, everything.fixed, body);
        double(4, everything.double, body);
        for inner in &everything.messages {
            message(15, body, |body| write(inner, body));
        }
    }

    #[test]
    fn output_is_decoded_by_another_implementation() {
        let with = |length, messages| Everything {
            text: "ü".repeat(length),
            integer: u64::MAX >> (length % 60),
            fixed: 1_699_264_800_123_000_000,
            double: 1.5,
            messages,
        };
        for length in [0, 1, 50, 60, 70, 8_000, 9_000, 2_000_000] {
            let everything =
                with(length, vec![with(length, vec![with(1, vec![])]), with(3, vec![])]);
            let mut body = Vec::new();
            write(&everything, &mut body);
            assert_eq!(Everything::decode(body.as_slice()).unwrap(), everything, "{length}");
        }
    }

    #[test]
    fn a_length_may_be_written_before_its_message() {
        let mut body = Vec::new();
        open(15, 4, &mut body);
        text(1, "ab", &mut body);
        let read = Everything::decode(body.as_slice()).unwrap();
        assert_eq!(read.messages[0].text, "ab");
    }
}
