use super::*;
use proptest::prelude::*;

/// Of no row in the table.
const PRIVATE: &str = "TYPE65400";

/// Reads data, and writes it again or says why not; what is written must be read as the same data.
fn check(rrtype: RrType, text: &str, expected: Result<&str, &str>) {
    let parsed = Rdata::parse(rrtype, text);
    check_round_trip(rrtype, &parsed);
    let written = parsed.map(|data| data.to_string()).map_err(|error| error.to_string());
    assert_eq!(written, expected.map(str::to_owned).map_err(str::to_owned), "{rrtype} {text}");
}

fn check_round_trip(rrtype: RrType, parsed: &Result<Rdata, RdataError>) {
    if let Ok(data) = parsed {
        assert_eq!(&Rdata::parse(rrtype, &data.to_string()), parsed, "{rrtype} {data}");
    }
}

#[test]
fn addresses_are_of_the_family() {
    for (rrtype, text, expected) in [
        (RrType::A, "192.0.2.1", Ok("192.0.2.1")),
        (RrType::A, " 192.0.2.1\n", Ok("192.0.2.1")),
        (RrType::A, "0.0.0.0", Ok("0.0.0.0")),
        (RrType::A, "::ffff:192.0.2.1", Ok("192.0.2.1")),
        (RrType::AAAA, "2001:0DB8:0000:0000:0000:0000:0000:0001", Ok("2001:db8::1")),
        (RrType::A, "2001:db8::1", Err("an A record's data is an IPv4 address, not `2001:db8::1`")),
        (RrType::A, "not-an-ip", Err("an A record's data is an IPv4 address, not `not-an-ip`")),
        (RrType::A, "NXDOMAIN", Err("an A record's data is an IPv4 address, not `NXDOMAIN`")),
        (RrType::A, "192.0.2.01", Err("an A record's data is an IPv4 address, not `192.0.2.01`")),
        (RrType::A, "3221225985", Err("an A record's data is an IPv4 address, not `3221225985`")),
        (RrType::A, "192.0.2.0/24", Err("an A record's data is an IPv4 address, not `192.0.2.0/24`")),
        (RrType::A, "", Err("an A record has no data")),
        (RrType::AAAA, "192.0.2.1", Err("an AAAA record's data is an IPv6 address, not `192.0.2.1`")),
        (RrType::AAAA, "::ffff:192.0.2.1", Ok("::ffff:192.0.2.1")),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn names_are_one_name() {
    for (rrtype, text, expected) in [
        (RrType::CNAME, "WWW.Example.com.", Ok("www.example.com")),
        (RrType::NS, " ns1.example.com ", Ok("ns1.example.com")),
        (RrType::PTR, "bücher.example", Ok("xn--bcher-kva.example")),
        (RrType::DNAME, r"a\.b.example.com", Ok(r"a\.b.example.com")),
        (RrType::ALIAS, "_x.example.com", Ok("_x.example.com")),
        (RrType::CNAME, ".", Ok(".")),
        (RrType::NS, "a b", Err("`a b` in an NS record is no domain name: a blank stands in it")),
        (
            RrType::CNAME,
            "192.0.2.0/24",
            Err("`192.0.2.0/24` in a CNAME record is no domain name: the text is a network or a range of addresses"),
        ),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn preferences_may_be_missing() {
    for (rrtype, text, expected) in [
        (RrType::MX, "10 MAIL.example.com.", Ok("10 mail.example.com")),
        (RrType::MX, "mail.example.com.", Ok("mail.example.com")),
        (RrType::MX, "0 .", Ok("0 .")),
        (RrType::MX, "10 198.51.100.7.", Ok("10 198.51.100.7.")),
        (RrType::MX, "10 2001:db8::1", Ok("10 2001:db8::1")),
        (RrType::KX, "1\tkx.example.com", Ok("1 kx.example.com")),
        (RrType::AFSDB, "1 afs.example.com", Ok("1 afs.example.com")),
        (RrType::MX, "10", Err("`10` in an MX record is no domain name: the text is read as an IP address")),
        (
            RrType::MX,
            "+1 mail.example.com",
            Err("an MX record's data is a preference and a name, not `+1 mail.example.com`"),
        ),
        (RrType::MX, "65536 a", Err("an MX record's data is a preference and a name, not `65536 a`")),
        (RrType::MX, "1 a b", Err("an MX record's data is a preference and a name, not `1 a b`")),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn an_soa_is_whole_or_a_part() {
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
                "an SOA record's data is a name, a mailbox and five numbers, ",
                "not `ns.example.com. hostmaster.example.com. 1`"
            )),
        ),
        ("a b 1 2 3 4 5h", Err("an SOA record's data is a name, a mailbox and five numbers, not `a b 1 2 3 4 5h`")),
        ("a b 1 2 3 4 5", Ok("a . 1 2 3 4 5")),
        ("ns.example.com. hostmaster@192.0.2.1 1 2 3 4 5", Ok("ns.example.com . 1 2 3 4 5")),
        ("192.0.2.1. hostmaster.example.com. 1 2 3 4 5", Ok(". hostmaster.example.com 1 2 3 4 5")),
        (
            "a@192.0.2.1",
            Err("`a@192.0.2.1` in an SOA record is no mailbox: in its domain, the text is read as an IP address"),
        ),
    ] {
        check(RrType::SOA, text, expected);
    }
}

#[test]
fn texts_are_joined() {
    for (rrtype, text, expected) in [
        (RrType::TXT, r#""a" "b""#, Ok(r#""ab""#)),
        (RrType::TXT, "v=spf1 ip4:192.0.2.0/24 -all", Ok(r#""v=spf1 ip4:192.0.2.0/24 -all""#)),
        (RrType::SPF, r#""v=spf1 -all""#, Ok(r#""v=spf1 -all""#)),
        (RrType::TXT, r#""a\"b\\c\009\195\188""#, Ok(r#""a\"b\\c\009ü""#)),
        (RrType::TXT, r#""\255""#, Ok(r#""\\255""#)),
        (RrType::TXT, r#""""#, Ok(r#""""#)),
        (RrType::TXT, r"\#hash", Ok(r#""\\#hash""#)),
        (RrType::TXT, " ", Err("a TXT record has no data")),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn services_have_all_their_fields() {
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
            Err("an SRV record's data is priority, weight, port and a name, not `5060 sip.example.com`"),
        ),
        (
            RrType::SRV,
            "0 5 65536 a",
            Err("an SRV record's data is priority, weight, port and a name, not `0 5 65536 a`"),
        ),
        (RrType::HTTPS, "1", Err("an HTTPS record's data is a priority, a name and parameters, not `1`")),
        (RrType::NAPTR, "1 2 3", Err("an NAPTR record's data is two numbers, three texts and a name, not `1 2 3`")),
        (RrType::URI, r#"10 1 """#, Err(r#"a URI record's data is priority, weight and a URI, not `10 1 ""`"#)),
    ] {
        check(rrtype, text, expected);
    }
}

#[test]
fn the_rest_is_read_as_written() {
    for (rrtype, text, expected) in [
        (RrType::CAA, r#"0 Issue "ca.example.net""#, Ok(r#"0 issue "ca.example.net""#)),
        (RrType::CAA, "128 issue ;", Ok(r#"128 issue ";""#)),
        (RrType::CAA, r#"0 issue """#, Ok(r#"0 issue """#)),
        (RrType::CAA, "0 issue", Err("a CAA record's data is flags, tag and a value, not `0 issue`")),
        (RrType::CAA, "256 issue a", Err("a CAA record's data is flags, tag and a value, not `256 issue a`")),
        (RrType::CAA, "0 is-sue a", Err("a CAA record's data is flags, tag and a value, not `0 is-sue a`")),
        (RrType::RP, r"first\.last.example.com. .", Ok(r"first\.last.example.com .")),
        (RrType::RP, ". .", Err("`.` in an RP record is no mailbox: it has no domain")),
        (RrType::EUI48, "00:00:5E:00:53:2A", Ok("00-00-5e-00-53-2a")),
        (
            RrType::EUI48,
            "00-00-5e-00-53",
            Err("an EUI48 record's data is six octets in hexadecimal, not `00-00-5e-00-53`"),
        ),
        (
            RrType::EUI48,
            "+0-00-5e-00-53-2a",
            Err("an EUI48 record's data is six octets in hexadecimal, not `+0-00-5e-00-53-2a`"),
        ),
        (RrType::DS, " 1 8 2 ABCD ", Ok("1 8 2 ABCD")),
        (RrType::A, r"\# 4 C0000201", Ok(r"\# 4 C0000201")),
        (RrType::DS, "", Err("a DS record has no data")),
    ] {
        check(rrtype, text, expected);
    }
    check(rrtype(PRIVATE), "anything at all", Ok("anything at all"));
}

fn rrtype(text: &str) -> RrType {
    RrType::parse(text).expect("a record type")
}

#[test]
fn messages_are_short() {
    let long = format!("an A record's data is an IPv4 address, not `{}…`", "x".repeat(60));
    check(RrType::A, &"x".repeat(1000), Err(&long));
}

/// One of the table, or one that is not in it.
fn any_rrtype() -> impl Strategy<Value = RrType> {
    let mut rrtypes: Vec<_> = RrType::known().collect();
    rrtypes.push(rrtype(PRIVATE));
    prop::sample::select(rrtypes)
}

/// Numbers, then signs that mean something, then more of them.
const HOSTILE: &str = r#"(\\# ?)?([0-9]{1,3} ){0,3}([a-cA-C0-9.@:/*" \\-]|\\[0-9]{3}|ü|"[a ]*" ){0,30}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text(rrtype in any_rrtype(), text in ".*") {
        check_round_trip(rrtype, &Rdata::parse(rrtype, &text));
    }

    #[test]
    fn hostile_text(rrtype in any_rrtype(), text in HOSTILE) {
        check_round_trip(rrtype, &Rdata::parse(rrtype, &text));
    }

    #[test]
    fn every_text_can_be_held(text in "(?s).*") {
        let data = Rdata::Text(text);
        prop_assert_eq!(Rdata::parse(RrType::TXT, &data.to_string()), Ok(data));
    }

    #[test]
    fn every_soa_can_be_held(mname in any::<bool>(), rname in any::<bool>(), rest in any::<Option<[u32; 5]>>()) {
        let mname = mname.then(|| Name::parse("ns.example.com").expect("a name"));
        let rname = rname.then(|| Mailbox::parse("first.last@example.com").expect("a mailbox"));
        let data = Rdata::Soa(Soa { mname, rname, rest });
        prop_assert_eq!(Rdata::parse(RrType::SOA, &data.to_string()), Ok(data));
    }
}
