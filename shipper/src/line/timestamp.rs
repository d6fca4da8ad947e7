//! The form of Lambda's timestamps.

/// Whether `text` has the form of Lambda's timestamps, such as `2023-11-06T10:00:00.000Z`.
pub(super) fn is_timestamp(text: &str) -> bool {
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";

    let Some((seconds, [fraction @ .., b'Z'])) =
        text.as_bytes().split_first_chunk::<{ FORM.len() }>()
    else {
        return false;
    };
    let is_of_form = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    };
    seconds.iter().zip(FORM).all(is_of_form)
        && fraction.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}
