//! Properties that hold for every text.

use super::*;
use crate::diagnostic::Span;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::Value;

/// Generates texts from tokens of YAML and of our declarations.
fn soup() -> impl Strategy<Value = String> {
    let signs = [
        "\n",
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "\n  - ",
        ": ",
        ": ",
        ":",
        ", ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "{{ x }}",
        "{{",
        "}}",
        "'",
        "\"",
        "\\",
        "#",
        " # c",
        "|",
        ">-\n  ",
        "&a ",
        "*a",
        "*",
        "!x ",
        "<<: ",
        "? ",
        "---",
        "...",
        "\t",
        "\r\n",
        "\u{feff}",
        "@",
        "%",
        "`",
        "~",
        "NULL",
        "1.10",
        "0x",
        "ü",
        "日本",
        "\u{2028}",
        "id: a",
        "id",
        "http: ",
        "origin: x",
        "fields: ",
        "rules:",
        "types: A",
        "auth: none",
        "kind: basic",
        "statsu: active",
        "true",
        "x",
        "\u{7}",
    ];
    proptest::collection::vec(proptest::sample::select(signs.to_vec()), 0..40).prop_map(|signs| signs.concat())
}

fn lies_in(text: &str, span: &Span) -> bool {
    span.start <= span.end && text.get(span.clone()).is_some()
}

fn pointers(value: &Value, pointer: &str) -> Vec<String> {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, part)| (crate::yaml::child(pointer, key), part)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, part)| (format!("{pointer}/{i}"), part)).collect(),
        _ => vec![],
    };
    let inner = parts.into_iter().flat_map(|(pointer, part)| pointers(part, &pointer));
    std::iter::once(pointer.to_owned()).chain(inner).collect()
}

fn check_invariants(text: &str) {
    for found in diagnostics(text) {
        assert!(found.labels.iter().all(|label| lies_in(text, &label.span)), "{text:?}: {found:?}");
        assert!(found.fix.iter().all(|fix| lies_in(text, &fix.span)), "{text:?}: {found:?}");
        assert!(found.message.chars().count() <= 80 && !found.message.contains('\n'), "{text:?}: {}", found.message);
    }
    if let Ok(tree) = Tree::parse(&Source::new("x.yaml", text)) {
        for pointer in pointers(tree.value(), "") {
            assert!(tree.has(&pointer), "{text:?} has {pointer}");
            assert!(
                lies_in(text, &tree.span(&pointer)) && lies_in(text, &tree.key_span(&pointer)),
                "{text:?} at {pointer}"
            );
            for inside in [0..0, 0..1, 1..2, 2..1000, Span { start: 5, end: 3 }] {
                let span = tree.span_within(&pointer, inside.clone());
                let whole = tree.span(&pointer);
                assert!(
                    lies_in(text, &span) && whole.start <= span.start && span.end <= whole.end,
                    "{text:?} at {pointer}, {inside:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn invariants_hold_for_any_text(text in "\\PC{0,60}") {
        check_invariants(&text);
    }

    #[test]
    fn invariants_hold_for_hostile_yaml(text in soup()) {
        check_invariants(&text);
    }

    #[test]
    fn span_within_locates_part_of_string(word in "[a-zü日 ]{0,12}[a-zü日]", before in "[a-zü日]{1,5}") {
        // Style, and quotation marks that belong to the text of a block scalar.
        let styles = [("", "", ""), ("\"", "", "\""), ("'", "", "'"), ("|-\n  ", "'", ""), (">-\n  ", "\"", "")];
        for (open, quote, close) in styles {
            let source = Source::new("x.yaml", format!("k: {open}{quote}{before}{word}{close}\n"));
            let tree = Tree::parse(&source).expect("YAML");
            let at = quote.len() + before.len();
            let span = tree.span_within("/k", at..at + word.len());
            prop_assert_eq!(&source.text[span], word.as_str());
        }
    }
}

/// A fix may reveal another mistake, but always removes its own.
#[test]
fn fix_removes_its_diagnostic() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..1_000 {
        let text = soup().new_tree(&mut runner).expect("a text").current();
        for found in diagnostics(&text) {
            let Some(fixed) = fixed(&found) else { continue };
            let left = diagnostics(&fixed);
            let same = |other: &&Diagnostic| {
                other.message == found.message && other.labels[0].span.start == found.labels[0].span.start
            };
            assert!(
                !left.iter().any(|other| same(&other)),
                "{text:?}\n{}\n{fixed:?}\n{:?}",
                line(&found),
                messages(&fixed)
            );
        }
    }
}
