//! Requests are sent exactly as shown: for any job id, cursor, next URL, token and setting, a request is normalized,
//! and its displayed form is equal except for the names of secrets.

use crate::simulation::{Example, input, now, plan, response, run_with};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::{Plan, SettingError, Settings};
use stixmap_engine::run::{OutcomeKind, Report, Request, Response};
use url::Url;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn shipped(name: &str) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/providers").join(name).join("profile.yaml");
    plan(fs::read_to_string(path).expect("a profile"))
}

static ORDERS: LazyLock<Plan> = LazyLock::new(|| shipped("orders"));
static TIDEWATER: LazyLock<Plan> = LazyLock::new(|| shipped("tidewater"));
static CURSOR: LazyLock<Plan> = LazyLock::new(|| shipped("by-cursor"));
static NEXT: LazyLock<Plan> = LazyLock::new(|| shipped("by-url"));
static KEYED: LazyLock<Plan> = LazyLock::new(|| shipped("keyed-path"));

/// Sets every secret of the test's providers.
const SECRET: &str = "s3cr3t/+key%41=";

fn setting(secret: &str, name: &str) -> Option<String> {
    match name {
        "password" | "key" | "api_key" => Some(secret.to_owned()),
        "user" | "username" => Some("somebody".to_owned()),
        _ => None,
    }
}

fn settings(plan: &Plan, secret: &str) -> Result<Settings, Vec<SettingError>> {
    Settings::read(&plan.settings, |spec| setting(secret, &spec.name))
}

/// Runs with these responses, the last one repeated, and checks every request.
fn run(plan: &Plan, secret: &str, answers: &[Response], tokens: &[&str]) -> (Vec<Request>, Report) {
    let input = input(plan, |name| setting(secret, name));
    let (mut sent, mut answers) = (vec![], answers.iter());
    let report = run_with(plan, Arc::default(), input, now(), |request| {
        check_displayed_request(request, secret, tokens);
        sent.push(request.clone());
        assert!(sent.len() < 60, "a run ends");
        answers.next().cloned().unwrap_or_default()
    });
    (sent, report)
}

fn check_displayed_request(request: &Request, secret: &str, tokens: &[&str]) {
    let sent = request.url.expose();
    let url = Url::parse(sent).expect("a URL");
    assert_eq!(url.as_str(), sent, "it is sent as it stands");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{sent}");
    let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let filled = |shown: String, encode: &dyn Fn(&str) -> String| {
        let known = [("key", secret), ("password", secret), ("user", "somebody")];
        let shown =
            known.iter().fold(shown, |shown, (name, value)| shown.replace(&format!("{{{name}}}"), &encode(value)));
        tokens.first().map_or(shown.clone(), |token| shown.replace("{token}", &encode(token)))
    };
    assert_eq!(filled(request.url.to_string(), &encoded), sent, "the URL is shown as it is sent");
    for (name, value) in &request.headers {
        assert_eq!(filled(value.to_string(), &str::to_owned), value.expose(), "{name} is shown as it is sent");
        assert!(value.expose().bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}");
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: serde_json::Value) -> Response {
    response(status, headers, body.to_string())
}

/// Texts with a special meaning in a URL or header.
fn hostile() -> impl Strategy<Value = String> {
    let known = [
        ".",
        "..",
        "%2e%2e",
        "%2E.",
        "../../admin",
        "..\\..",
        "\\",
        "//",
        "",
        "/",
        "a/../b",
        "a\r\nX-Injected: 1",
        "a\nb",
        "\u{0}",
        "\u{feff}",
        " ",
        " a",
        "a ",
        "é",
        "?x=1",
        "#f",
        "&x=1",
        "a#b",
        "@evil.test",
        "user:pass@",
        ";",
        "\t",
        "\u{202e}",
        "%",
        "%zz",
        "+",
    ];
    prop_oneof![4 => select(known.to_vec()).prop_map(str::to_owned), 1 => ".{0,20}", 1 => "[./\\\\%2eE]{1,8}"]
}

fn hostile_url() -> impl Strategy<Value = String> {
    let known = [
        "https://user:pass@api.example.net/v1/next",
        "https://user@api.example.net/v1/next",
        "//user:pass@api.example.net/x",
        "/v1/next#fragment",
        "../../..",
        "..",
        "?cursor=2",
        "?cursor=a b\"<>`",
        "\\\\evil.test\\x",
        "https:/\\evil.test",
        "http://api.example.net/v1",
        "https://api.example.net:443/v1/../x",
        "https://API.example.NET/%2e%2e/x",
        "javascript:1",
        "https://api.example.net.evil.test/",
        "https://api.example.net@evil.test/",
        "\thttps://api.example.net/x\n",
        "#",
    ];
    prop_oneof![3 => select(known.to_vec()).prop_map(str::to_owned), 1 => hostile()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, ..ProptestConfig::default() })]

    #[test]
    fn any_job_and_token_is_sent_as_shown(job in hostile(), token in hostile()) {
        let answers = [
            answer(200, &[], json!({ "session": { "token": token, "valid_until": "2024-03-02T00:00:00Z" } })),
            answer(200, &[], json!({ "order": job })),
            answer(200, &[], json!({ "state": "done" })),
        ];
        prop_assume!(!token.contains(['{', '}']) && !job.contains(['{', '}']));
        // A job id that contains the encoded token is displayed as its name, which does not reveal the encoding.
        let encoded = utf8_percent_encode(&token, NON_ALPHANUMERIC).to_string();
        prop_assume!(token.is_empty() || !job.contains(&token) && !job.contains(&encoded));
        let (sent, _) = run(&ORDERS, SECRET, &answers, &[&token]);
        let bases = sent.iter().all(|request| request.url.expose().starts_with("https://orders.example.net/api/"));
        prop_assert!(bases, "{sent:?}");
        let polls = sent.iter().filter(|request| request.method == "GET");
        for poll in polls {
            let path = Url::parse(poll.url.expose()).expect("a URL").path().to_owned();
            let segments = path.split('/').count();
            prop_assert!(path.starts_with("/api/orders/") && (segments == 4 || segments == 5), "{path}");
        }
    }

    #[test]
    fn any_next_url_is_sent_as_shown(next in hostile_url(), other in hostile_url()) {
        let rows = json!([{ "name": "example.com", "type": "A", "data": "192.0.2.1" }]);
        let page = |next: &str| answer(200, &[("link", &format!("<{next}>; rel=\"next\""))], json!({ "rows": rows, "@odata.nextLink": next }));
        prop_assume!(!next.contains(['{', '}']) && !other.contains(['{', '}']));
        let (sent, _) = run(&NEXT, SECRET, &[page(&next), page(&other)], &[]);
        let origin = Url::parse(sent[0].url.expose()).expect("a URL").origin();
        for request in &sent {
            prop_assert_eq!(Url::parse(request.url.expose()).expect("a URL").origin(), origin.clone());
        }
    }

    #[test]
    fn any_poll_url_and_redirect_is_sent_as_shown(place in hostile_url(), redirect in hostile_url()) {
        let answers = [
            answer(201, &[("x-session-token", "t-o-k-e-n-1")], json!({ "minutes": 30 })),
            answer(202, &[("location", &place)], json!({})),
            answer(302, &[("location", &redirect)], json!({})),
        ];
        prop_assume!(!place.contains(['{', '}']) && !redirect.contains(['{', '}']));
        let (sent, _) = run(&TIDEWATER, SECRET, &answers, &["t-o-k-e-n-1"]);
        prop_assert!(sent.iter().all(|request| request.url.expose().starts_with("https://tidewater.example.net/")), "{sent:?}");
    }

    #[test]
    fn any_cursor_is_sent_as_shown(cursor in hostile()) {
        prop_assume!(!cursor.contains(['{', '}']));
        let page = answer(200, &[], json!({ "rows": [], "meta": { "cursor": cursor } }));
        run(&CURSOR, "a-plain-key", &[page], &[]);
    }

    #[test]
    fn any_secret_is_refused_or_sent_as_shown(secret in hostile()) {
        prop_assume!(!secret.contains(['{', '}']));
        for plan in [&*KEYED, &*CURSOR] {
            let Ok(read) = settings(plan, &secret) else { continue };
            if !plan.unsendable(&read).is_empty() {
                continue;
            }
            let (sent, report) = run(plan, &secret, &[answer(200, &[], json!({ "rows": [] }))], &[]);
            prop_assert!(!sent.is_empty() || report.outcome.kind == OutcomeKind::Failed, "{:?}", report.outcome);
        }
    }
}

#[test]
fn job_id_that_is_a_dot_segment_is_not_requested() {
    for job in ["..", "."] {
        let answers = [
            answer(200, &[], json!({ "session": { "token": "a-long-token", "valid_until": "2024-03-02T00:00:00Z" } })),
            answer(200, &[], json!({ "order": job })),
        ];
        let (sent, report) = run(&ORDERS, SECRET, &answers, &["a-long-token"]);
        assert_eq!(sent.len(), 2, "{sent:?}");
        assert_eq!(report.outcome.kind, OutcomeKind::Failed);
        assert!(report.outcome.reasons[0].contains("request not sent"), "{:?}", report.outcome);
    }
}

#[test]
fn next_url_with_userinfo_is_not_followed() {
    let rows = json!([{ "name": "example.com", "type": "A", "data": "192.0.2.1" }]);
    let base = run(&NEXT, SECRET, &[], &[]).0[0].url.expose().to_owned();
    let host = Url::parse(&base).expect("a URL").host_str().expect("a host").to_owned();
    let next = format!("https://user:pass@{host}/next");
    let page =
        answer(200, &[("link", &format!("<{next}>; rel=\"next\""))], json!({ "rows": rows, "@odata.nextLink": next }));
    let (sent, report) = run(&NEXT, SECRET, &[page], &[]);
    assert_eq!(sent.len(), 1);
    assert!(format!("{:?}", report.outcome).contains("credentials"), "{:?}", report.outcome);
}

#[test]
fn setting_that_cannot_be_sent_is_an_error() {
    for secret in
        ["ab\ncd-efgh", "\u{feff}abcdefgh", " abcdefgh", "abcdefgh\t", "abcdefgh\r", "abc\u{0}defg", "abc\u{7f}defgh"]
    {
        let errors = settings(&CURSOR, secret).expect_err("it cannot be sent");
        assert!(matches!(&errors[..], [SettingError::Unfit { spec, .. }] if spec.name == "key"), "{errors:?}");
        assert!(!format!("{errors:?}").contains("abc"), "the value is not shown: {errors:?}");
    }
    let read = settings(&CURSOR, "schlüssel").expect("text");
    assert!(matches!(&CURSOR.unsendable(&read)[..], [SettingError::Unfit { spec, .. }] if spec.name == "key"));
    let read = settings(&KEYED, "schlüssel").expect("text");
    assert!(KEYED.unsendable(&read).is_empty(), "a path may hold it");
}

#[test]
fn connection_headers_are_errors() {
    let text = |http: &str| {
        format!(
            "profile: stixmap/v1\nid: example\nversion: 1.0.0\nname: Example\nsummary: An example.\nsettings: {{ key: {{ type: secret, required: true, description: Key }} }}\nhttp: {{ base_url: https://api.example.net, {http} }}\nlookups:\n  names: {{ accepts: [domain-name], path: \"/names/{{observable.value}}\", records: $.rows }}\nrecord:\n  fields:\n    rrname: {{ at: $.name, as: string }}\n    rrtype: {{ at: $.type, as: rrtype }}\n    rdata: {{ at: $.data, as: string }}\nrules:\n  - {{ rrtype: A, source: domain-name, relationship: resolves-to, target: ipv4-addr }}\n  - {{ rrtype: \"*\", drop: of no interest }}\ntlp: {{ max: \"TLP:GREEN\", unmarked: allow, results: {{ at_least: \"TLP:GREEN\" }} }}\nidentity: {{ name: Example }}\n"
        )
    };
    let codes = |http: &str| {
        let (_, codes) = Plan::check(&Source::new("profile.yaml", text(http)));
        codes.iter().map(|found| found.code.slug()).collect::<Vec<_>>()
    };
    let fine = "auth: { kind: header, name: X-Key, value: \"{settings.key}\" }";
    assert!(codes(fine).is_empty(), "{:?}", codes(fine));
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Transfer_Encoding",
        "content_length",
        "Accept-Encoding",
        "CONNECTION",
        "TE",
        "Upgrade",
        "Trailer",
        "Proxy-Authorization",
        "proxy-connection",
        "Keep-Alive",
        "Expect",
        "Content-Type",
    ] {
        assert_eq!(
            codes(&format!("auth: {{ kind: header, name: {name}, value: \"{{settings.key}}\" }}")),
            ["header-reserved"],
            "{name}"
        );
        assert_eq!(codes(&format!("{fine}, headers: {{ {name}: a }}")), ["header-reserved"], "{name}");
        let login = format!(
            "auth: {{ kind: login, path: /login, body: {{ key: \"{{settings.key}}\" }}, token: $.token, header: {name} }}"
        );
        assert_eq!(codes(&login), ["header-reserved"], "{name}");
    }
    for name in ["\":authority\"", "\"X Key\"", "\"X-Key\\n\""] {
        let codes = codes(&format!("auth: {{ kind: header, name: {name}, value: \"{{settings.key}}\" }}"));
        assert!(matches!(codes[..], ["header-name" | "wrong-form"]), "{name}: {codes:?}");
    }
}

#[test]
fn token_url_with_ambiguous_host_is_an_error() {
    let text = |url: &str| {
        include_str!("../../profiles/microsoft-defender-ti/profile.yaml")
            .replace("https://login.microsoftonline.com/", url)
    };
    assert!(Plan::read(&Source::new("profile.yaml", text("https://login.microsoftonline.com/"))).is_ok());
    for url in [
        "https:///evil.example{settings.tenant_id}/",
        "https:/\\evil.example/",
        "https://A.example/",
        "https://a.example\\@b.example/",
    ] {
        let (_, found) = Plan::check(&Source::new("profile.yaml", text(url)));
        assert!(found.iter().any(|found| found.message.contains("token URL")), "{url}: {found:?}");
    }
}

#[test]
fn setting_sent_under_the_name_of_a_credential_is_an_error() {
    let text = |kind: &str, http: &str, lookup: &str| {
        let blocks = format!("settings: {{ region: {{ type: {kind}, default: \"7\", description: A region }} }}\n");
        let lookup = format!("records: $.rows, {lookup}");
        Example { blocks: &blocks, http, lookup: &lookup, ..Example::default() }.text()
    };
    let codes = |text: String| -> Vec<&'static str> {
        Plan::check(&Source::new("profile.yaml", text)).1.iter().map(|found| found.code.slug()).collect()
    };
    for (kind, http, lookup, is_refused) in [
        ("string", "headers: { X-Api-Key: \"{settings.region}\" }", "", true),
        ("integer", "headers: { X-Api-Key: \"{settings.region}\" }", "", true),
        ("string", "headers: { X-Region: \"{settings.region}\" }", "", false),
        ("string", "", "query: { api_key: \"{settings.region}\" }", true),
        ("string", "", "query: { region: \"{settings.region}\" }", false),
        ("string", "", "headers: { X-Auth-Token: \"Token {settings.region}\" }", true),
        ("string", "", "method: POST, body: { q: { token: [\"{settings.region}\"] } }", true),
        ("string", "", "method: POST, form: { password: \"{settings.region}\" }", true),
        ("string", "headers: { Accept: \"Bearer {settings.region}\" }", "", true),
        ("string", "", "query: { q: \"token={settings.region}\" }", true),
        ("string", "", "query: { q: \"area={settings.region}\" }", false),
    ] {
        let found = codes(text(kind, http, lookup));
        assert_eq!(found.contains(&"credential-not-secret"), is_refused, "{kind} {http} {lookup}: {found:?}");
    }
    for (path, is_refused) in
        [("/key/{settings.region}", true), ("/token={settings.region}", true), ("/in/{settings.region}", false)]
    {
        let found = codes(text("string", "", "").replace("/names/", &format!("{path}/names/")));
        assert_eq!(found.contains(&"credential-not-secret"), is_refused, "{path}: {found:?}");
    }
}
