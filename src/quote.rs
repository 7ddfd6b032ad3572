//! Quotes untrusted text for generated files, so that parsers read exactly the same text and no markup. One function per
//! notation; each returns printable text on one line.

use stixmap_engine::printable;

/// Returns a double-quoted YAML scalar, also valid inside of `[…]` and `{…}`. Unprintable characters are escaped, so that
/// YAML 1.1 and 1.2 read the same text.
pub(crate) fn yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&yaml_number(u32::from(c))),
        }
    }
    out.push('"');
    out
}

fn yaml_number(number: u32) -> String {
    match number {
        0..=0xff => format!("\\x{number:02x}"),
        0x100..=0xffff => format!("\\u{number:04x}"),
        _ => format!("\\U{number:08x}"),
    }
}

fn is_printable(c: char) -> bool {
    printable::first_unprintable(c.encode_utf8(&mut [0; 4])).is_none()
}

/// Returns a YAML scalar for a block mapping; without quotes if YAML 1.1 and 1.2 read it as this string.
pub(crate) fn yaml_line(text: &str) -> String {
    let is_same = || {
        let read = serde_yaml::from_str::<serde_yaml::Value>(&format!("a: {text}\n"));
        read.is_ok_and(|read| read.get("a").and_then(serde_yaml::Value::as_str) == Some(text))
    };
    let is_plain = is_string_in_yaml_1_1(text) && printable::first_unprintable(text).is_none() && is_same();
    if is_plain { text.to_owned() } else { yaml(text) }
}

/// Returns whether YAML 1.1, which Kubernetes uses, reads a string: it has more booleans, numbers with `:` and `_`, and `=`.
fn is_string_in_yaml_1_1(text: &str) -> bool {
    let is_word = matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "=" | "<<");
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    !is_word && !is_number
}

/// Returns a literal block scalar with each line after `indent`, or a quoted scalar if a block would change the text.
pub(crate) fn yaml_block(text: &str, indent: &str) -> String {
    let lines = text.strip_suffix('\n').filter(|lines| !lines.ends_with('\n') && !lines.is_empty());
    match lines.filter(|lines| lines.split('\n').all(|line| printable::first_unprintable(line).is_none())) {
        None => yaml(text),
        Some(lines) => {
            let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("\n{indent}{line}") };
            format!("|2{}", lines.split('\n').map(line).collect::<String>())
        }
    }
}

/// Returns a value for a `.env` file of Docker Compose: in single quotes, or in double quotes if it contains `\` or a line end.
/// Other unprintable characters have no escape there and are replaced by visible ones.
pub(crate) fn dotenv(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || " ._-:/,+@=%".contains(c);
    let visible: String = text.split_inclusive(['\n', '\r', '\t']).map(visible_but_last).collect();
    if visible.chars().all(is_plain) && visible.trim() == visible {
        return visible;
    }
    if !visible.contains(['\\', '\n', '\r', '\t']) {
        return format!("'{}'", visible.replace('\'', "\\'"));
    }
    let mut out = String::from("\"");
    for c in visible.chars() {
        match c {
            '"' | '\\' | '$' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Escapes the unprintable characters of a text, except for line ends and tabs at its end.
fn visible_but_last(piece: &str) -> String {
    let end = piece.trim_end_matches(['\n', '\r', '\t']).len();
    format!("{}{}", printable::line(&piece[..end]), &piece[end..])
}

/// Returns the value of an XML attribute. Control characters are replaced: XML has no escape for them (XML 1.0 §2.2).
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable::line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

/// Returns Markdown prose with every markup character escaped: HTML, links, table columns and starts of blocks.
pub(crate) fn markdown(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (i, c) in text.char_indices() {
        let starts_block = (i == 0 && matches!(c, '#' | '+' | '-' | '=' | '~' | ':'))
            || (i == digits && digits > 0 && matches!(c, '.' | ')') && !text[i + 1..].starts_with(|next| next != ' '));
        if starts_block || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '$' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    // GitHub turns a bare URL into a link.
    out.replace("://", ":\\//").replace("www.", "www\\.").replace('@', "\\@")
}

/// Returns a code span in Markdown, delimited by more backticks than the text contains; empty for an empty text.
pub(crate) fn code(text: &str) -> String {
    let text = without_columns(&one_line(text));
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.starts_with('`') || text.ends_with('`') {
        _ if text.is_empty() => String::new(),
        true => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// Escapes `|` for table cells: after an odd number of backslashes, whether or not a parser reads two as one.
fn without_columns(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '|' {
            let backslashes = out.len() - out.trim_end_matches('\\').len();
            out.push_str(if backslashes.is_multiple_of(2) { "\\" } else { "\\\\" });
        }
        out.push(c);
    }
    out
}

/// Returns an HTTP URL as a link in Markdown, any other text as code.
pub(crate) fn link(text: &str) -> String {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_address = |byte: u8| byte.is_ascii_graphic() && !b"<>\"`{}|\\^".contains(&byte);
    if is_web && text.bytes().all(is_address) { format!("<{text}>") } else { code(text) }
}

/// Returns the label of a node in a Mermaid diagram.
pub(crate) fn mermaid(text: &str) -> String {
    let mut out = String::from("\"");
    for c in one_line(text).chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' | '>' | '&' | '#' | '`' | '\\' | ';' => out.push_str(&format!("#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Returns printable text on one line, with runs of whitespace replaced by a space.
pub(crate) fn one_line(text: &str) -> String {
    printable::line(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(quote: fn(&str) -> String, text: &str, expected: &str) {
        assert_eq!(quote(text), expected);
    }

    #[test]
    fn text_is_quoted_for_each_notation() {
        check(yaml_line, "Acme DNS", "Acme DNS");
        check(yaml_line, "TLP:AMBER", "TLP:AMBER");
        check(yaml_line, "false", "\"false\"");
        check(yaml_line, "off", "\"off\"");
        check(yaml_line, "9095", "\"9095\"");
        check(yaml_line, "a: b", "\"a: b\"");
        check(yaml_line, "a #b", "\"a #b\"");
        check(yaml_line, "a\nb", "\"a\\nb\"");
        check(yaml_line, "", "\"\"");
        check(yaml, "a\u{2028}b\u{85}\u{e0041}", "\"a\\u2028b\\x85\\U000e0041\"");
        check(dotenv, "Acme DNS", "Acme DNS");
        check(dotenv, " Acme", "' Acme'");
        check(dotenv, "a #b $HOME", "'a #b $HOME'");
        check(dotenv, "it's", "'it\\'s'");
        check(dotenv, "C:\\", "\"C:\\\\\"");
        check(dotenv, "a\nB=${C}\\", "\"a\\nB=\\${C}\\\\\"");
        check(dotenv, "a\u{2028}b", "\"a\\\\u{2028}b\"");
        check(markdown, "<script>a</script>", "\\<script\\>a\\</script\\>");
        check(markdown, "1. [x](y)", "1\\. \\[x\\](y)");
        check(code, "a`b|c", "``a`b\\|c``");
        check(code, "`", "`` ` ``");
        check(code, "a\\|", "`a\\\\\\|`");
        check(link, "https://a.example/?b=1#c", "<https://a.example/?b=1#c>");
        check(link, "https://a.example/><script>", "`https://a.example/><script>`");
        check(link, "javascript:alert(1)", "`javascript:alert(1)`");
        check(mermaid, "say \"no\"", "\"say #quot;no#quot;\"");
    }

    /// Parses a value of a `.env` file as Docker Compose documents it: single quotes are literal except for `\'`; in double
    /// quotes `\` escapes, and an unescaped `$` is replaced; without quotes ` #` starts a comment. None if a quote is missing.
    pub(crate) fn read_dotenv(line: &str) -> Option<String> {
        let Some(quote @ ('\'' | '"')) = line.chars().next() else {
            let value = line.split(" #").next()?.trim();
            return (!value.contains(['$', '\n'])).then(|| value.to_owned());
        };
        let (mut value, mut chars) = (String::new(), line[1..].chars());
        loop {
            match (chars.next()?, quote) {
                (c, quote) if c == quote => return chars.as_str().is_empty().then_some(value),
                ('\\', '\'') => match chars.clone().next() {
                    Some('\'') => value.extend(chars.next()),
                    _ => value.push('\\'),
                },
                ('\\', _) => match chars.next()? {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    c @ ('"' | '\\' | '$') => value.push(c),
                    _ => return None,
                },
                ('$', '"') => return None,
                (c, _) => value.push(c),
            }
        }
    }

    /// Returns what a `.env` file can contain of a text.
    pub(crate) fn visible(text: &str) -> String {
        text.split_inclusive(['\n', '\r', '\t']).map(visible_but_last).collect()
    }

    /// Generates text with characters that have a meaning in one of the notations.
    pub(crate) fn hostile() -> impl Strategy<Value = String> {
        let chars = vec![
            "\n",
            "\r",
            "\t",
            "\u{2028}  K: v\u{2028}",
            "\u{85}",
            "\u{202e}",
            "\u{1b}",
            "\u{feff}",
            "'",
            "\"",
            "\\",
            "$",
            "${A:-b}",
            "$$",
            "#",
            " #",
            ": ",
            "- ",
            "%",
            "!",
            "&a",
            "*a",
            "`",
            "|",
            "<script>",
            "](http://x)",
            "{{",
            "}}",
            "{",
            "}",
            "[",
            "]",
            ",",
            "=",
            "\\n",
            "ü",
        ];
        let piece = prop_oneof!["[a-z0-9 ]{0,3}", prop::sample::select(chars).prop_map(str::to_owned)];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    fn is_one_line(text: &str) -> bool {
        printable::first_unprintable(text).is_none()
    }

    proptest! {
        #[test]
        fn yaml_is_read_as_the_same_text(text in hostile()) {
            for (file, written) in [
                (format!("a: {}\nb: 1\n", yaml_line(&text)), yaml_line(&text)),
                (format!("{{ a: {}, b: 1 }}\n", yaml(&text)), yaml(&text)),
            ] {
                prop_assert!(is_one_line(&written));
                let read: serde_yaml::Value = serde_yaml::from_str(&file).expect("YAML");
                prop_assert_eq!(read["a"].as_str(), Some(text.as_str()), "{}", file);
                prop_assert_eq!(read.as_mapping().map(|map| map.len()), Some(2));
            }
        }

        #[test]
        fn yaml_block_is_read_as_the_same_text(text in hostile(), more in "( |a|\n|\t|#|---){0,5}\n?") {
            let text = text + &more;
            let file = format!("a:\n  b: {}\n  c: 1\n", yaml_block(&text, "    "));
            prop_assert!(file.split('\n').all(is_one_line), "{}", file);
            let read: serde_yaml::Value = serde_yaml::from_str(&file).expect("YAML");
            prop_assert_eq!(read["a"]["b"].as_str(), Some(text.as_str()), "{}", file);
            prop_assert_eq!(read["a"].as_mapping().map(|map| map.len()), Some(2));
        }

        #[test]
        fn dotenv_is_read_as_the_same_text(text in hostile()) {
            let written = dotenv(&text);
            prop_assert!(is_one_line(&written));
            let expected = visible(&text);
            prop_assert_eq!(read_dotenv(&written), Some(expected), "{}", written);
        }

        #[test]
        fn markdown_and_diagram_have_no_markup(text in hostile()) {
            let prose = markdown(&text).replace("\\\\", "");
            prop_assert!(is_one_line(&prose));
            for c in ["<", ">", "`", "|", "[", "]", "*", "_", "&"] {
                prop_assert!(!prose.replace(&format!("\\{c}"), "").contains(c), "{}", prose);
            }
            let label = mermaid(&text);
            prop_assert!(is_one_line(&label) && !label[1..label.len() - 1].contains(['"', '<', '>', '`']), "{}", label);
        }

        #[test]
        fn xml_adds_no_element_and_no_attribute(text in hostile()) {
            let written = xml(&text);
            prop_assert!(is_one_line(&written) && !written.contains(['<', '>', '"', '\'']), "{}", written);
            let plain = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"].iter().fold(written, |text, name| text.replace(name, ""));
            prop_assert!(!plain.contains('&'), "{}", plain);
        }

        #[test]
        fn code_is_closed_by_its_own_fence(text in hostile()) {
            let written = code(&text);
            prop_assert!(is_one_line(&written));
            let fence = written.bytes().take_while(|byte| *byte == b'`').count();
            let inner = &written[fence..written.len() - fence];
            prop_assert!(inner.split(|c| c != '`').all(|run| run.len() != fence || run.is_empty()), "{}", written);
        }
    }
}
