//! Source locations, parsed values, and limits.

use super::*;
use crate::diagnostic::Code;
use serde_json::Value;

fn tree(text: &str) -> Tree {
    Tree::parse(&Source::new("x.yaml", text))
        .unwrap_or_else(|found| panic!("{text}: {:?}", found.iter().map(line).collect::<Vec<_>>()))
}

/// Checks the source text of key and value at each pointer.
fn check_locations(text: &str, expected: &[(&str, &str, &str)]) {
    let tree = tree(text);
    for &(pointer, key, value) in expected {
        assert_eq!((&text[tree.key_span(pointer)], &text[tree.span(pointer)]), (key, value), "{pointer} of {text:?}");
    }
}

#[test]
fn mapping_span_ends_with_its_last_part() {
    let text = "a:\n  b: 1 # one\n\n  # more\n  c:\n    - 'x'\n    - y: [1, 2 ]\n\n# the end\nd: |\n  p\n  q\n\n";
    check_locations(
        text,
        &[
            ("/a", "a", "b: 1 # one\n\n  # more\n  c:\n    - 'x'\n    - y: [1, 2 ]"),
            ("/a/b", "b", "1"),
            ("/a/c", "c", "- 'x'\n    - y: [1, 2 ]"),
            ("/a/c/0", "'x'", "'x'"),
            ("/a/c/1", "y: [1, 2 ]", "y: [1, 2 ]"),
            ("/a/c/1/y", "y", "[1, 2 ]"),
            ("/a/c/1/y/1", "2", "2"),
            ("/d", "d", "p\n  q"),
        ],
    );
}

#[test]
fn span_of_missing_value_is_enclosing_mapping() {
    check_locations(
        "a: { b: 1 }\nc:\n",
        &[
            ("/a/x/y", "a", "{ b: 1 }"),
            ("/a/b/0", "b", "1"),
            ("/c", "c", ""),
            ("/x", "a: { b: 1 }\nc", "a: { b: 1 }\nc"),
        ],
    );
    let tree = tree("a: { b: ~ }");
    assert!(tree.has("/a/b") && !tree.has("/a/c"));
    assert_eq!(tree.location("/a/c"), None);
    assert_eq!(tree.location("/a/b").map(|found| (found.key, found.value)), Some((Some(5..6), 8..9)));
}

#[test]
fn pointer_escapes_special_characters_in_keys() {
    check_locations(
        "\"a/b\": 1\nc~d: { 'e': 2 }\n200: 3\n",
        &[("/a~1b", "\"a/b\"", "1"), ("/c~0d/e", "'e'", "2"), ("/200", "200", "3")],
    );
}

#[test]
fn spans_ignore_line_ends_and_byte_order_mark() {
    check_locations(
        "\u{feff}ü:\r\n  - é\r\n  - x\r\n",
        &[("/ü", "ü", "- é\r\n  - x"), ("/ü/0", "é", "é"), ("/ü/1", "x", "x")],
    );
}

#[test]
fn alias_has_span_of_its_anchor() {
    let text = "a: &x { b: [1] }\nc: *x\nd: [*x]\n";
    check_locations(
        text,
        &[("/c", "c", "{ b: [1] }"), ("/c/b/0", "1", "1"), ("/d/0/b", "b", "[1]"), ("/d", "d", "[*x]")],
    );
    assert_eq!(tree(text).value().to_string(), r#"{"a":{"b":[1]},"c":{"b":[1]},"d":[{"b":[1]}]}"#);
}

#[test]
fn span_within_locates_part_in_every_scalar_style() {
    let texts = [
        "a: $.ü[x\n",
        "a: \"$.ü[x\"\n",
        "a: '$.ü[x'\n",
        "a: \"$.\\u00fc\\t\\\"[x\"\n",
        "a: 'it''s ü [x'\n",
        "a: |\n  $.ü[x\n",
        "a: |2-\n    $.ü\n\n\n     '[x\n",
        "a: >-\n  \"ü\n  $.ü \n\n  [x\n",
        "a: >-\n  'ü[x日\n",
        "a: |-\n  \"[x'\n",
        "a: |-\n  '\n  ü[x'\n",
        "a: >\r\n  ü\r\n\r\n  [x\r\n\r\n",
        "a: \"ü \\\n     \\  [x\"\n",
        "a: ü\n  [x\n",
        "a: \"ü  \n\n  [x\"\n",
    ];
    for text in texts {
        let tree = tree(text);
        let read = tree.value().pointer("/a").and_then(Value::as_str).expect("a text");
        let at = read.find("[x").expect("it is there");
        assert_eq!(&text[tree.span_within("/a", at..at + 2)], "[x", "{text}");
        assert_eq!(tree.span_within("/a", at + 1..at + 1).len(), 0, "{text}");
        assert_eq!(tree.span_within("/a", read.len()..read.len()).start, tree.span_within("/a", at..read.len()).end);
    }
    let text = "a: $.ü[x\nh: 12\n";
    let within = |pointer: &str, inside| &text[tree(text).span_within(pointer, inside)];
    assert_eq!([within("/a", 3..3), within("/a", 3..99), within("/h", 0..1)], ["ü", "ü[x", "12"]);
    assert_eq!(tree(text).exact_span_within("/h", 0..1), None);
}

#[test]
fn parse_agrees_with_independent_parser() {
    let texts = [
        "a: 1\nb: -2\nc: 1.5\nd: 1e3\ne: 18446744073709551615\nf: 0\n",
        "a: true\nb: False\nc: null\nd: ~\ne:\nf: NO\ng: on\nh: yes\n",
        "a: 012\nb: 1_000\nc: 12:30\nd: 2014-01-01\ne: 1.0.0\nf: 0x1F\ng: 0o17\n",
        "a: x y # c\nb: \"x\\ty\\u00e9\"\nc: 'it''s'\nd: a#b\ne: $.a['b']\nf: https://example.com/?a=b\n",
        "a: |\n  x\n   y\n\n  z\nb: >-\n  x\n  y\n\n  z\nc: |+\n  x\n\nd: x\n",
        "a:\n- 1\n- b: 2\n  c: 3\n-\n  - x\n- []\n- {}\n",
        "{ a: [1, x, \"y\", { b: c }], 'd': \"e\", \"f\": }\n",
        "- &a { x: 1 }\n- *a\n- &b text\n- *b\n",
        "---\na: plain text\n  on two lines\nb: \"quoted text\n  on two lines\"\n...\n",
        "name: Ünïcode 日本\nitems:\n  - { type: A, target: ipv4-addr }\n  - { type: [MX, NS], when: 'a in [\"b\"]' }\n",
        "? a\n: b\n? c\n",
        "200: ok\n-1: x\n",
    ];
    for text in texts {
        let other: Value = serde_yaml::from_str(text).expect(text);
        assert_eq!(*tree(text).value(), other, "{text}");
    }
}

/// Returns code and message of the last diagnostic of a text beyond a limit.
fn last_diagnostic(text: &str) -> (Code, String) {
    let found = Tree::parse(&Source::new("x.yaml", text)).expect_err("a limit is exceeded");
    let last = found.last().expect("a diagnostic");
    (last.code, last.message.clone())
}

#[test]
fn parse_enforces_limits() {
    let deep = |depth: usize| format!("a: {}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Tree::parse(&Source::new("x.yaml", deep(63))).is_ok());
    assert_eq!(last_diagnostic(&deep(64)).0, Code::TooLarge);
    assert_eq!(last_diagnostic(&"[".repeat(100_000)).0, Code::TooLarge);
    assert_eq!(last_diagnostic(&"- ".repeat(100_000)).0, Code::TooLarge);
    assert_eq!(last_diagnostic(&"a".repeat((1 << 20) + 1)).0, Code::TooLarge);
    assert!(Tree::parse(&Source::new("x.yaml", "- a\n".repeat(19_000))).is_ok());
    assert_eq!(
        last_diagnostic(&"- a\n".repeat(21_000)),
        (Code::TooLarge, "too many values: expected at most 20000".into())
    );
}

#[test]
fn parse_limits_expanded_aliases() {
    let bomb: String =
        (1..9).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "))).collect();
    assert_eq!(last_diagnostic(&format!("a0: &a0 x\n{bomb}")).0, Code::Alias);
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 10_000].join(", "));
    assert_eq!(last_diagnostic(&long).0, Code::Alias);
    let tall: String =
        (1..9).map(|i| format!("a{i}: &a{i} {}*a{}{}\n", "[".repeat(20), i - 1, "]".repeat(20))).collect();
    assert_eq!(last_diagnostic(&format!("a0: &a0 x\n{tall}")).0, Code::Alias);
}

#[test]
fn parse_reports_limited_number_of_missing_quotes() {
    let text: String = (0..30).map(|i| format!("a{i}: {{{{ x }}}}\n")).collect();
    let found = Tree::parse(&Source::new("x.yaml", text)).expect_err("templates");
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|found| found.code == Code::BlockAsKey && found.fix.is_some()));
}

#[test]
fn nearest_suggests_similar_word() {
    let near = |word: &str| {
        crate::yaml::nearest(word, ["timeout", "time_first", "time_last", "rrtype", "as", "at", "in", "basic"])
    };
    let cases = [
        ("timeotu", Some("timeout")),
        ("TIME-FIRST", Some("time_first")),
        ("rtype", Some("rrtype")),
        ("basci", Some("basic")),
        ("bas", Some("basic")),
    ];
    for (word, expected) in cases.into_iter().chain([
        ("AT", Some("at")),
        ("a", None),
        ("by", None),
        ("xyz", None),
        ("", None),
        ("time", None),
    ]) {
        assert_eq!(near(word), expected, "{word}");
    }
}

#[test]
fn unmistakable_word_differs_by_a_slip() {
    let sure = [
        ("min_tpl", "min_tlp"),
        ("mintlp", "min_tlp"),
        ("MIN-TLP", "min_tlp"),
        ("rtype", "rrtype"),
        ("lookpus", "lookups"),
        ("ndjsno", "ndjson"),
        ("time_lasst", "time_last"),
        ("descripton", "description"),
    ];
    for (word, other) in sure {
        assert_eq!(crate::yaml::unmistakable(word, [other, "unrelated"]), Some(other), "{word}");
    }
    let unsure = [
        ("max_tlp", "min_tlp"),
        ("jsonl", "json"),
        ("json", "jsonl"),
        ("host", "hosts"),
        ("host", "post"),
        ("resolve", "resolve_type"),
        ("ipv4", "ipv6"),
        ("host_a", "host_b"),
        ("dst_port", "src_port"),
        ("min", "max"),
        ("at", "as"),
        ("", "x"),
        ("data1", "data2"),
    ];
    for (word, other) in unsure {
        assert_eq!(crate::yaml::unmistakable(word, [other]), None, "{word}");
    }
    assert_eq!(crate::yaml::unmistakable("naame", ["name", "nmaame"]), None, "two are equally close");
}
