//! No output contains a secret: any secret, in any two nested encodings, at any position of a response.

use crate::simulation::{Example, now, response, run_with};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Input, Report, Response, Secrets, map_stored};

fn plan(name: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/providers").join(name).join("profile.yaml");
    let text = fs::read_to_string(path).expect("a profile");
    Plan::read(&Source::new("profile.yaml", text)).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
}

static CURSOR: LazyLock<Plan> = LazyLock::new(|| plan("by-cursor"));
static ORDERS: LazyLock<Plan> = LazyLock::new(|| plan("orders"));

/// Encodings of a text.
const ENCODINGS: [fn(&str) -> String; 25] = [
    str::to_owned,
    |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
    |text| each(text, |octet| format!("%{octet:02x}")),
    |text| each(text, |octet| format!("%{octet:02X}")),
    |text| units(text, |unit| format!("\\u{unit:04x}")),
    |text| units(text, |unit| format!("\\u{unit:04X}")),
    |text| {
        text.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_string()
                } else {
                    units(&c.to_string(), |unit| format!("\\u{unit:04X}"))
                }
            })
            .collect()
    },
    |text| text.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/"),
    |text| text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect(),
    |text| each(text, |octet| format!("\\{octet:03}")),
    |text| each(text, |octet| format!("\\x{octet:02x}")),
    |text| text.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
    |text| text.chars().map(|c| format!("&#x{:X};", u32::from(c))).collect(),
    |text| {
        let named = [
            ('&', "&amp;"),
            ('<', "&lt;"),
            ('>', "&gt;"),
            ('"', "&quot;"),
            ('+', "&plus;"),
            ('/', "&sol;"),
            ('=', "&equals;"),
            ('%', "&percnt;"),
        ];
        text.chars()
            .map(|c| {
                named
                    .iter()
                    .find(|(character, _)| *character == c)
                    .map_or(c.to_string(), |(_, name)| (*name).to_owned())
            })
            .collect()
    },
    |text| BASE64_STANDARD.encode(text),
    |text| BASE64_URL_SAFE_NO_PAD.encode(format!("user:{text}")),
    |text| BASE64_STANDARD.encode(format!("x{text}yz")),
    |text| each(text, |octet| format!("{octet:02x}")),
    |text| each(text, |octet| format!("{octet:02X}")),
    |text| BASE64_URL_SAFE.encode(text),
    |text| folded(&BASE64_STANDARD.encode(text), 7, "\r\n"),
    |text| folded(&BASE64_URL_SAFE_NO_PAD.encode(text), 16, "\n    "),
    |text| folded(&each(text, |octet| format!("{octet:02x}")), 10, "\n"),
    |text| BASE64_STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()),
    |text| BASE64_STANDARD.encode(text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()),
];

/// Folds a text into lines.
fn folded(text: &str, length: usize, end: &str) -> String {
    text.as_bytes().chunks(length).map(|line| std::str::from_utf8(line).expect("ASCII")).collect::<Vec<_>>().join(end)
}

fn each(text: &str, encode: impl Fn(u8) -> String) -> String {
    text.bytes().map(encode).collect()
}

fn units(text: &str, encode: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(encode).collect()
}

/// Typical secrets, and some that resemble escape sequences.
fn secret() -> impl Strategy<Value = String> {
    let odd = [
        "%41%42%43%44",
        "a%2Bb%2Fc%3D",
        "\\u0041bcdefgh",
        "&amp;&lt;&gt;&quot;",
        "AAAAAAAAAAAA",
        "deadbeefdeadbeef",
        "p@ss word+1",
        "schlüssel-ÄÖÜ",
        "12345678",
        "a/b+c=d&e%f\\g\"h",
    ];
    prop_oneof![3 => "[!-~]{8,40}", 2 => "[A-Za-z0-9+/]{20,40}={0,2}", 1 => select(odd.to_vec()).prop_map(str::to_owned)]
}

fn input(plan: &Plan, secret: &str) -> Input {
    crate::simulation::input(plan, |name| match name {
        "password" | "key" => Some(secret.to_owned()),
        "user" => Some("somebody".to_owned()),
        _ => None,
    })
}

/// Returns every text that a run outputs.
fn run(plan: &Plan, secret: &str, answers: Vec<Response>) -> Vec<String> {
    let (mut texts, mut answers) = (vec![], answers.into_iter());
    let report = run_with(plan, Arc::default(), input(plan, secret), now(), |request| {
        texts.push(request.url.to_string());
        texts.push(format!("{request:?}"));
        texts.extend(request.headers.iter().map(|(_, value)| value.to_string()));
        texts.extend(request.body.iter().map(ToString::to_string));
        answers.next().unwrap_or_default()
    });
    texts.extend(texts_of(&report));
    texts
}

fn texts_of(report: &Report) -> Vec<String> {
    let mut texts = report.outcome.reasons.clone();
    texts.extend(strings(&serde_json::to_value(&report.bundle).expect("JSON")));
    texts.extend(report.counts.bad.keys().chain(report.counts.dropped.keys()).cloned());
    for found in &report.diagnostics {
        texts.push(found.message.clone());
        texts.extend(found.notes.iter().cloned());
        texts.extend(
            found
                .labels
                .iter()
                .flat_map(|label| [label.text.clone(), label.source.text.clone(), label.source.name.clone()]),
        );
    }
    for traced in &report.trace {
        texts.push(traced.place.clone());
        texts.push(format!("{:?}", traced.result));
        texts.extend(traced.values.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
        texts.extend(traced.record.iter().flat_map(|record| strings(&serde_json::to_value(record).expect("JSON"))));
    }
    texts
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(entries) => {
            entries.iter().flat_map(|(key, item)| [vec![key.clone()], strings(item)].concat()).collect()
        }
        other => vec![other.to_string()],
    }
}

fn check(texts: &[String], secret: &str, encoded: &str) {
    for text in texts {
        assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "`{secret}` in `{text}`");
        assert!(!text.contains(encoded), "`{secret}`, encoded `{encoded}`, in `{text}`");
    }
}

/// Embeds a text in a JSON string: escaped, or raw if that is a valid string.
fn quoted(text: &str, is_raw: bool) -> String {
    let is_json = serde_json::from_str::<String>(&format!("\"{text}\"")).is_ok();
    if is_raw && is_json { format!("\"{text}\"") } else { Value::from(text).to_string() }
}

/// Responses with `"@"` at different positions.
const BODIES: [&str; 12] = [
    r#"{"rows": [{"name": "@", "type": "A", "data": "192.0.2.1"}]}"#,
    r#"{"rows": [{"name": "example.com", "type": "A", "data": "@"}]}"#,
    r#"{"rows": [{"name": "example.com", "type": "@", "data": "192.0.2.1"}]}"#,
    r#"{"rows": [{"name": "example.com", "type": "TXT", "data": "@"}]}"#,
    r#"{"rows": [{"name": "example.com", "type": "A", "data": ["192.0.2.1", "@"]}]}"#,
    r#"{"rows": [{"name": "example.com", "type": "A", "data": "192.0.2.1", "first": "@"}]}"#,
    r#"{"rows": [{"name": "example.com", "type": "A", "data": "192.0.2.1"}], "meta": {"cursor": "@"}}"#,
    r#"{"error": {"code": "x", "message": "@"}}"#,
    r#"{"error": {"code": "QuotaExceededError", "message": "@"}}"#,
    r#"{"rows": {"@": 1}, "other": "@"}"#,
    r#"{"rows": [{"name": 5, "type": "A", "data": "192.0.2.1"}], "other": "@"}"#,
    r#"{"rows": [{"name": "example.com", "type": "A", "data": "192.0.2.1", "other": "@"},"#,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn secret_in_any_encoding_is_in_no_output(
        secret in secret(),
        encodings in (select(ENCODINGS.to_vec()), select(ENCODINGS.to_vec())),
        body in select(BODIES.to_vec()),
        before in "[a-z ]{0,6}",
        is_raw in any::<bool>(),
        status in select(vec![200_u16, 200, 200, 400, 403, 500]),
    ) {
        prop_assume!(!secret.starts_with(' ') && secret.is_ascii());
        let encoded = encodings.0(&encodings.1(&secret));
        let body = body.replace("\"@\"", &quoted(&format!("{before} {encoded} z"), is_raw));
        check(&run(&CURSOR, &secret, vec![response(status, &[], body.as_str())]), &secret, &encoded);
        let stored = map_stored(&CURSOR, &CURSOR.lookups[0], None, input(&CURSOR, &secret), [("answer".to_owned(), [body.into_bytes()])], now());
        check(&texts_of(&stored), &secret, &encoded);
    }

    #[test]
    fn token_in_any_encoding_is_in_no_output(
        token in secret(),
        encodings in (select(ENCODINGS.to_vec()), select(ENCODINGS.to_vec())),
        at in 0_usize..3,
    ) {
        prop_assume!(token.is_ascii());
        let encoded = encodings.0(&encodings.1(&token));
        let day = |data: &str, key: &str| json!({ "history": { key: { "A": ["192.0.2.1", data] } } });
        let results: [Value; 3] = [day(&encoded, "2024-01-01"), day("192.0.2.2", &encoded), json!({ "history": encoded })];
        let result = results[at].to_string();
        let answers = vec![
            response(200, &[], json!({ "session": { "token": token, "valid_until": "2024-03-02T00:00:00Z" } }).to_string()),
            response(200, &[], r#"{"order": 17}"#),
            response(200, &[], r#"{"state": "done"}"#),
            response(200, &[], result),
        ];
        check(&run(&ORDERS, "another-password", answers), &token, &encoded);
    }

    #[test]
    fn redact_keeps_other_text(text in ".{0,200}", cut in ".{0,40}") {
        let secrets = Secrets::of(&input(&CURSOR, "a-secret-of-its-own").settings);
        prop_assert_eq!(secrets.redact(&text), text.clone());
        let marked = format!("{text} a-secret-of-its-own {cut}");
        prop_assert_eq!(secrets.redact(&marked), format!("{text} {{key}} {cut}"));
    }
}

#[test]
fn secret_at_any_position_of_a_long_text_is_found() {
    let secret = "s3cr3t/+key=of-a-provider";
    let secrets = Secrets::of(&input(&CURSOR, secret).settings);
    for encode in ENCODINGS {
        for length in [65_000, 65_400, 65_535, 65_536, 131_000, 131_072] {
            let text = format!("{}|{}|{}", "x y".repeat(length / 3), encode(&encode(secret)), "z w".repeat(50_000));
            assert!(secrets.occur_in(&text), "{} behind {length}", encode(secret));
        }
    }
}

#[test]
fn character_reference_with_encoded_end_is_found() {
    let secrets = Secrets::of(&input(&CURSOR, "A!A'A\"a+0").settings);
    for encoded in
        ["A\\!A\\'A\\&quot\\;a+0", "A!A'A&quot%3ba+0", "A!A'A\"a&#43\\;0", "A!A'A&#34a&#43%3B0", "A!A'A&quot&#97;+0"]
    {
        for text in [encoded.to_owned(), Value::from(encoded).to_string()] {
            assert!(secrets.occur_in(&text), "{text}");
        }
    }
}

#[test]
fn non_ascii_secret_is_found_in_other_charsets() {
    let secret = "schlüssel-€-ÄÖÜß½";
    let wide = |octets: fn(u16) -> [u8; 2]| secret.encode_utf16().flat_map(octets).collect::<Vec<u8>>();
    for body in [wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
        check(&run(&CURSOR, secret, vec![response(500, &[], body)]), secret, secret);
    }
    let secrets = Secrets::of(&input(&CURSOR, secret).settings);
    let named = "schl&uuml;ssel-&#128;-&Auml;&Ouml;&Uuml;&szlig;&frac12;";
    for text in [
        named,
        "schl&#xFC;ssel-&#8364;-&#196;&#214;&#220;&#223;&#189;",
        &secret.bytes().map(char::from).collect::<String>(),
    ] {
        assert!(secrets.occur_in(text), "{text}");
    }
    let ascii = "s3cr3t/+key=of-a-provider";
    let spaced: String = ascii.chars().map(|character| format!("{character}\0")).collect();
    for text in [Value::from(spaced.as_str()).to_string(), spaced] {
        assert!(Secrets::of(&input(&CURSOR, ascii).settings).occur_in(&text), "{text:?}");
    }
    let latin = "schlüssel-ÄÖÜ";
    let octets: String = latin.chars().map(|character| format!("%{:02X}", u32::from(character))).collect();
    assert!(Secrets::of(&input(&CURSOR, latin).settings).occur_in(&octets));
}

#[test]
fn credentials_within_a_secret_are_found() {
    for (secret, repeated) in [
        ("Basic dXNlcjpzZWNyZXQtcGFzc3dvcmQ=", "secret-password"),
        ("Basic dXNlcjpzZWNyZXQtcGFzc3dvcmQ=", "dXNlcjpzZWNyZXQtcGFzc3dvcmQ="),
        ("Bearer abcdefgh-ijkl", "abcdefgh-ijkl"),
        ("session=0123456789abcdef", "0123456789ABCDEF"),
    ] {
        let secrets = Secrets::of(&input(&CURSOR, secret).settings);
        assert!(secrets.occur_in(&format!("it is {repeated}.")), "{repeated} of {secret}");
    }
}

#[test]
fn odd_secret_is_found_in_every_pair_of_encodings() {
    for secret in ["A!aA!\\r0", "!\\\\A00!!"] {
        for one in ENCODINGS {
            for other in ENCODINGS {
                let encoded = one(&other(secret));
                for is_raw in [true, false] {
                    let body = BODIES[1].replace("\"@\"", &quoted(&format!("{encoded} z"), is_raw));
                    check(&run(&CURSOR, secret, vec![response(200, &[], body)]), secret, &encoded);
                }
            }
        }
    }
}

/// A profile for rows of the Common Output Format.
static COF: LazyLock<Plan> = LazyLock::new(|| {
    let text = include_str!("../../profiles/cof/profile.yaml");
    Plan::read(&Source::new("profile.yaml", text)).unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"))
});

/// Maps rows of the Common Output Format with a secret.
fn cof(secret: &str, rows: &[Value]) -> Report {
    let given = |name: &str| match name {
        "base_url" => Some("https://pdns.example.org".to_owned()),
        "min_tlp" => Some("TLP:GREEN".to_owned()),
        "authorization" => Some(secret.to_owned()),
        _ => None,
    };
    let input = crate::simulation::input(&COF, given);
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    map_stored(&COF, &COF.lookups[0], None, input, [("answer".to_owned(), [lines.into_bytes()])], now())
}

fn cof_row(rrtype: &str, rdata: &str) -> Value {
    json!({ "rrname": "example.com", "rrtype": rrtype, "rdata": rdata, "time_first": 1_700_000_000, "time_last": 1_709_000_000 })
}

#[test]
fn secret_that_appears_only_in_parsed_values_is_found() {
    let secret = "SuperSecretKey12345";
    let base64 = BASE64_STANDARD.encode(secret);
    let split = |text: &str| format!("\"{}\" \"{}\"", &text[..8], &text[8..]);
    for (secret, rrtype, rdata) in [
        (secret, "CNAME", "ＳｕｐｅｒＳｅｃｒｅｔＫｅｙ１２３４５.example.net"),
        (secret, "CNAME", "Super\u{ad}Secret\u{ad}Key12345.example.net"),
        (secret, "MX", "10 𝐒uper𝐒ecret𝐊ey12345.example.net"),
        (secret, "HTTPS", "1 ＳuperSecretKey12345.example.net alpn=h2"),
        (secret, "TXT", &split(secret)),
        (secret, "TXT", &split(&base64)),
        ("secretpart@word1", "SOA", "ns.example.net secretpart.word1.example.net 1 2 3 4 5"),
    ] {
        let report = cof(secret, &[cof_row(rrtype, rdata), cof_row("A", "192.0.2.1")]);
        check(&texts_of(&report), secret, secret);
        assert_eq!((report.counts.read, report.counts.bad()), (2, 1), "{rdata}: {:?}", report.counts);
        assert!(report.counts.bad.contains_key("the row contains a secret"), "{rdata}: {:?}", report.counts);
        let labels: Vec<_> = report.diagnostics.iter().flat_map(|found| &found.labels).collect();
        assert!(labels.iter().all(|label| label.source.name == "profile.yaml"), "an excerpt of the response is shown");
    }
    let mut owner = cof_row("A", "192.0.2.1");
    owner["rrname"] = "ＳｕｐｅｒＳｅｃｒｅｔＫｅｙ１２３４５.example.net".into();
    check(&texts_of(&cof(secret, &[owner])), secret, secret);
}

#[test]
fn long_encoding_across_the_parts_of_a_text_is_found() {
    let secret = "SuperSecretKey12345";
    let secrets = Secrets::of(&input(&CURSOR, secret).settings);
    let zeros = |text: &str| text.chars().map(|c| format!("&#{:0>200};", u32::from(c))).collect::<String>();
    let escaped = |text: &str| units(text, |unit| format!("\\u{unit:04x}"));
    let folded_wide = BASE64_STANDARD
        .encode(secret)
        .chars()
        .collect::<Vec<_>>()
        .chunks(4)
        .map(|part| part.iter().collect::<String>() + "\n" + &" ".repeat(400))
        .collect::<String>();
    let four = (0..4).fold(secret.to_owned(), |text, _| escaped(&text));
    for encoded in [zeros(secret), escaped(&zeros(secret)), folded_wide, four] {
        for before in [0, 60_000, 65_000, 130_000, 250_000, 500_000] {
            let text = format!("{}|{encoded}|{}", "x y".repeat(before / 3), "z w".repeat(100_000));
            assert!(secrets.occur_in(&text), "{} octets behind {before}", encoded.len());
        }
    }
}

#[test]
fn secret_in_another_case_or_with_open_references_is_found() {
    let secrets = |secret: &str| Secrets::of(&input(&CURSOR, secret).settings);
    assert!(secrets("SCHLÜSSEL-größe").occur_in("it is schlüssel-größe."));
    assert!(secrets("schlüssel-größe").occur_in("it is SCHLÜSSEL-GRÖSSE."));
    let spaced: String = "abc&defGHI123xyz".bytes().map(|octet| format!("{octet:02x} ")).collect();
    assert!(secrets("abc&defGHI123xyz").occur_in(&format!("\\# 16 {spaced}")));
    assert!(secrets("abc&defGHI123xyz").occur_in("it is abc&ampdefGHI123xyz"));
}

/// Escapes within escapes decode in many ways.
#[test]
fn number_of_readings_of_a_text_is_limited() {
    let secrets = Secrets::of(&input(&CURSOR, "Super&SecretKey%12\\345").settings);
    let unit = r"%2526amp;&#x25;5c\\u0026\\x2541\u0000\na%255cu0025&#37;26&bsol;x26%5c%26#92;";
    let usual = r#"{"name": "a\\.b.example.com", "data": "\"v=spf1 exists:%{i}.example.com\"", "url": "https://example.com/?a=b&c=d%20e"},"#;
    for (text, is_refused) in
        [(unit, false), (&unit.repeat(4_000), true), (usual, false), (&usual.repeat(4_000), false)]
    {
        let started = std::time::Instant::now();
        assert_eq!(secrets.occur_in(text), is_refused, "{} octets of {}", text.len(), &text[..40]);
        println!("{:?} for {}", started.elapsed(), text.len());
    }
}

#[test]
fn secret_with_unusual_padding_is_found() {
    let secret = "s3cr3t/+key=of-a-provider";
    let secrets = Secrets::of(&input(&CURSOR, secret).settings);
    let folded = |text: &str, fold: &str| {
        let parts: Vec<String> = text.as_bytes().chunks(6).map(|part| String::from_utf8_lossy(part).into()).collect();
        parts.join(fold)
    };
    let base64 = BASE64_STANDARD.encode(secret);
    let hexadecimal: String = secret.bytes().map(|octet| format!("{octet:02x}")).collect();
    for text in [&base64, &hexadecimal] {
        for fold in [" \n", "\t \r\n", " \n ", "\n\t", "\r", " \\n", "\\r\\n  "] {
            let text = folded(text, fold);
            assert!(secrets.occur_in(&text), "{text:?}");
        }
    }
    let octets: Vec<String> = secret.bytes().map(|octet| format!("{octet:02x}")).collect();
    for between in [":", "-", ", ", " | ", ";", "\t", ".", "_", "/"] {
        assert!(secrets.occur_in(&octets.join(between)), "{between:?}");
        assert!(secrets.occur_in(&format!("0x{}", octets.join(&format!("{between}0x")))), "0x and {between:?}");
    }
    let groups: Vec<String> = octets.chunks(2).map(|pair| pair.concat()).collect();
    assert!(secrets.occur_in(&groups.join(":")), "as an address");
    for zeros in [1, 7, 300, 3_000] {
        let reference = format!("&#{}43;", "0".repeat(zeros));
        let text = secret.replace('+', &reference);
        assert!(secrets.occur_in(&text), "{zeros} zeros");
        let text = secret.replace('+', &format!("&#x{}2b;", "0".repeat(zeros)));
        assert!(secrets.occur_in(&text), "{zeros} zeros");
    }
}

/// A reference without a semicolon ends before a sign that begins no escape.
#[test]
fn open_reference_before_another_sign_is_found() {
    for (secret, references) in [
        ("Zq+%7pL0=wX&y9kT", ["Zq&#43%7pL0=wX&y9kT", "Zq+%7pL0=wX&ampy9kT"]),
        ("Zq+\\7pL0=wX&%9kT", ["Zq&#43\\7pL0=wX&%9kT", "Zq+\\7pL0=wX&amp%9kT"]),
    ] {
        let secrets = Secrets::of(&input(&CURSOR, secret).settings);
        for text in references {
            assert!(secrets.occur_in(text), "{text}");
        }
    }
}

/// Messages show short values only as a whole: a part of a secret would not be found.
#[test]
fn part_of_a_secret_is_in_no_message() {
    let secret = "0123456789abcdef0123456789abcdefFEDCBA9876543210FEDCBA9876543210";
    let blocks = "settings: { key: { type: secret, required: true, description: Key } }\nanswers:\n  - { status: 429, means: throttled, retry_after: { at: $.wait, as: seconds } }\n";
    let http = "auth: { kind: header, name: X-Key, value: \"{settings.key}\" }, retry: { attempts: 2, first: PT1S, longest: PT9S }";
    let paged = |keys: &str| format!("records: $.rows, paging: {{ {keys}, at_most: 3 }}");
    let lookups = [
        paged("kind: page, parameter: p, total: $.x"),
        paged("kind: page, parameter: p, last: $.x"),
        paged("kind: cursor, parameter: c, at: $.x"),
        paged("kind: next-url, at: $.x"),
        "records: $.rows, job: { id: $.id, poll: \"/jobs/{job}\", state: $.x, pending: [queued], done: [done], every: PT1S, at_most: 3 }".to_owned(),
    ];
    for lookup in &lookups {
        let plan = crate::simulation::plan(Example { blocks, http, lookup, ..Example::default() }.text());
        for (status, before) in [(200, ""), (200, "x"), (429, ""), (429, "0123456789 ")] {
            let value = format!("{before}{secret}");
            let body = json!({ "id": 7, "rows": [], "x": value, "wait": value }).to_string();
            let headers = [("retry-after", value.as_str())];
            let given = crate::simulation::input(&plan, |name| (name == "key").then(|| secret.to_owned()));
            let report = run_with(&plan, Arc::default(), given, now(), |_| response(status, &headers, body.as_str()));
            for text in texts_of(&report) {
                assert!(!text.contains(&secret[..12]), "{lookup} {status}: {text}");
            }
        }
    }
}
