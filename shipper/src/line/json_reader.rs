//! Reads JSON objects without building values: names without escapes, and limited nesting.
//! Anything else needs a complete parser.

use std::str::FromStr;

use crate::escape::plain;

/// The value of the first field with one of these names.
pub(super) fn member<'a>(object: &'a str, names: &[&[u8]]) -> Option<&'a str> {
    let mut member = None;
    let mut reader = Reader { text: object, rest: object.as_bytes() };
    reader.object(|reader, name| {
        let start = reader.place();
        reader.pass_over_value()?;
        if member.is_none() && names.contains(&name) {
            member = object.get(start..reader.place());
        }
        Some(())
    })?;
    member
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn place(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    pub(super) fn blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    /// Parses an object; `field` reads the value of each field.
    pub(super) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        let mut is_first = true;
        self.take(b'{')?;
        self.blanks();
        while self.take(b'}').is_none() {
            if !is_first {
                self.take(b',')?;
                self.blanks();
            }
            is_first = false;
            let name = self.name()?;
            field(self, name)?;
            self.blanks();
        }
        Some(())
    }

    pub(super) fn finite_number(&mut self) -> Option<f64> {
        self.number().filter(|finite_number: &f64| finite_number.is_finite())
    }

    pub(super) fn number<T: FromStr>(&mut self) -> Option<T> {
        let start = self.place();
        self.pass_over_number()?;
        self.text.get(start..self.place())?.parse().ok()
    }

    /// The name of a field, up to its value.
    fn name(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let (name, rest) = self.rest.split_at_checked(plain(self.rest))?;
        self.rest = rest;
        self.take(b'"')?;
        self.blanks();
        self.take(b':')?;
        self.blanks();
        Some(name)
    }

    pub(super) fn pass_over_value(&mut self) -> Option<()> {
        /// The bit above those of the enclosing values.
        const OUTSIDE: u64 = 1;

        // A bit for each enclosing object or array, the innermost last.
        let mut around = OUTSIDE;
        loop {
            match self.rest.first()? {
                b'{' | b'[' if around.leading_zeros() == 0 => return None,
                b'{' => {
                    self.take(b'{')?;
                    self.blanks();
                    if self.take(b'}').is_none() {
                        around <<= 1;
                        self.name()?;
                        continue;
                    }
                }
                b'[' => {
                    self.take(b'[')?;
                    self.blanks();
                    if self.take(b']').is_none() {
                        around = around << 1 | 1;
                        continue;
                    }
                }
                b'"' => self.pass_over_text()?,
                b't' => self.rest = self.rest.strip_prefix(b"true")?,
                b'f' => self.rest = self.rest.strip_prefix(b"false")?,
                b'n' => self.rest = self.rest.strip_prefix(b"null")?,
                _ => self.pass_over_number()?,
            }
            // A value has ended, and perhaps the values that contain it.
            loop {
                if around == OUTSIDE {
                    return Some(());
                }
                self.blanks();
                let is_in_list = around & 1 == 1;
                if self.take(b',').is_some() {
                    self.blanks();
                    if !is_in_list {
                        self.name()?;
                    }
                    break;
                }
                self.take(if is_in_list { b']' } else { b'}' })?;
                around >>= 1;
            }
        }
    }

    fn pass_over_text(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            match self.rest.get(plain(self.rest)..)? {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => {
                    self.rest = rest;
                }
                [b'\\', b'u', rest @ ..] => {
                    let (digits, rest) = rest.split_first_chunk::<4>()?;
                    self.rest = digits.iter().all(u8::is_ascii_hexdigit).then_some(rest)?;
                }
                _ => return None,
            }
        }
    }

    fn pass_over_number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let [b'e' | b'E', rest @ ..] = self.rest {
            self.rest = rest;
            if let [b'+' | b'-', rest @ ..] = self.rest {
                self.rest = rest;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = &self.rest[count..];
        (count > 0).then_some(())
    }
}
