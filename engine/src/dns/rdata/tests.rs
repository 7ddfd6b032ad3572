use super::*;
use proptest::prelude::*;

/// A record type that is not in the table.
const PRIVATE: &str = "TYPE65400";

/// Parses data and compares its canonical form, or the error; valid data must round-trip.
fn check(rrtype: RrType, text: &str, expected: Result<&str, &str>) {
    let parsed = Rdata::parse(rrtype, text);
    check_round_trip(rrtype, &parsed);
    let canonical = parsed.map(|data| data.to_string()).map_err(|error| error.to_string());
    assert_eq!(canonical, expected.map(str::to_owned).map_err(str::to_owned), "{rrtype} {text}");
}

fn check_round_trip(rrtype: RrType, parsed: &Result<Rdata, RdataError>) {
    if let Ok(data) = parsed {
        assert_eq!(&Rdata::parse(rrtype, &data.to_string()), parsed, "{rrtype} {data}");
    }
}

#[test]
fn parse_address_requires_family_of_type() {
    for (rrtype, text, expected) in [
        (RrType::A, "192.0.2.1", Ok("192.0.2.1")),
        (RrType::A, " 192.0.2.1\n", Ok("192.0.2.1")),
        (RrType::A, "0.0.0.0", Ok("0.0.0.0")),
        (RrType::A, "::ffff:192.0.2.1", Ok("192.0.2.1")),
        (RrType::AAAA, "2001:0DB8:0000:0000:0000:0000:0000:0001", Ok("2001:db8::1")),
        (RrType::A, "2001:db8::1", Err("invalid A record data: expected an IPv4 address, found `2001:db8::1`")),
        (RrType::A, "not-an-ip", Err("invalid A record data: expected an IPv4 address, found `not-an-ip`")),
        (RrType::A, "NXDOMAIN", Err("invalid A record data: expected an IPv4 address, found `NXDOMAIN`")),
        (RrType::A, "192.0.2.01", Err("invalid A record data: expected an IPv4 address, found `192.0.2.01`")),
        (RrType::A, "3221225985", Err("invalid A record data: expected an IPv4 address, found `3221225985`")),
        (RrType::A, "192.0.2.0/24", Err("invalid A record data: expected an IPv4 address, found `192.0.2.0/24`")),
        (RrType::A, "", Err("missing data of A record")),
        (RrType::AAAA, "192.0.2.1", Err("invalid AAAA record data: expected an IPv6 address, found `192.0.2.1`")),
        (RrType::AAAA, "::ffff:192.0.2.1", Ok("::ffff:192.0.2.1")),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn parse_name_returns_canonical_form() {
    for (rrtype, text, expected) in [
        (RrType::CNAME, "WWW.Example.com.", Ok("www.example.com")),
        (RrType::NS, " ns1.example.com ", Ok("ns1.example.com")),
        (RrType::PTR, "bücher.example", Ok("xn--bcher-kva.example")),
        (RrType::DNAME, r"a\.b.example.com", Ok(r"a\.b.example.com")),
        (RrType::ALIAS, "_x.example.com", Ok("_x.example.com")),
        (RrType::CNAME, ".", Ok(".")),
        (RrType::NS, "a b", Err("invalid domain name `a b` in NS record: unescaped space")),
        (
            RrType::CNAME,
            "192.0.2.0/24",
            Err("invalid domain name `192.0.2.0/24` in CNAME record: it is a network or an address range"),
        ),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn parse_mx_preference_is_optional() {
    for (rrtype, text, expected) in [
        (RrType::MX, "10 MAIL.example.com.", Ok("10 mail.example.com")),
        (RrType::MX, "mail.example.com.", Ok("mail.example.com")),
        (RrType::MX, "0 .", Ok("0 .")),
        (RrType::MX, "10 198.51.100.7.", Ok("10 198.51.100.7.")),
        (RrType::MX, "10 2001:db8::1", Ok("10 2001:db8::1")),
        (RrType::KX, "1\tkx.example.com", Ok("1 kx.example.com")),
        (RrType::AFSDB, "1 afs.example.com", Ok("1 afs.example.com")),
        (RrType::MX, "10", Err("invalid domain name `10` in MX record: it is an IP address")),
        (
            RrType::MX,
            "+1 mail.example.com",
            Err("invalid MX record data: expected a preference and a domain name, found `+1 mail.example.com`"),
        ),
        (
            RrType::MX,
            "65536 a",
            Err("invalid MX record data: expected a preference and a domain name, found `65536 a`"),
        ),
        (RrType::MX, "1 a b", Err("invalid MX record data: expected a preference and a domain name, found `1 a b`")),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn parse_soa_accepts_complete_or_partial_data() {
    let whole = "ns.example.com hostmaster.example.com 2024010101 7200 3600 1209600 300";
    for (text, expected) in [
        (whole, Ok(whole)),
        ("NS.example.com. HostMaster@example.com. 1 2 3 4 5", Ok("ns.example.com hostmaster.example.com 1 2 3 4 5")),
        (
            r"ns.example.com. first\.last.example.com. 1 2 3 4 5",
            Ok(r"ns.example.com first\.last.example.com 1 2 3 4 5"),
        ),
        (". . 1 2 3 4 5", Ok(". . 1 2 3 4 5")),
        ("ns.example.com.", Ok("ns.example.com")),
        ("hostmaster@example.com", Ok("hostmaster@example.com")),
        ("ns.example.com. hostmaster.example.com.", Ok("ns.example.com hostmaster.example.com")),
        ("ns.example.com. .", Ok("ns.example.com")),
        (". hostmaster.example.com.", Ok("hostmaster@example.com")),
        (".", Ok(".")),
        (
            "ns.example.com. hostmaster.example.com. 1",
            Err(concat!(
                "invalid SOA record data: expected a domain name, a mailbox and five numbers, ",
                "found `ns.example.com. hostmaster.example.com. 1`"
            )),
        ),
        (
            "a b 1 2 3 4 5h",
            Err("invalid SOA record data: expected a domain name, a mailbox and five numbers, found `a b 1 2 3 4 5h`"),
        ),
        ("a b 1 2 3 4 5", Ok("a . 1 2 3 4 5")),
        ("ns.example.com. hostmaster@192.0.2.1 1 2 3 4 5", Ok("ns.example.com . 1 2 3 4 5")),
        ("192.0.2.1. hostmaster.example.com. 1 2 3 4 5", Ok(". hostmaster.example.com 1 2 3 4 5")),
        ("a@192.0.2.1", Err("invalid mailbox `a@192.0.2.1` in SOA record: invalid domain: it is an IP address")),
    ] {
        check(RrType::SOA, text, expected);
    }
}

#[test]
fn parse_text_joins_strings() {
    for (rrtype, text, expected) in [
        (RrType::TXT, r#""a" "b""#, Ok(r#""ab""#)),
        (RrType::TXT, "v=spf1 ip4:192.0.2.0/24 -all", Ok(r#""v=spf1 ip4:192.0.2.0/24 -all""#)),
        (RrType::SPF, r#""v=spf1 -all""#, Ok(r#""v=spf1 -all""#)),
        (RrType::TXT, r#""a\"b\\c\009\195\188""#, Ok(r#""a\"b\\c\009ü""#)),
        (RrType::TXT, r#""\255""#, Ok(r#""\\255""#)),
        (RrType::TXT, r#""""#, Ok(r#""""#)),
        (RrType::TXT, r"\#hash", Ok(r#""\\#hash""#)),
        (RrType::TXT, " ", Err("missing data of TXT record")),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn parse_service_records_require_all_fields() {
    for (rrtype, text, expected) in [
        (RrType::SRV, "0 5 5060 SIP.example.com.", Ok("0 5 5060 sip.example.com")),
        (RrType::SRV, "0 0 0 .", Ok("0 0 0 .")),
        (RrType::HTTPS, "1 . alpn=h2,h3 ipv4hint=192.0.2.1", Ok("1 . alpn=h2,h3 ipv4hint=192.0.2.1")),
        (RrType::SVCB, r#"0  Svc.example.com.  key="a  b" "#, Ok(r#"0 svc.example.com key="a  b""#)),
        (RrType::SVCB, "0 svc.example.com.", Ok("0 svc.example.com")),
        (
            RrType::NAPTR,
            r#"100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" ."#,
            Ok(r#"100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" ."#),
        ),
        (RrType::NAPTR, r#"1 2 s x "" A.example.com."#, Ok(r#"1 2 "s" "x" "" a.example.com"#)),
        (RrType::URI, r#"10 1 "https://example.com/a b""#, Ok(r#"10 1 "https://example.com/a b""#)),
        (
            RrType::SRV,
            "5060 sip.example.com",
            Err(
                "invalid SRV record data: expected priority, weight, port and a domain name, found `5060 sip.example.com`",
            ),
        ),
        (
            RrType::SRV,
            "0 5 65536 a",
            Err("invalid SRV record data: expected priority, weight, port and a domain name, found `0 5 65536 a`"),
        ),
        (
            RrType::HTTPS,
            "1",
            Err("invalid HTTPS record data: expected priority, domain name and parameters, found `1`"),
        ),
        (
            RrType::NAPTR,
            "1 2 3",
            Err("invalid NAPTR record data: expected two numbers, three strings and a domain name, found `1 2 3`"),
        ),
        (
            RrType::URI,
            r#"10 1 """#,
            Err(r#"invalid URI record data: expected priority, weight and a URI, found `10 1 ""`"#),
        ),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn parse_other_types_keeps_data() {
    for (rrtype, text, expected) in [
        (RrType::CAA, r#"0 Issue "ca.example.net""#, Ok(r#"0 issue "ca.example.net""#)),
        (RrType::CAA, "128 issue ;", Ok(r#"128 issue ";""#)),
        (RrType::CAA, r#"0 issue """#, Ok(r#"0 issue """#)),
        (RrType::CAA, "0 issue", Err("invalid CAA record data: expected flags, tag and value, found `0 issue`")),
        (
            RrType::CAA,
            "256 issue a",
            Err("invalid CAA record data: expected flags, tag and value, found `256 issue a`"),
        ),
        (RrType::CAA, "0 is-sue a", Err("invalid CAA record data: expected flags, tag and value, found `0 is-sue a`")),
        (RrType::RP, r"first\.last.example.com. .", Ok(r"first\.last.example.com .")),
        (RrType::RP, ". .", Err("invalid mailbox `.` in RP record: missing domain")),
        (RrType::EUI48, "00:00:5E:00:53:2A", Ok("00-00-5e-00-53-2a")),
        (
            RrType::EUI48,
            "00-00-5e-00-53",
            Err("invalid EUI48 record data: expected six hexadecimal octets, found `00-00-5e-00-53`"),
        ),
        (
            RrType::EUI48,
            "+0-00-5e-00-53-2a",
            Err("invalid EUI48 record data: expected six hexadecimal octets, found `+0-00-5e-00-53-2a`"),
        ),
        (RrType::DS, " 1 8 2 ABCD ", Ok("1 8 2 ABCD")),
        (RrType::A, r"\# 4 C0000201", Ok(r"\# 4 C0000201")),
        (RrType::DS, "", Err("missing data of DS record")),
    ] {
        check(rrtype, text, expected);
    }
    check(rrtype(PRIVATE), "anything at all", Ok("anything at all"));
}

fn rrtype(text: &str) -> RrType {
    RrType::parse(text).expect("a record type")
}

#[test]
fn error_messages_are_truncated() {
    let long = format!("invalid A record data: expected an IPv4 address, found `{}…`", "x".repeat(60));
    check(RrType::A, &"x".repeat(1000), Err(&long));
}

/// A type of the table, or one that is not in the table.
fn any_rrtype() -> impl Strategy<Value = RrType> {
    let mut rrtypes: Vec<_> = RrType::known().collect();
    rrtypes.push(rrtype(PRIVATE));
    prop::sample::select(rrtypes)
}

/// Numbers, then characters with a special meaning.
const HOSTILE: &str = r#"(\\# ?)?([0-9]{1,3} ){0,3}([a-cA-C0-9.@:/*" \\-]|\\[0-9]{3}|ü|"[a ]*" ){0,30}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_round_trips_if_valid(rrtype in any_rrtype(), text in ".*") {
        check_round_trip(rrtype, &Rdata::parse(rrtype, &text));
    }

    #[test]
    fn hostile_text_round_trips_if_valid(rrtype in any_rrtype(), text in HOSTILE) {
        check_round_trip(rrtype, &Rdata::parse(rrtype, &text));
    }

    #[test]
    fn text_of_any_content_round_trips(text in "(?s).*") {
        let data = Rdata::Text(text);
        prop_assert_eq!(Rdata::parse(RrType::TXT, &data.to_string()), Ok(data));
    }

    #[test]
    fn soa_with_any_parts_round_trips(mname in any::<bool>(), rname in any::<bool>(), rest in any::<Option<[u32; 5]>>()) {
        let mname = mname.then(|| Name::parse("ns.example.com").expect("a name"));
        let rname = rname.then(|| Mailbox::parse("first.last@example.com").expect("a mailbox"));
        let data = Rdata::Soa(Soa { mname, rname, rest });
        prop_assert_eq!(Rdata::parse(RrType::SOA, &data.to_string()), Ok(data));
    }
}
