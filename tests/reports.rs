//! Coverage reports conform to their formats: LCOV's counts agree with its lists, and Cobertura's XML conforms to its
//! DTD.

use crate::support::{ended, root, stixmap};
use std::collections::BTreeMap;

/// Returns a report on many small profiles.
fn report(format: &str) -> String {
    ended(stixmap(&["test", "tests/providers", "--coverage", "--format", format])).out
}

#[test]
fn lcov_counts_agree_with_its_lists() {
    let text = report("lcov");
    let records: Vec<&str> = text.split_terminator("end_of_record\n").collect();
    assert!(records.len() > 8, "a record for each profile: {}", records.len());
    for record in records {
        let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (key, value) in record.lines().map(|line| line.split_once(':').expect("a key and a value")) {
            found.entry(key).or_default().push(value);
        }
        let of = |key: &str| found.get(key).cloned().unwrap_or_default();
        let single = |key: &str| of(key).iter().map(|text| text.parse::<usize>().expect("a count")).sum::<usize>();
        assert!(of("TN")[0].chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "a test's name: {record}");
        let lines = std::fs::read_to_string(root().join(of("SF")[0])).expect("the profile").lines().count();
        for (list, all, hit) in [("DA", "LF", "LH"), ("BRDA", "BRF", "BRH")] {
            let rows: Vec<Vec<usize>> = of(list)
                .iter()
                .map(|row| row.split(',').map(|cell| cell.parse().expect("a number")).collect())
                .collect();
            assert!(rows.iter().all(|row| (1..=lines).contains(&row[0])), "{list}: {record}");
            assert_eq!(
                (rows.len(), rows.iter().filter(|row| row[row.len() - 1] > 0).count()),
                (single(all), single(hit))
            );
        }
    }
}

/// Elements of `coverage-04.dtd`: children in order, and required attributes.
const DTD: [(&str, &[&str], &str); 9] = [
    (
        "coverage",
        &["sources", "packages"],
        "line-rate branch-rate lines-covered lines-valid branches-covered branches-valid complexity version timestamp",
    ),
    ("sources", &["source"], ""),
    ("source", &[], ""),
    ("packages", &["package"], ""),
    ("package", &["classes"], "name line-rate branch-rate complexity"),
    ("classes", &["class"], ""),
    ("class", &["methods", "lines"], "name filename line-rate branch-rate complexity"),
    ("methods", &[], ""),
    ("lines", &["line"], ""),
];

#[test]
fn cobertura_conforms_to_its_dtd() {
    let text = report("cobertura");
    let mut open: Vec<(String, usize)> = vec![];
    for tag in text.split('<').skip(3).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().map(|(open, _)| open).as_deref(), Some(name), "unbalanced elements");
            continue;
        }
        let name = tag.trim_end_matches('/').split(' ').next().expect("a name");
        if let Some((around, reached)) = open.last_mut() {
            let (_, inside, _) = DTD.iter().find(|(known, ..)| known == around).expect("an element that holds others");
            let place = inside.iter().position(|known| *known == name);
            assert!(place.is_some_and(|place| place >= *reached), "`{name}` in `{around}`");
            *reached = place.unwrap_or_default();
        }
        let known = DTD.iter().find(|(known, ..)| *known == name).map(|(_, _, attributes)| *attributes);
        let attributes = known.unwrap_or("number hits branch");
        assert!(
            attributes.split_whitespace().all(|key| tag.contains(&format!(" {key}=\""))),
            "`{tag}` has {attributes}"
        );
        if !tag.ends_with('/') {
            open.push((name.to_owned(), 0));
        }
    }
    assert!(open.is_empty() && text.contains("<line "), "the document is complete");
}
