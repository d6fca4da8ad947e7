use std::fmt::Write;

/// Shows characters that change how others are displayed as `\uXXXX`: bidirectional overrides,
/// marks and isolates, and control characters except tab and line ends. In JSON it is the escape
/// of the same character.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if misleads(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>
fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_reorder_others_are_shown_as_escapes() {
        assert_eq!(visible("/app/\u{202e}gnp.exe"), "/app/\\u202egnp.exe");
        assert_eq!(visible("a\u{2066}b\u{2069}\u{200f}\u{7}"), "a\\u2066b\\u2069\\u200f\\u0007");
        assert_eq!(visible("größe → 日本\n\t"), "größe → 日本\n\t");
    }

    #[test]
    fn an_escaped_character_in_json_is_the_same_character() {
        let json = serde_json::to_string("/app/\u{202e}x").unwrap();
        let read: String = serde_json::from_str(&visible(&json)).unwrap();
        assert_eq!(read, "/app/\u{202e}x");
    }
}
