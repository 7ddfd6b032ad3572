//! Escapes of the presentation format (RFC 1035 §5.1): `\DDD` is an octet in decimal, `\X` is the character X without
//! its special meaning.

/// One octet of a text, and whether it was escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Octet {
    /// Not escaped.
    Plain(u8),
    /// Written as `\X` or as `\DDD`.
    Escaped(u8),
}

/// A backslash at the end of the text, or followed by digits that are not three digits up to 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadEscape;

/// Iterates over the octets of a text and resolves escapes.
pub(super) fn octets(text: &str) -> impl Iterator<Item = Result<Octet, BadEscape>> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, behind) = rest.split_first()?;
        rest = behind;
        if first != b'\\' {
            return Some(Ok(Octet::Plain(first)));
        }
        let escaped = parse_escape(rest);
        rest = &rest[escaped.map_or(rest.len(), |(_, length)| length)..];
        Some(escaped.map(|(octet, _)| Octet::Escaped(octet)).ok_or(BadEscape))
    })
}

/// Returns the octets of a text with escapes resolved.
pub(super) fn resolved(text: &str) -> Result<Vec<u8>, BadEscape> {
    octets(text).map(|octet| octet.map(|(Octet::Plain(octet) | Octet::Escaped(octet))| octet)).collect()
}

/// Returns the octet after a backslash, and the length of its notation.
fn parse_escape(text: &[u8]) -> Option<(u8, usize)> {
    match *text {
        [a, b, c, ..] if [a, b, c].iter().all(u8::is_ascii_digit) => {
            let digit = |digit: u8| u16::from(digit - b'0');
            let octet = u8::try_from(digit(a) * 100 + digit(b) * 10 + digit(c)).ok()?;
            Some((octet, 3))
        }
        [first, ..] if !first.is_ascii_digit() => Some((first, 1)),
        _ => None,
    }
}

/// Appends one octet of a name in canonical form: characters with a special meaning get a backslash, octets that are
/// not visible are written as `\DDD`.
pub(super) fn push_octet(out: &mut String, octet: u8) {
    if is_special(octet) {
        out.push('\\');
        out.push(octet.into());
    } else if octet.is_ascii_graphic() {
        out.push(octet.into());
    } else {
        push_number(out, octet);
    }
}

/// Appends an octet as `\DDD`, with its value in decimal.
pub(super) fn push_number(out: &mut String, octet: u8) {
    out.push('\\');
    out.extend([octet / 100, octet / 10 % 10, octet % 10].map(|digit| char::from(b'0' + digit)));
}

/// Returns whether a visible octet has a special meaning in the presentation format.
pub(super) fn is_special(octet: u8) -> bool {
    matches!(octet, b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@')
}

/// Returns the position of the first unescaped occurrence of an ASCII character.
pub(super) fn find_unescaped(text: &str, wanted: u8) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|octet| {
        let found = octet == wanted && !is_escaped;
        is_escaped = octet == b'\\' && !is_escaped;
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&[u8], BadEscape>) {
        assert_eq!(resolved(text).as_deref().map_err(|error| *error), expected, "{text}");
    }

    #[test]
    fn octets_resolve_escapes() {
        check("", Ok(b""));
        check(r"a\032b", Ok(b"a b"));
        check(r"a\.b\\", Ok(b"a.b\\"));
        check(r"\000\255", Ok(&[0, 255]));
        check(r"\0461", Ok(b".1"));
        check("\\\u{e9}", Ok("\u{e9}".as_bytes()));
    }

    #[test]
    fn octets_incomplete_escape_is_an_error() {
        for text in ["\\", r"a\", r"\1", r"\12", r"\12a", r"\256", r"\999"] {
            check(text, Err(BadEscape));
        }
    }

    #[test]
    fn find_unescaped_skips_escaped_characters() {
        assert_eq!(find_unescaped(r"a\.b.c", b'.'), Some(4));
        assert_eq!(find_unescaped(r"a\\.c", b'.'), Some(3));
        assert_eq!(find_unescaped(r"a\.", b'.'), None);
    }

    proptest! {
        #[test]
        fn octets_of_any_text_terminate(text in ".*") {
            prop_assert!(octets(&text).count() <= text.len());
        }

        #[test]
        fn push_octet_round_trips(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut text = String::new();
            octets.iter().for_each(|&octet| push_octet(&mut text, octet));
            check(&text, Ok(&octets));
            prop_assert_eq!(find_unescaped(&text, b'.'), None);
        }
    }
}
