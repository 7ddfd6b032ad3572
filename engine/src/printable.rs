//! Text for display: which characters may be printed, and how all others are escaped so that they are visible.
//! Terminals, log viewers and spreadsheets interpret control characters; bidirectional controls and invisible
//! characters make a text look like another one.
//!
//! ASCII control characters take the presentation format of DNS, `\DDD` with the octet in decimal (RFC 1035 §5.1). All
//! other characters take `\u{…}` with the code point in hexadecimal, because `\DDD` of their UTF-8 octets names no
//! character.

use regex::Regex;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::LazyLock;

/// Control, format, private-use and unassigned characters, line and paragraph separators, and characters without width.
const CLASS: &str = r"\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}";

static UNPRINTABLE: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("[{CLASS}]")));
static UNPRINTABLE_IN_LINES: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("[[{CLASS}]--\n]")));

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the classes are defined by Unicode")
}

/// Returns the first character that must be escaped for display, with its byte offset.
pub fn first_unprintable(text: &str) -> Option<(usize, char)> {
    let found = UNPRINTABLE.find(text)?;
    Some((found.start(), found.as_str().chars().next()?))
}

/// Returns a name or sentence on one line: every unprintable character is escaped, including line ends. Idempotent, so
/// that parts of the line may already be escaped.
pub fn line(text: &str) -> Cow<'_, str> {
    replace(text, &UNPRINTABLE, push_escaped)
}

/// Returns a text of several lines: like [`line()`], but keeps `\n`.
pub fn lines(text: &str) -> Cow<'_, str> {
    replace(text, &UNPRINTABLE_IN_LINES, push_escaped)
}

/// Returns a single value on one line in a form that can be parsed again: like [`line()`], and a backslash is doubled if
/// it would start an escape.
pub fn value(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return line(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (i, character) in text.char_indices() {
        match character {
            '\\' if starts_escape(&text[i + 1..]) => out.push_str(r"\\"),
            character => out.push(character),
        }
    }
    Cow::Owned(line(&out).into_owned())
}

/// Returns whether a backslash in front of this text would start an escape.
fn starts_escape(behind: &str) -> bool {
    let is_number = behind.len() >= 3 && behind.bytes().take(3).all(|byte| byte.is_ascii_digit());
    let is_before_escape = first_unprintable(behind).is_some_and(|(start, _)| start == 0);
    behind.starts_with('\\') || behind.starts_with("u{") || is_number || is_before_escape
}

/// Returns an equivalent JSON text with unprintable characters as JSON escapes (`\u202e`). Keeps line ends between
/// values.
pub fn json(text: &str) -> Cow<'_, str> {
    replace(text, &UNPRINTABLE_IN_LINES, |out, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// Appends a character as an escape, `\DDD` or `\u{…}`.
pub fn push_escaped(out: &mut String, character: char) {
    let _ = match character.is_ascii() {
        true => write!(out, "\\{:03}", u32::from(character)),
        false => write!(out, "\\u{{{:x}}}", u32::from(character)),
    };
}

fn replace<'t>(text: &'t str, unprintable: &Regex, push: impl Fn(&mut String, char)) -> Cow<'t, str> {
    // Most output is ASCII and needs no search.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut done = 0;
    for found in unprintable.find_iter(text) {
        out.push_str(&text[done..found.start()]);
        found.as_str().chars().for_each(|character| push(&mut out, character));
        done = found.end();
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Characters that a terminal, a log viewer or an editor interprets or does not show.
    const HOSTILE: &[char] = &[
        '\0',
        '\u{7}',
        '\u{8}',
        '\t',
        '\n',
        '\r',
        '\u{b}',
        '\u{1b}',
        '\u{7f}',
        '\u{80}',
        '\u{85}',
        '\u{9b}',
        '\u{9f}',
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{3164}',
        '\u{e000}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{fff9}',
        '\u{fffe}',
        '\u{ffff}',
        '\u{1fffe}',
        '\u{e0041}',
        '\u{e0100}',
        '\u{f0000}',
        '\u{10ffff}',
        '\u{378}',
    ];

    /// Parses the output of [`value`].
    fn unescape(shown: &str) -> String {
        let mut out = String::new();
        let mut rest = shown;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            let digits = rest.get(..3).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
            if character != '\\' {
                out.push(character);
            } else if let Some(digits) = digits {
                out.push(char::from(digits.parse::<u8>().expect("an octet")));
                rest = &rest[3..];
            } else if let Some((number, behind)) = rest.strip_prefix("u{").and_then(|rest| rest.split_once('}')) {
                let number = u32::from_str_radix(number, 16).expect("a number");
                out.push(char::from_u32(number).expect("a character"));
                rest = behind;
            } else {
                out.push('\\');
                rest = rest.strip_prefix('\\').unwrap_or(rest);
            }
        }
        out
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(HOSTILE).prop_map(String::from),
            "[ -~]{0,4}",
            r"\\{1,3}([0-9]{1,4}|u\{[0-9a-f]{1,4}\}?)?",
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn line_escapes_unprintable_characters() {
        let check = |text: &str, expected: &str| assert_eq!(line(text), expected);
        check("a\u{1b}[2Kb", r"a\027[2Kb");
        check("a\tb\r\nc\u{7f}", r"a\009b\013\010c\127");
        check("\u{9b}2J", r"\u{9b}2J");
        check("txt.\u{202e}exe", r"txt.\u{202e}exe");
        check("ex\u{200b}ample", r"ex\u{200b}ample");
        check("Zürich, 東京, naïve – “ok” 🦀 e\u{301}", "Zürich, 東京, naïve – “ok” 🦀 e\u{301}");
        assert_eq!(lines("a\nb\u{1b}\r\n"), "a\nb\\027\\013\n");
        assert_eq!(json("{\"a\": \"\u{202e}\u{e0041}\u{9b}é\"}\n"), "{\"a\": \"\\u202e\\udb40\\udc41\\u009bé\"}\n");
    }

    #[test]
    fn value_doubles_backslash_only_before_escape() {
        let check = |text: &str, expected: &str| assert_eq!(value(text), expected);
        check(r"C:\temp\", r"C:\temp\");
        check(r"\027", r"\\027");
        check(r"\\", r"\\\");
        check("\\\u{1b}", r"\\\027");
        check(r"\u{1b}", r"\\u{1b}");
    }

    #[test]
    fn hostile_characters_are_unprintable() {
        for character in HOSTILE {
            assert_eq!(
                first_unprintable(&format!("ab{character}")),
                Some((2, *character)),
                "{:x}",
                u32::from(*character)
            );
        }
        assert_eq!(first_unprintable("Zürich \u{a0} 東京"), None);
    }

    proptest! {
        #[test]
        fn escaped_text_is_printable(text in hostile()) {
            for shown in [line(&text), value(&text)] {
                prop_assert_eq!(first_unprintable(&shown), None, "{}", shown);
            }
            prop_assert_eq!(first_unprintable(&lines(&text).replace('\n', "")), None);
            prop_assert_eq!(lines(&text).matches('\n').count(), text.matches('\n').count());
        }

        #[test]
        fn line_is_idempotent(text in hostile()) {
            let once = line(&text).into_owned();
            prop_assert_eq!(line(&once), once.as_str());
        }

        #[test]
        fn value_round_trips(text in hostile()) {
            prop_assert_eq!(unescape(&value(&text)), text);
        }

        #[test]
        fn json_is_equivalent(text in hostile()) {
            let written = serde_json::to_string_pretty(&serde_json::json!({ "a": [&text] })).expect("JSON");
            let escaped = json(&written);
            prop_assert_eq!(first_unprintable(&escaped.replace('\n', "")), None);
            let read: serde_json::Value = serde_json::from_str(&escaped).expect("JSON");
            prop_assert_eq!(read["a"][0].as_str(), Some(text.as_str()));
        }
    }
}
