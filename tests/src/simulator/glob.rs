//! Wildcards as IAM and CloudWatch Logs use them: `*` is any text, `?` any one character.

/// The whole text fits the pattern.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Where the last star was, and how much of the text it has swallowed so far.
    let mut star = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&c) if c == b'?' || c == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((star_at, swallowed)) => {
                    star = Some((star_at, swallowed + 1));
                    at = star_at + 1;
                    seen = swallowed + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&c| c == b'*')
}

/// As [`fits`] for ARNs: each of the six parts between colons is compared on its own.
pub(super) fn fits_arn(pattern: &str, arn: &str) -> bool {
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    pattern == "*"
        || patterns.clone().count() == parts.clone().count()
            && patterns.zip(parts).all(|(pattern, part)| fits(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_swallow_as_much_as_they_must() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abcabc", true),
            ("a*c", "abcab", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*b*", "abc", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_star_in_an_arn_stays_in_its_part() {
        let arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/app/a:*";
        assert!(fits_arn("arn:aws:logs:eu-central-1:111122223333:log-group:*:*", arn));
        assert!(fits_arn("arn:aws:logs:*:111122223333:log-group:/app/*:*", arn));
        assert!(!fits_arn("arn:aws:logs:*:log-group:/app/*:*", arn));
        assert!(!fits_arn("arn:aws:logs:eu-central-1:111122223333:log-group:/app/a", arn));
    }
}
