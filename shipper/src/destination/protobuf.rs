//! Protocol Buffers whose records are encoded one after another, before the messages around them.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, message};

/// The maximum by which a message's length prefix grows with a string in it.
pub(super) const LENGTH_GROWTH: usize = 4;

/// Appends a field that is a message.
pub(super) fn field(tag: u32, value: &impl Message, body: &mut Vec<u8>) {
    message::encode(tag, value, body);
}

/// Appends the tag and length of a field of this size.
pub(super) fn open(tag: u32, bytes: usize, body: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, body);
    encode_varint(bytes as u64, body);
}
