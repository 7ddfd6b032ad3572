//! Reads plain scalars, and writes strings so that they are read as strings.

use serde_json::{Number, Value};

/// Parses a plain scalar by the core schema of YAML 1.2 (§10.3.2). `no`, `on`, `1_000`, `012` and `12:30` are strings;
/// so are `.inf` and `.nan`, which JSON does not have.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::from(text), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return integer_of_base(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return integer_of_base(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return decimal(text, unsigned);
    }
    is_float(unsigned).then(|| text.parse().ok().and_then(Number::from_f64)).flatten()
}

fn integer_of_base(digits: &str, base: u32) -> Option<Number> {
    let all_digits = digits.chars().all(|sign| sign.is_digit(base));
    all_digits.then(|| u64::from_str_radix(digits, base).ok().map(Number::from)).flatten()
}

fn decimal(text: &str, digits: &str) -> Option<Number> {
    // `012` is ten in YAML 1.1 and twelve in YAML 1.2: it is kept as a string.
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| text.parse().ok().and_then(Number::from_f64))
}

/// Matches `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let power = exponent.is_none_or(|power| {
        let power = power.strip_prefix(['-', '+']).unwrap_or(power);
        !power.is_empty() && digits(power)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && power
}

/// Returns the string in quotes.
pub(super) fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// Returns the string, in quotes if necessary.
pub(super) fn written(text: &str) -> String {
    let bare = text.starts_with(|sign: char| sign.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte))
        && plain(text).is_string();
    if bare { text.to_owned() } else { quoted(text) }
}

/// Returns whether the source text of a scalar is quoted.
pub(super) fn is_quoted(text: &str) -> bool {
    text.starts_with(['"', '\''])
}

/// Returns the end of an unquoted string that starts at a byte: a comment, one of `stops`, or the end of the line.
/// A template, `{{ … }}`, belongs to the string.
pub(super) fn extent(text: &str, start: usize, stops: &[char]) -> usize {
    let line = text[start..].lines().next().unwrap_or("");
    // Without it, each `{{` would search the rest of the line.
    let last_end = line.rfind("}}");
    let mut end = 0;
    while let Some(sign) = line[end..].chars().next() {
        let rest = &line[end..];
        if rest.starts_with("{{")
            && last_end.is_some_and(|last| end < last)
            && let Some(length) = rest.find("}}")
        {
            end += length + 2;
        } else if stops.contains(&sign) || (sign == '#' && line[..end].ends_with([' ', '\t'])) {
            break;
        } else {
            end += sign.len_utf8();
        }
    }
    start + line[..end].trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_scalar_follows_core_schema() {
        for text in [
            "NO", "on", "yes", "y", "1_000", "012", "00", "12:30", "0x", "1e", "e3", ".", "-", "+", "0xG", ".inf",
            "1.2.3", "- 1",
        ] {
            assert_eq!(plain(text), json!(text), "{text}");
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(plain(text), Value::Null, "{text}");
        }
        let numbers = [("0", json!(0)), ("-7", json!(-7)), ("+7", json!(7)), ("0x1F", json!(31)), ("0o17", json!(15))];
        let fractions = [
            ("1.10", json!(1.1)),
            (".5", json!(0.5)),
            ("5.", json!(5.0)),
            ("1e3", json!(1000.0)),
            ("-1.5E-1", json!(-0.15)),
        ];
        for (text, value) in numbers.into_iter().chain(fractions) {
            assert_eq!(plain(text), value, "{text}");
        }
        assert_eq!(plain("18446744073709551615"), json!(u64::MAX));
        assert_eq!(plain("99999999999999999999"), json!(1e20));
        assert_eq!(plain("1e999"), json!("1e999"));
    }

    #[test]
    fn quoted_string_is_preserved() {
        assert_eq!(quoted("a: 'b'"), "\"a: 'b'\"");
        assert_eq!(quoted("a \"b\" 'c' \\d"), "'a \"b\" ''c'' \\d'");
        assert_eq!(
            [written("stixmap/v1"), written("1.10"), written("a b"), written("*")],
            ["stixmap/v1", "\"1.10\"", "\"a b\"", "\"*\""]
        );
    }

    #[test]
    fn extent_ends_at_comment_or_stop_character() {
        let ends = |text: &'static str, stops: &[char]| &text[..extent(text, 0, stops)];
        assert_eq!(ends("{{ a }} b # c\nd", &[]), "{{ a }} b");
        assert_eq!(ends("{{ a, b }} b#c, d", &[',']), "{{ a, b }} b#c");
        assert_eq!(ends("x }", &['}']), "x");
        assert_eq!(ends("", &[]), "");
    }
}
