//! How a text of somebody else is written in a file that we generate, so that a reader of the file gets the same text and
//! nothing more. One function for each notation; each returns printable text on one line.

use stixmap_engine::printable;

/// A text as a YAML scalar, also inside of `[…]` and `{…}`: always in double quotes, with all that is not printable escaped,
/// so that YAML 1.1 and 1.2 read the same.
pub(crate) fn yaml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for sign in text.chars() {
        match sign {
            '"' | '\\' => out.extend(['\\', sign]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            sign if is_printable(sign) => out.push(sign),
            sign => out.push_str(&yaml_number(u32::from(sign))),
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

fn is_printable(sign: char) -> bool {
    printable::first_unprintable(sign.encode_utf8(&mut [0; 4])).is_none()
}

/// The same on a line of its own, without quotes where every YAML reads it as this text.
pub(crate) fn yaml_line(text: &str) -> String {
    let is_same = || {
        let read = serde_yaml::from_str::<serde_yaml::Value>(&format!("a: {text}\n"));
        read.is_ok_and(|read| read.get("a").and_then(serde_yaml::Value::as_str) == Some(text))
    };
    let is_plain = is_text_to_all(text) && printable::first_unprintable(text).is_none() && is_same();
    if is_plain { text.to_owned() } else { yaml(text) }
}

/// YAML 1.1, which Kubernetes reads, has more words for truth, numbers with colons and underscores, and `=` for a default.
fn is_text_to_all(text: &str) -> bool {
    let is_word = matches!(text.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "=" | "<<");
    let is_number = text.starts_with(|sign: char| sign.is_ascii_digit() || "+-.".contains(sign));
    !is_word && !is_number
}

/// A text as a literal block of YAML, each line behind `indent`, or in quotes where a block would not keep it.
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

/// A text as a value in a `.env` file of Docker Compose. Single quotes keep all but themselves; in double quotes `\` escapes,
/// which takes what stands at the end of a line or in single quotes could not. What no escape can say is made visible.
pub(crate) fn dotenv(text: &str) -> String {
    let is_plain = |sign: char| sign.is_alphanumeric() || " ._-:/,+@=%".contains(sign);
    let visible: String = text.split_inclusive(['\n', '\r', '\t']).map(visible_but_last).collect();
    if visible.chars().all(is_plain) && visible.trim() == visible {
        return visible;
    }
    if !visible.contains(['\\', '\n', '\r', '\t']) {
        return format!("'{}'", visible.replace('\'', "\\'"));
    }
    let mut out = String::from("\"");
    for sign in visible.chars() {
        match sign {
            '"' | '\\' | '$' => out.extend(['\\', sign]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

/// A piece of a text with its unprintable characters escaped, but for a line end or tab that it ends with.
fn visible_but_last(piece: &str) -> String {
    let end = piece.trim_end_matches(['\n', '\r', '\t']).len();
    format!("{}{}", printable::line(&piece[..end]), &piece[end..])
}

/// A text as the value of an attribute of XML, which no reference lets hold a control character (XML 1.0 §2.2).
pub(crate) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in printable::line(text).chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            sign => out.push(sign),
        }
    }
    out
}

/// A text as prose in Markdown: no sign of it marks anything up, be it HTML, a link, a column, or the start of a block.
pub(crate) fn markdown(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (i, sign) in text.char_indices() {
        let starts_block = (i == 0 && matches!(sign, '#' | '+' | '-' | '=' | '~' | ':'))
            || (i == digits
                && digits > 0
                && matches!(sign, '.' | ')')
                && !text[i + 1..].starts_with(|next| next != ' '));
        if starts_block || matches!(sign, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '$' | '~') {
            out.push('\\');
        }
        out.push(sign);
    }
    // A bare address becomes a link by itself.
    out.replace("://", ":\\//").replace("www.", "www\\.").replace('@', "\\@")
}

/// A text as code in Markdown: between more backticks than it has, with no column in it. Nothing where there is no text.
pub(crate) fn code(text: &str) -> String {
    let text = without_columns(&one_line(text));
    let longest = text.split(|sign| sign != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.starts_with('`') || text.ends_with('`') {
        _ if text.is_empty() => String::new(),
        true => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// A text whose `|` part no cells of a table: behind an odd number of backslashes, whether or not a reader takes two for one.
fn without_columns(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign == '|' {
            let backslashes = out.len() - out.trim_end_matches('\\').len();
            out.push_str(if backslashes.is_multiple_of(2) { "\\" } else { "\\\\" });
        }
        out.push(sign);
    }
    out
}

/// An address of the web as a link in Markdown; any other text as code.
pub(crate) fn link(text: &str) -> String {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_address = |byte: u8| byte.is_ascii_graphic() && !b"<>\"`{}|\\^".contains(&byte);
    if is_web && text.bytes().all(is_address) { format!("<{text}>") } else { code(text) }
}

/// A text inside a node of a Mermaid diagram.
pub(crate) fn mermaid(text: &str) -> String {
    let mut out = String::from("\"");
    for sign in one_line(text).chars() {
        match sign {
            '"' => out.push_str("#quot;"),
            '<' | '>' | '&' | '#' | '`' | '\\' | ';' => out.push_str(&format!("#{};", u32::from(sign))),
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

/// A text without breaks, each run of blanks as one, and the rest printable.
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
    fn text_is_quoted_for_its_place() {
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

    /// A value of a `.env` file, as Docker Compose documents it: single quotes are literal but for `\'`; in double quotes `\`
    /// escapes, and an unescaped `$` is replaced; without quotes ` #` starts a comment. None where the value is not closed.
    pub(crate) fn read_dotenv(line: &str) -> Option<String> {
        let Some(quote @ ('\'' | '"')) = line.chars().next() else {
            let value = line.split(" #").next()?.trim();
            return (!value.contains(['$', '\n'])).then(|| value.to_owned());
        };
        let (mut value, mut signs) = (String::new(), line[1..].chars());
        loop {
            match (signs.next()?, quote) {
                (sign, quote) if sign == quote => return signs.as_str().is_empty().then_some(value),
                ('\\', '\'') => match signs.clone().next() {
                    Some('\'') => value.extend(signs.next()),
                    _ => value.push('\\'),
                },
                ('\\', _) => match signs.next()? {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    sign @ ('"' | '\\' | '$') => value.push(sign),
                    _ => return None,
                },
                ('$', '"') => return None,
                (sign, _) => value.push(sign),
            }
        }
    }

    /// What a `.env` file can hold of a text.
    pub(crate) fn visible(text: &str) -> String {
        text.split_inclusive(['\n', '\r', '\t']).map(visible_but_last).collect()
    }

    /// Much that means something in one of the notations.
    pub(crate) fn hostile() -> impl Strategy<Value = String> {
        let signs = vec![
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
        let piece = prop_oneof!["[a-z0-9 ]{0,3}", prop::sample::select(signs).prop_map(str::to_owned)];
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
            for sign in ["<", ">", "`", "|", "[", "]", "*", "_", "&"] {
                prop_assert!(!prose.replace(&format!("\\{sign}"), "").contains(sign), "{}", prose);
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
            prop_assert!(inner.split(|sign| sign != '`').all(|run| run.len() != fence || run.is_empty()), "{}", written);
        }
    }
}
