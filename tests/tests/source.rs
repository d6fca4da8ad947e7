//! Rust source as the tests of this repository read it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// What is compiled without tests, less comments and the reasons of lints.
pub(crate) fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut is_for_tests = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_attribute = matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '#');
        if is_attribute && tokens.peek().is_some_and(|token| token.to_string() == "!") {
            tokens.next();
        }
        if is_attribute && let Some(attribute) = tokens.next() {
            let text = attribute.to_string().replace(' ', "");
            is_for_tests |= text == "[cfg(test)]";
            let is_read = !["[doc=", "[allow(", "[expect("].iter().any(|it| text.starts_with(it));
            if is_read && !is_for_tests {
                kept.extend([token, attribute]);
            }
            continue;
        }
        let is_end = match &token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(mark) => mark.as_char() == ';',
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
        if !is_for_tests {
            kept.push(match token {
                TokenTree::Group(group) => {
                    Group::new(group.delimiter(), without_tests(group.stream())).into()
                }
                other => other,
            });
        }
        is_for_tests &= !is_end;
    }
    kept.into_iter().collect()
}
