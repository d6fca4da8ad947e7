//! Tokens for the next page: opaque to the caller, good for one listing, and for a day.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::chance::fnv;
use super::clock::millis;

const LIFETIME: Duration = Duration::from_hours(24);

/// A token with which the listing that `listing` describes goes on after `last`.
pub(super) fn issue(listing: &str, last: &str, now: SystemTime) -> String {
    let issued = millis(now).to_string();
    let check = fnv(&[listing, last, &issued]);
    BASE64_URL_SAFE_NO_PAD.encode(format!("{issued}|{check:016x}|{last}"))
}

/// What the page before ended with; none when the token is not one of this listing, or too old.
pub(super) fn redeem(listing: &str, token: &str, now: SystemTime) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let mut parts = text.splitn(3, '|');
    let (issued, check, last) = (parts.next()?, parts.next()?, parts.next()?);
    let age = millis(now).checked_sub(issued.parse().ok()?)?;
    let young = u128::from(age) < LIFETIME.as_millis();
    let ours = check == format!("{:016x}", fnv(&[listing, last, issued]));
    (young && ours).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_listing_and_a_day() {
        let token = issue("groups below /app/", "/app/a|b", UNIX_EPOCH);
        let day = UNIX_EPOCH + LIFETIME;
        let redeem = |listing, token, now| redeem(listing, token, now);
        assert_eq!(redeem("groups below /app/", &token, UNIX_EPOCH).unwrap(), "/app/a|b");
        assert_eq!(redeem("groups below /other/", &token, UNIX_EPOCH), None);
        assert_eq!(redeem("groups below /app/", &token, day), None);
        assert_eq!(redeem("groups below /app/", "nonsense", UNIX_EPOCH), None);
    }
}
