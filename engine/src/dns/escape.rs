//! The escapes of the presentation format (RFC 1035 §5.1): `\DDD` is an octet by its decimal number, `\X` is X without
//! its special meaning. Knows octets only, not what they mean.

/// One octet of a text, and whether a backslash took its special meaning away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Octet {
    /// As it stands.
    Plain(u8),
    /// Behind a backslash, or by its number.
    Escaped(u8),
}

/// A backslash with nothing behind it, or with digits that are no octet's three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadEscape;

/// The octets of a text, its escapes resolved.
pub(super) fn octets(text: &str) -> impl Iterator<Item = Result<Octet, BadEscape>> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, behind) = rest.split_first()?;
        rest = behind;
        if first != b'\\' {
            return Some(Ok(Octet::Plain(first)));
        }
        let escaped = escaped(rest);
        rest = &rest[escaped.map_or(rest.len(), |(_, length)| length)..];
        Some(escaped.map(|(octet, _)| Octet::Escaped(octet)).ok_or(BadEscape))
    })
}

/// The octets of a text, whichever way they were written.
pub(super) fn resolved(text: &str) -> Result<Vec<u8>, BadEscape> {
    octets(text).map(|octet| octet.map(|(Octet::Plain(octet) | Octet::Escaped(octet))| octet)).collect()
}

/// The octet that follows a backslash, and how many octets of text say so.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
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

/// Writes one octet of a name in its canonical spelling: what has a meaning of its own behind a backslash, what cannot
/// be seen by its number.
pub(super) fn push_octet(out: &mut String, octet: u8) {
    if has_meaning(octet) {
        out.push('\\');
        out.push(octet.into());
    } else if octet.is_ascii_graphic() {
        out.push(octet.into());
    } else {
        push_number(out, octet);
    }
}

/// Writes `\DDD`.
pub(super) fn push_number(out: &mut String, octet: u8) {
    out.push('\\');
    out.extend([octet / 100, octet / 10 % 10, octet % 10].map(|digit| char::from(b'0' + digit)));
}

/// Whether the presentation format gives a visible octet a meaning other than itself.
pub(super) fn has_meaning(octet: u8) -> bool {
    matches!(octet, b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@')
}

/// Where an ASCII character stands first with its special meaning.
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
    fn escapes_are_octets() {
        check("", Ok(b""));
        check(r"a\032b", Ok(b"a b"));
        check(r"a\.b\\", Ok(b"a.b\\"));
        check(r"\000\255", Ok(&[0, 255]));
        check(r"\0461", Ok(b".1"));
        check("\\\u{e9}", Ok("\u{e9}".as_bytes()));
    }

    #[test]
    fn half_an_escape_is_refused() {
        for text in ["\\", r"a\", r"\1", r"\12", r"\12a", r"\256", r"\999"] {
            check(text, Err(BadEscape));
        }
    }

    #[test]
    fn a_backslash_hides() {
        assert_eq!(find_unescaped(r"a\.b.c", b'.'), Some(4));
        assert_eq!(find_unescaped(r"a\\.c", b'.'), Some(3));
        assert_eq!(find_unescaped(r"a\.", b'.'), None);
    }

    proptest! {
        #[test]
        fn octets_ends(text in ".*") {
            prop_assert!(octets(&text).count() <= text.len());
        }

        #[test]
        fn written_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut text = String::new();
            octets.iter().for_each(|&octet| push_octet(&mut text, octet));
            check(&text, Ok(&octets));
            prop_assert_eq!(find_unescaped(&text, b'.'), None);
        }
    }
}
