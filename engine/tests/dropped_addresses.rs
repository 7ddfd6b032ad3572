//! Records about non-public addresses: which are dropped, by the operator's setting and the profile's list.

use crate::simulation::{Example, input, now, plan};
use serde_json::{Value, json};
use stixmap_engine::diagnostic::{Code, Source};
use stixmap_engine::plan::{PRIVATE_ADDRESSES, Plan};
use stixmap_engine::run::{Report, map_stored};

/// Returns a profile with this list of addresses to drop.
fn text(list: Option<&str>) -> String {
    let drop = list.map(|list| format!("  drop_addresses: {list}\n")).unwrap_or_default();
    let record = format!("    server: {{ at: $.server, as: ip, optional: true }}\n  other_names: keep\n{drop}");
    let blocks = "also_relate:\n  - { of: rrname, source: domain-name, field: server, relationship: resolves-to, target: ipv4-addr }\n";
    Example { blocks, record: &record, rules: "  - { use: dns/standard@1 }\n", ..Example::default() }.text()
}

fn report(list: Option<&str>, setting: Option<&str>, row: Value) -> Report {
    let plan = plan(text(list));
    let input = input(&plan, |name| setting.filter(|_| name == PRIVATE_ADDRESSES).map(str::to_owned));
    let body = json!({ "rows": [row] }).to_string().into_bytes();
    map_stored(&plan, &plan.lookups[0], None, input, [("answer".to_owned(), vec![body])], now())
}

fn row(rrtype: &str, data: &str) -> Value {
    json!({ "name": "example.com", "type": rrtype, "data": data })
}

/// Returns the reason why the record is dropped; `None` if it is mapped.
fn dropped(list: Option<&str>, setting: Option<&str>, row: Value) -> Option<String> {
    let counts = report(list, setting, row.clone()).counts;
    assert!(counts.add_up() && counts.bad() == 0 && counts.read == 1, "{row}: {counts:?}");
    counts.dropped.keys().next().cloned()
}

#[test]
fn setting_decides_about_non_public_addresses_and_profile_about_others() {
    for list in [None, Some("[documentation]"), Some("[loopback]"), Some("[private, documentation]")] {
        let drops_examples = list.is_some_and(|list| list.contains("documentation"));
        for (setting, keeps) in [(None, false), (Some("drop"), false), (Some("keep"), true)] {
            for (address, scope) in [("10.0.0.1", "private"), ("127.0.0.1", "loopback"), ("224.0.0.1", "multicast")] {
                let expected = (!keeps).then(|| format!("{scope} address"));
                assert_eq!(dropped(list, setting, row("A", address)), expected, "{list:?} {setting:?} {address}");
            }
            let expected = drops_examples.then(|| "documentation address".to_owned());
            assert_eq!(dropped(list, setting, row("A", "192.0.2.1")), expected, "{list:?} {setting:?}");
            assert_eq!(dropped(list, setting, row("A", "8.8.8.8")), None, "{list:?} {setting:?}");
        }
    }
}

#[test]
fn empty_list_is_refused_as_without_effect() {
    let source = Source::new("profile.yaml", text(Some("[]")));
    let codes: Vec<Code> = Plan::check(&source).1.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, [Code::NoEffect]);
}

#[test]
fn record_with_non_public_address_anywhere_is_dropped() {
    let with_server = |server: &str| {
        let mut row = row("A", "8.8.8.8");
        row["server"] = server.into();
        row
    };
    for record in [
        row("AAAA", "64:ff9b::10.0.0.1"),
        row("AAAA", "2002:a00:1::1"),
        row("URI", "1 1 \"http://10.0.0.1/x\""),
        row("URI", "1 1 \"foo://127.1/x\""),
        row("URI", "1 1 \"http://[fd00::1]/x\""),
        row("CNAME", "1.0.0.10.in-addr.arpa"),
        row("CNAME", "5.64.100.in-addr.arpa"),
        row("NS", "1.168.192.in-addr.arpa"),
        with_server("10.0.0.1"),
    ] {
        let reason = dropped(None, None, record.clone());
        assert!(reason.as_deref().is_some_and(|reason| reason.ends_with(" address")), "{record}: {reason:?}");
        assert_eq!(dropped(None, Some("keep"), record.clone()), None, "{record}");
    }
    for record in [
        row("AAAA", "64:ff9b::8.8.8.8"),
        row("URI", "1 1 \"http://8.8.8.8/x\""),
        row("URI", "1 1 \"http://example.net/x\""),
        row("CNAME", "8.8.8.8.in-addr.arpa"),
        with_server("8.8.4.4"),
    ] {
        assert_eq!(dropped(None, None, record.clone()), None, "{record}");
    }
}

#[test]
fn ipv4_mapped_address_is_dropped_with_its_reason() {
    for (data, reason) in [("::ffff:8.8.8.8", "IPv4-mapped address"), ("::ffff:10.0.0.1", "private address")] {
        assert_eq!(dropped(None, None, row("AAAA", data)).as_deref(), Some(reason), "{data}");
    }
}
