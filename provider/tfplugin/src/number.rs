//! Numbers as Terraform has them: of any size, exact in decimal.

use std::fmt;
use std::str::FromStr;

/// A number of any size and precision.
///
/// Terraform computes with 512 bits, so `0.1` of a configuration is not the `f64` of the same
/// spelling. A number is therefore kept as it came: as an integer, as a binary float, or as
/// decimal digits. The same number always has the same form, so `==` compares values.
#[derive(Clone, PartialEq)]
pub struct Number(Repr);

#[derive(Clone, PartialEq)]
pub(crate) enum Repr {
    Int(i64),
    /// Above `i64::MAX` only.
    UInt(u64),
    /// Not an integer of 64 bits; exactly this binary float.
    Float(f64),
    /// In canonical spelling, and exactly none of the above.
    Decimal(String),
}

/// The text is no decimal number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a decimal number")]
pub struct ParseNumberError(String);

impl Number {
    /// The number as an `i64`, if it is one exactly.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(int) => Some(int),
            _ => None,
        }
    }

    /// The number as a `u64`, if it is one exactly.
    pub fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Repr::Int(int) => u64::try_from(int).ok(),
            Repr::UInt(int) => Some(int),
            _ => None,
        }
    }

    /// The nearest `f64`. Infinite where the number is larger than any.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(int) => *int as f64,
            Repr::UInt(int) => *int as f64,
            Repr::Float(float) => *float,
            // Canonical decimals are within what `f64::from_str` reads, which never fails on them.
            Repr::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// Exactly this binary float, as the wire knows it. None for what is not a number.
    pub(crate) fn from_binary(float: f64) -> Option<Self> {
        const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
        if float.is_nan() {
            return None;
        }
        let repr = if float.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&float) {
            Repr::Int(float as i64)
        } else if float.fract() == 0.0 && (TWO_TO_63..2.0 * TWO_TO_63).contains(&float) {
            Repr::UInt(float as u64)
        } else {
            Repr::Float(float)
        };
        Some(Self(repr))
    }

    pub(crate) fn repr(&self) -> &Repr {
        &self.0
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self(Repr::Int(int))
    }
}

impl From<i32> for Number {
    fn from(int: i32) -> Self {
        Self(Repr::Int(int.into()))
    }
}

impl From<u32> for Number {
    fn from(int: u32) -> Self {
        Self(Repr::Int(int.into()))
    }
}

impl From<u64> for Number {
    fn from(int: u64) -> Self {
        Self(i64::try_from(int).map_or(Repr::UInt(int), Repr::Int))
    }
}

/// Reads the float as its shortest decimal spelling, which is what a user wrote who wrote `0.1`.
///
/// # Errors
/// NaN is not a number.
impl TryFrom<f64> for Number {
    type Error = ParseNumberError;

    fn try_from(float: f64) -> Result<Self, ParseNumberError> {
        if float.is_infinite() {
            return Ok(Self(Repr::Float(float)));
        }
        float.to_string().parse()
    }
}

impl FromStr for Number {
    type Err = ParseNumberError;

    fn from_str(text: &str) -> Result<Self, ParseNumberError> {
        if let Ok(int) = text.parse::<i64>() {
            return Ok(int.into());
        }
        let decimal = Decimal::parse(text).ok_or_else(|| ParseNumberError(text.to_owned()))?;
        Ok(decimal.into_number())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(int) => int.fmt(f),
            Repr::UInt(int) => int.fmt(f),
            Repr::Float(float) => float.fmt(f),
            Repr::Decimal(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `digits` times ten to the `exponent`; no zero at either end of the digits.
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// More places than this are written with an exponent, so that a short text stays short.
    const PLACES_WRITTEN_OUT: i64 = 400;
    /// What 512 bits of mantissa and the exponents of real use need, with room. A larger one is
    /// refused rather than read as zero or infinity.
    const LARGEST_EXPONENT: i64 = 100_000;

    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let empty = whole.is_empty() && fraction.is_empty();
        if empty || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        if exponent.abs() > Self::LARGEST_EXPONENT {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        let dropped = significant.len() - digits.len();
        let exponent = exponent - fraction.len() as i64 + dropped as i64;
        Some(Self {
            negative,
            digits: digits.to_owned(),
            exponent: if digits.is_empty() { 0 } else { exponent },
        })
    }

    /// The one form this number has.
    fn into_number(self) -> Number {
        if self.digits.is_empty() {
            return Number::from(0_i64);
        }
        let text = self.text();
        if let Ok(int) = text.parse::<i64>() {
            return Number::from(int);
        }
        if let Ok(int) = text.parse::<u64>() {
            return Number::from(int);
        }
        match self.as_exact_float(&text) {
            Some(float) => Number(Repr::Float(float)),
            None => Number(Repr::Decimal(text)),
        }
    }

    /// The float that has exactly this value, if there is one.
    fn as_exact_float(&self, text: &str) -> Option<f64> {
        if self.exponent.abs() > Self::PLACES_WRITTEN_OUT {
            return None;
        }
        let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
        // A float with at most n binary places has at most n decimal ones; only then does printing
        // n of them print all of it.
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        let scaled = float * 2_f64.powi(places as i32);
        let complete = scaled.is_finite() && scaled.fract() == 0.0;
        (complete && format!("{float:.places$}") == text).then_some(float)
    }

    fn text(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        let length = self.digits.len() as i64;
        let digits = &self.digits;
        if self.exponent.abs() > Self::PLACES_WRITTEN_OUT {
            return format!("{sign}{digits}e{}", self.exponent);
        }
        if self.exponent >= 0 {
            return format!("{sign}{digits}{}", "0".repeat(self.exponent as usize));
        }
        let point = length + self.exponent;
        if point > 0 {
            let (whole, fraction) = digits.split_at(point as usize);
            format!("{sign}{whole}.{fraction}")
        } else {
            format!("{sign}0.{}{digits}", "0".repeat(-point as usize))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let number: Number = text.parse().unwrap();
        assert_eq!(number.to_string(), expected);
        assert_eq!(number, expected.parse().unwrap(), "reads back as itself");
    }

    #[test]
    fn every_spelling_of_a_number_is_the_same_number() {
        check("1", "1");
        check("+1.0", "1");
        check("1e3", "1000");
        check("-0", "0");
        check("0.0e7", "0");
        check("0.10", "0.1");
        check("-.5", "-0.5");
        check("18446744073709551615", "18446744073709551615");
        check("1e-2", "0.01");
        check("123456789012345678901234567890.5", "123456789012345678901234567890.5");
        check("1e1000", "1e1000");
    }

    #[test]
    fn an_invalid_decimal_number_is_rejected() {
        for text in ["", "-", ".", "1e", "0x10", "NaN", "1_000", "1e999999999999", " 1"] {
            assert!(text.parse::<Number>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_decimal_that_a_float_represents_exactly_equals_that_float() {
        let half: Number = "0.5".parse().unwrap();
        assert_eq!(Some(half), Number::from_binary(0.5));
        let tenth: Number = "0.1".parse().unwrap();
        assert_ne!(Some(tenth.clone()), Number::from_binary(0.1));
        assert_eq!(tenth, Number::try_from(0.1).unwrap(), "as the user wrote it");
        assert_eq!(tenth.as_f64(), 0.1);
    }

    #[test]
    fn whole_floats_are_integers() {
        assert_eq!(Number::from_binary(-3.0), Some(Number::from(-3_i64)));
        assert_eq!(Number::from_binary(2_f64.powi(63)), Some(Number::from(1_u64 << 63)));
        assert_eq!(Number::from_binary(1e20).unwrap(), "1e20".parse().unwrap());
        assert_eq!(Number::from_binary(f64::NAN), None);
    }

    #[test]
    fn integers_come_out_only_when_exact() {
        assert_eq!(Number::from(u64::MAX).as_i64(), None);
        assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Number::from(-1_i64).as_u64(), None);
        assert_eq!("1.5".parse::<Number>().unwrap().as_i64(), None);
    }
}
