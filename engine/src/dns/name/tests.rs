use super::*;
use proptest::prelude::*;

fn check(text: &str, expected: Result<&str, NameError>) {
    assert_eq!(Name::parse(text).map(|name| name.to_string()), expected.map(str::to_owned), "{text}");
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

#[test]
fn parse_valid_name_returns_canonical_form() {
    for (text, canonical) in [
        (".", "."),
        ("com", "com"),
        ("example.com.", "example.com"),
        ("WWW.EXAMPLE.COM", "www.example.com"),
        ("_spf.example.com", "_spf.example.com"),
        ("_dmarc.Example.com.", "_dmarc.example.com"),
        ("-a-.example.com", "-a-.example.com"),
        ("a--b.example.com", "a--b.example.com"),
        ("1.example.com", "1.example.com"),
        ("example.1a", "example.1a"),
        ("0/26.2.0.192.in-addr.arpa", "0/26.2.0.192.in-addr.arpa"),
        ("0-26.2.0.192.in-addr.arpa", "0-26.2.0.192.in-addr.arpa"),
        ("1.2.0.192.in-addr.arpa", "1.2.0.192.in-addr.arpa"),
        ("a:b.example.com", "a:b.example.com"),
        ("192.0.2.1.example.com", "192.0.2.1.example.com"),
        ("example.com.192.0", "example.com.192.0"),
    ] {
        check(text, Ok(canonical));
    }
}

#[test]
fn parse_escapes_returns_canonical_escapes() {
    for (text, canonical) in [
        (r"first\.last.example.com", r"first\.last.example.com"),
        (r"first\046last.example.com", r"first\.last.example.com"),
        (r"\119\087\W.example.com", "www.example.com"),
        (r"a\032b.example.com", r"a\032b.example.com"),
        (r"a\ b.example.com", r"a\032b.example.com"),
        (r"\255\000.example.com", r"\255\000.example.com"),
        (r"a\064b\059\040\041\034.example.com", r#"a\@b\;\(\)\".example.com"#),
        (r"a\\.example.com.", r"a\\.example.com"),
        (r"a\\.", r"a\\"),
        (r"a\.", r"a\."),
        (r"\*.example.com", "*.example.com"),
        ("a$b!.example.com", "a$b!.example.com"),
    ] {
        check(text, Ok(canonical));
    }
}

#[test]
fn parse_non_ascii_returns_a_labels() {
    for (text, canonical) in [
        ("bücher.example.com", "xn--bcher-kva.example.com"),
        ("BÜCHER.example.com.", "xn--bcher-kva.example.com"),
        ("_x.*.bücher.example", "_x.*.xn--bcher-kva.example"),
        ("例え。example。com。", "xn--r8jz45g.example.com"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("xn--bcher-kva.example.com", "xn--bcher-kva.example.com"),
        ("XN--BCHER-KVA.example.com", "xn--bcher-kva.example.com"),
        ("xn--99999999.example.com", "xn--99999999.example.com"),
        ("。", "."),
    ] {
        check(text, Ok(canonical));
    }
}

#[test]
fn parse_invalid_name_returns_reason() {
    use NameError::*;
    for (text, error) in [
        ("", Empty),
        ("\u{ad}", Empty),
        ("..", EmptyLabel),
        (".example.com", EmptyLabel),
        ("a..example.com", EmptyLabel),
        ("ü..example.com", EmptyLabel),
        ("example.com..", EmptyLabel),
        ("resolve ip", Character(' ')),
        (" example.com", Character(' ')),
        ("example.com\n", Character('\n')),
        ("a\0.example.com", Character('\0')),
        ("bücher .example.com", Character(' ')),
        ("a\u{a0}b", Character('\u{a0}')),
        ("hostmaster@example.com", Character('@')),
        ("\"example.com\"", Character('"')),
        ("example.com;", Character(';')),
        (r"a\", Escape),
        (r"a\1.example.com", Escape),
        (r"a\256.example.com", Escape),
        (r"ü\046.example.com", International),
        ("a＼046.example.com", International),
        ("\u{fffd}.example.com", International),
        ("192.0.2.1", Address),
        ("192.0.2.1.", Address),
        (r"\049\057\050.0.2.1", Address),
        ("１９２.0.2.1", Address),
        ("192.000.002.001", Address),
        ("192.0.2.256", Address),
        ("3221225985", Address),
        ("2001:db8::1", Address),
        ("2001:DB8::1.", Address),
        ("::ffff:192.0.2.1", Address),
        ("fe80::1%eth0", Address),
        ("[2001:db8::1]:53", Address),
        ("192.0.2.1:53", Address),
        ("192.0.2.0/24", Network),
        ("2001:db8::/32", Network),
        ("192.0.2.1-192.0.2.9", Network),
        ("https://example.com/a", Url),
        ("example.com:443", Url),
    ] {
        check(text, Err(error));
    }
}

#[test]
fn parse_limits_wire_length() {
    let label = "a".repeat(63);
    check(&label, Ok(&label));
    check(&"a".repeat(64), Err(NameError::LongLabel));
    check(&r"\065".repeat(63), Ok(&label));
    check(&r"\065".repeat(64), Err(NameError::LongLabel));
    check(&"ü".repeat(64), Err(NameError::LongLabel));
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    check(&format!("{longest}."), Ok(&longest));
    check(&format!("{longest}a"), Err(NameError::TooLong));
    let escaped = longest.replace('a', r"\255");
    check(&escaped, Ok(&escaped));
    check(&"a".repeat(1_000_000), Err(NameError::TooLong));
    check(&"ü.".repeat(1_000_000), Err(NameError::TooLong));
}

#[test]
fn labels_ignore_escaped_dots() {
    for (text, labels) in [
        (".", &[][..]),
        ("com", &["com"]),
        ("www.example.com", &["www", "example", "com"]),
        (r"first\.last.example.com", &[r"first\.last", "example", "com"]),
        (r"a\\.example", &[r"a\\", "example"]),
    ] {
        assert_eq!(name(text).labels().collect::<Vec<_>>(), labels, "{text}");
    }
}

#[test]
fn is_wildcard_requires_whole_first_or_last_label() {
    for (text, canonical, is_wildcard) in [
        ("*", "*", true),
        ("*.example.com.", "*.example.com", true),
        ("_WILDCARD_.example.com.", "*.example.com", true),
        ("_wildcard_", "*", true),
        ("example.*", "example.*", true),
        ("a._wildcard_.example.com", "a._wildcard_.example.com", false),
        ("_wildcard_a.example.com", "_wildcard_a.example.com", false),
        ("a*.example.com", "a*.example.com", false),
        (r"a\.*", r"a\.*", false),
        (".", ".", false),
    ] {
        check(text, Ok(canonical));
        assert_eq!(name(text).is_wildcard(), is_wildcard, "{text}");
    }
}

#[test]
fn to_unicode_converts_valid_a_labels_only() {
    for (text, unicode) in [
        ("xn--bcher-kva.example.com", "bücher.example.com"),
        ("xn--99999999.xn--bcher-kva.example", "xn--99999999.bücher.example"),
        (r"first\.last.xn--bcher-kva.example", r"first\.last.bücher.example"),
        ("xn--.example.com", "xn--.example.com"),
        ("example.com", "example.com"),
        (".", "."),
    ] {
        assert_eq!(name(text).to_unicode(), unicode, "{text}");
    }
}

#[test]
fn reverse_address_requires_complete_reverse_name() {
    let nibbles = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";
    for (text, address) in [
        ("1.2.0.192.in-addr.arpa", Some("192.0.2.1")),
        ("1.2.0.192.IN-ADDR.ARPA.", Some("192.0.2.1")),
        (&format!("{nibbles}.ip6.arpa"), Some("2001:db8::1")),
        ("2.0.192.in-addr.arpa", None),
        ("9.1.2.0.192.in-addr.arpa", None),
        ("01.2.0.192.in-addr.arpa", None),
        ("+1.2.0.192.in-addr.arpa", None),
        ("256.2.0.192.in-addr.arpa", None),
        ("1.0/26.2.0.192.in-addr.arpa", None),
        ("1.2.0.192.in-addr.example.com", None),
        ("1.2.0.192.xin-addr.arpa", None),
        ("in-addr.arpa", None),
        (r"1.2.0.192\.in-addr.arpa", None),
        (&format!("{}.ip6.arpa", &nibbles[2..]), None),
        (&format!("0.{nibbles}.ip6.arpa"), None),
        (&format!("{}g.ip6.arpa", &nibbles[..62]), None),
        (&format!("{}.ip6.int", nibbles), None),
    ] {
        assert_eq!(name(text).reverse_address().map(|address| address.to_string()).as_deref(), address, "{text}");
    }
}

#[test]
fn join_appends_origin_to_relative_name() {
    for (origin, relative, expected) in [
        ("example.com", "", Ok("example.com")),
        ("example.com", "@", Ok("example.com")),
        ("example.com", "WWW", Ok("www.example.com")),
        ("example.com", "a.b", Ok("a.b.example.com")),
        ("example.com", "*", Ok("*.example.com")),
        ("example.com", "_WILDCARD_", Ok("*.example.com")),
        ("example.com", "bücher", Ok("xn--bcher-kva.example.com")),
        ("in-addr.arpa", "1.2.0.192", Ok("1.2.0.192.in-addr.arpa")),
        ("2.0.192.in-addr.arpa", "0/26", Ok("0/26.2.0.192.in-addr.arpa")),
        (r"a\.b.example", "ü", Ok(r"xn--tda.a\.b.example")),
        (".", "com", Ok("com")),
        (".", "", Ok(".")),
        (".", "192.0.2.1", Err(NameError::Address)),
        ("example.com", "www.", Err(NameError::EmptyLabel)),
        ("example.com", ".", Err(NameError::EmptyLabel)),
        ("example.com", "a b", Err(NameError::Character(' '))),
    ] {
        let joined = name(origin).join(relative).map(|name| name.to_string());
        assert_eq!(joined, expected.map(str::to_owned), "{relative} + {origin}");
    }
}

#[test]
fn error_messages_name_the_reason() {
    assert_eq!(NameError::LongLabel.to_string(), "label longer than 63 octets");
    assert_eq!(NameError::Character('\n').to_string(), r"unescaped character `\010`");
}

/// Checks the invariants of parsing, which hold for every text.
fn check_invariants(text: &str) -> Result<(), TestCaseError> {
    let Ok(name) = Name::parse(text) else { return Ok(()) };
    prop_assert_eq!(Name::parse(name.as_str()), Ok(name.clone()));
    prop_assert_eq!(Name::parse(&format!("{}.", name.as_str().trim_end_matches('.'))).is_ok(), true);
    prop_assert!(name.as_str().is_ascii() && name.as_str() == name.as_str().to_ascii_lowercase());
    prop_assert_eq!(name.is_root(), name.labels().next().is_none());
    prop_assert!(name.is_root() || name.labels().collect::<Vec<_>>().join(".") == name.as_str());
    prop_assert!(parse_address(name.as_str()).is_err());
    if let Ok(again) = Name::parse(&name.to_unicode()) {
        prop_assert_eq!(again, name);
    }
    Ok(())
}

proptest! {
    #[test]
    fn invariants_hold_for_any_text(text in ".*") {
        check_invariants(&text)?;
    }

    #[test]
    fn invariants_hold_for_hostile_text(text in r#"([a-cA-C0-9:/%_*@" -]|\.|\\|\\[0-9]{3}|xn--|ü|。|ß|א|\.in-addr\.arpa){0,40}"#) {
        check_invariants(&text)?;
    }

    #[test]
    fn invariants_hold_for_plausible_names(text in r"[a-zA-Z0-9_-]{1,20}(\.[a-zA-Z0-9-]{1,20}){0,4}\.?") {
        check_invariants(&text)?;
        let name = Name::parse(&text);
        prop_assert_eq!(name.is_ok(), !are_numbers(text.trim_end_matches('.')), "{:?}", name);
    }

    #[test]
    fn invariants_hold_for_escaped_octets(octets in prop::collection::vec(any::<u8>(), 1..63)) {
        let text: String = octets.iter().map(|octet| format!("\\{octet:03}")).collect();
        check_invariants(&format!("{text}.example.com"))?;
        prop_assert_eq!(name(&format!("{text}.example.com")).labels().count(), 3);
    }

    #[test]
    fn reverse_address_returns_any_ipv4_address(address: Ipv4Addr) {
        let [a, b, c, d] = address.octets();
        let name = name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa"));
        prop_assert_eq!(name.reverse_address(), Some(address.into()));
    }

    #[test]
    fn join_result_ends_with_origin(relative in r"([a-z]{1,9}\.){0,3}[a-z]{1,9}", origin in "[a-z]{1,9}") {
        let joined = name(&origin).join(&relative);
        prop_assert_eq!(joined, Ok(name(&format!("{relative}.{origin}"))));
    }
}
