//! The form of Lambda's request ids.

/// The size of a request id.
pub(super) const REQUEST_ID_BYTES: usize = 36;

/// Whether `text` has the form of a request id, `8-4-4-4-12` hexadecimal digits.
pub(super) fn is_request_id(text: &str) -> bool {
    const FORM: &[u8; REQUEST_ID_BYTES] = b"00000000-0000-0000-0000-000000000000";

    let Ok(bytes) = <&[u8; REQUEST_ID_BYTES]>::try_from(text.as_bytes()) else {
        return false;
    };
    // Without an early exit the loop is vectorized.
    bytes.iter().zip(FORM).fold(true, |is_of_form, (byte, form)| {
        is_of_form & if *form == b'0' { byte.is_ascii_hexdigit() } else { byte == form }
    })
}
