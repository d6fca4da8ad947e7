use std::fmt;
use std::str::FromStr;

/// The random ID of a policy, unique also among policies of one name: 8 hexadecimal digits that are
/// generated when it is created. Its statement in a function's resource policy carries them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyId(u32);

impl PolicyId {
    /// The characters of an id.
    pub const LEN: usize = 8;

    /// The id of these random bits.
    #[must_use]
    pub fn of(bits: u32) -> Self {
        Self(bits)
    }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for PolicyId {
    type Err = InvalidPolicyId;

    fn from_str(text: &str) -> Result<Self, InvalidPolicyId> {
        let digits = text.len() == Self::LEN
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let bits = u32::from_str_radix(text, 16).ok().filter(|_| digits);
        bits.map(Self).ok_or_else(|| InvalidPolicyId { text: text.to_owned() })
    }
}

/// A string that is no policy's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a policy ID: it must be 8 lowercase hexadecimal digits")]
pub struct InvalidPolicyId {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for bits in [0, 0xdead_beef, u32::MAX] {
            let id = PolicyId::of(bits);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "0", "DEADBEEF", "deadbeef0", "+eadbeef", "deadbeeg"] {
            assert!(text.parse::<PolicyId>().is_err(), "{text}");
        }
    }
}
