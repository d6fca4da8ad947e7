//! Formatting of counts, sizes and lists.

use std::collections::BTreeMap;

/// How many log groups a list names; the rest is only counted.
const NAMED: usize = 20;

/// A number and its noun, which takes an s in the plural.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", plural(count, "", "s"))
}

/// The word that agrees with a number.
pub fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// Bytes in the largest unit that is at least 1.
pub fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let mut amount = bytes as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{amount:.digits$} {}", units[unit])
}

pub(super) fn listed<'a, T: AsRef<str> + 'a>(names: impl IntoIterator<Item = &'a T>) -> String {
    let names: Vec<_> = names.into_iter().map(AsRef::as_ref).collect();
    let mut lines: Vec<_> = names.iter().take(NAMED).map(|name| format!("  {name}")).collect();
    if names.len() > NAMED {
        lines.push(format!("  and {} more", names.len() - NAMED));
    }
    lines.join("\n")
}

pub(super) fn listed_pairs(pairs: &BTreeMap<&String, &String>) -> String {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, destination)| format!("{name} forwards to {destination}"))
        .collect();
    listed(&pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_twenty_are_named_and_the_rest_is_counted() {
        let names: Vec<_> = (0..23).map(|n| format!("/aws/lambda/{n:02}")).collect();
        let text = listed(&names);
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("  /aws/lambda/19\n  and 3 more"), "{text}");
    }

    #[test]
    fn sizes_are_in_the_largest_unit_that_is_at_least_one() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_250_000_000), "1.2 GB");
        assert_eq!(size(u64::MAX), "18446.7 PB");
    }

    #[test]
    fn nouns_and_verbs_agree_with_their_number() {
        assert_eq!(counted(1, "log group"), "1 log group");
        assert_eq!(counted(2, "log group"), "2 log groups");
        assert_eq!(counted(0, "log group"), "0 log groups");
        assert_eq!(plural(1, "has", "have"), "has");
        assert_eq!(plural(2, "has", "have"), "have");
    }
}
