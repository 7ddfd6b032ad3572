//! Texts in record data: tokens separated by whitespace, quoted character strings (RFC 1035 §5.1), and short excerpts
//! for messages.

use super::escape::{find_unescaped, push_number, resolved};
use crate::printable;

/// Iterator over the tokens of record data, separated by whitespace or quotes. Keeps escapes and quotes.
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// Returns the text after the tokens that were read.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let end = token_end(self.rest);
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Some(token).filter(|token| !token.is_empty())
    }
}

fn token_end(text: &str) -> usize {
    if let Some(inside) = text.strip_prefix('"') {
        return find_unescaped(inside, b'"').map_or(text.len(), |end| end + 2);
    }
    let mut is_escaped = false;
    let end = text.find(|character: char| {
        let found = character.is_whitespace() && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        found
    });
    end.unwrap_or(text.len())
}

/// Returns the text that record data represents: joins quoted character strings and resolves their escapes, and returns
/// any other text unchanged. Octets that are not valid UTF-8 are kept as `\DDD`.
pub(super) fn unquoted(text: &str) -> String {
    match join_strings(text) {
        Some(octets) => to_utf8(&octets),
        None => text.to_owned(),
    }
}

/// Returns the octets of quoted strings, or `None` if the text contains anything else.
fn join_strings(text: &str) -> Option<Vec<u8>> {
    let mut out = vec![];
    for token in Tokens::of(text) {
        let inside = token.strip_prefix('"')?.strip_suffix('"')?;
        out.append(&mut resolved(inside).ok()?);
    }
    Some(out)
}

fn to_utf8(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|&octet| push_number(&mut out, octet));
    }
    out
}

/// Returns the text as one quoted string with control characters as `\DDD`. It is not split at 255 octets, which only
/// zone files require.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\0'..='\x1f' | '\x7f' => push_number(&mut out, character as u8),
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

/// Returns the first 60 characters of a text for use in a message.
pub(super) fn excerpt(text: &str) -> String {
    const LENGTH: usize = 60;
    match text.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", printable::line(&text[..end])),
        None => printable::line(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(unquoted(text), expected, "{text}");
    }

    #[test]
    fn unquoted_joins_quoted_strings() {
        for (text, expected) in [
            (r#""v=spf1 -all""#, "v=spf1 -all"),
            (r#""a" "b""#, "ab"),
            (r#""a""b""#, "ab"),
            (r#""""#, ""),
            (r#""say \"hi\" \\ \065\195\188""#, "say \"hi\" \\ Aü"),
            (r#""\255x""#, r"\255x"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn unquoted_returns_other_texts_unchanged() {
        for text in ["v=spf1 -all", r"a\032b", r#""a" b"#, r#""open"#, r#"x="y""#, r#""\999""#, r#""a\""#] {
            check(text, text);
        }
    }

    #[test]
    fn tokens_keep_quotes_and_escapes() {
        for (text, tokens) in [
            ("", &[][..]),
            ("  a  b ", &["a", "b"]),
            (r#"0 issue "a b""#, &["0", "issue", r#""a b""#]),
            (r"a\ b c\\ d", &[r"a\ b", r"c\\", "d"]),
            (r#"a"b c" "d"#, &[r#"a"b"#, r#"c""#, r#""d"#]),
        ] {
            assert_eq!(Tokens::of(text).collect::<Vec<_>>(), tokens, "{text}");
        }
    }

    #[test]
    fn excerpt_truncates_long_text() {
        assert_eq!(excerpt("a\nb"), r"a\010b");
        assert_eq!(excerpt(&"ü".repeat(61)), format!("{}…", "ü".repeat(60)));
    }

    proptest! {
        #[test]
        fn quoted_any_text_round_trips(text in "(?s).*") {
            check(&quoted(&text), &text);
        }

        #[test]
        fn unquoted_hostile_text_round_trips(text in r#"(["\\ a]|\\[0-9]{3}|ü){0,30}"#) {
            check(&quoted(&unquoted(&text)), &unquoted(&text));
            let tokens: Vec<_> = Tokens::of(&text).collect();
            prop_assert!(tokens.iter().all(|token| !token.is_empty()));
        }
    }
}
