//! Proves that each property can fail: a defect of the engine is seeded, found, shrunk, printed as a case, and kept.

use super::play::{Exchange, Fault, Played, Stage};
use super::reply::Reply;
use super::results::{RunCounts, Tally};
use super::table::{PROPERTIES, Property};
use super::{failure, first_failure, keep};
use crate::catalog::Folder;
use crate::files::Root;
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use stixmap_engine::case::Case;
use stixmap_engine::diagnostic::Source;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::OutcomeKind;
use stixmap_engine::stix::Observable;

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/by-cursor");
    Folder::OnDisk(Root::new(&folder)).plan().expect("a profile").expect("it compiles")
});

/// For each property, a defect that violates it.
const SEEDED: [(&str, Fault); 18] = [
    ("no-panic", |played| {
        assert_eq!(played.report.counts.mapped, 0, "a record cannot be mapped");
        played
    }),
    ("deterministic", |played| {
        static PLAYED: AtomicU32 = AtomicU32::new(0);
        let written = format!("{}{}", played.written, PLAYED.fetch_add(1, Ordering::Relaxed));
        Played { written, ..played }
    }),
    ("order-free", |mut played| {
        played.bundle["first"] = format!("{:?}", played.report.trace.first().map(|traced| &traced.record)).into();
        played
    }),
    ("idempotent", |mut played| {
        played.bundle["read"] = played.report.counts.read.into();
        played
    }),
    ("closed", |played| without(played, |object| object["type"] == "ipv4-addr")),
    ("connected", |played| without(played, |object| object["type"] == "relationship")),
    ("valid", |played| each_relationship(played, |relationship| relationship["description"] = Value::Null)),
    ("permitted", |played| {
        each_relationship(played, |relationship| {
            let source = relationship["source_ref"].take();
            relationship["source_ref"] = relationship["target_ref"].take();
            relationship["target_ref"] = source;
        })
    }),
    ("accounted", |mut played| {
        played.report.counts.mapped += 1;
        played
    }),
    ("tlp-never-lowered", |played| {
        each_relationship(played, |relationship| relationship["object_marking_refs"] = Value::Null)
    }),
    ("gate", |mut played| {
        played.exchanges.push(Exchange { request: "GET /".to_owned(), reply: Reply::of(vec![]) });
        played
    }),
    ("no-secret", |mut played| {
        played.shown.push_str("s3cr3t+key=Zq9");
        played
    }),
    ("bounded", |mut played| {
        let further = || Exchange { request: "GET /".to_owned(), reply: Reply::of(vec![]) };
        played.exchanges.extend(std::iter::repeat_with(further).take(1000));
        played
    }),
    ("ids", |played| {
        each_relationship(played, |it| it["id"] = "relationship--00000000-0000-4000-8000-000000000000".into())
    }),
    ("times", |played| each_relationship(played, |it| it["stop_time"] = it["start_time"].clone())),
    ("believed", |mut played| {
        played.report.outcome.kind = OutcomeKind::Empty;
        played
    }),
    ("read-back", |mut played| {
        let other = Observable::detect("198.51.100.99").expect("an address");
        played.report.trace.iter_mut().flat_map(|it| &mut it.links).for_each(|link| link.target = other.clone());
        played
    }),
    ("replayed", |mut played| {
        played.written.push(' ');
        played
    }),
];

fn without(mut played: Played, is_lost: fn(&Value) -> bool) -> Played {
    played.bundle["objects"].as_array_mut().into_iter().for_each(|objects| objects.retain(|object| !is_lost(object)));
    played
}

fn each_relationship(mut played: Played, change: fn(&mut Value)) -> Played {
    let objects = played.bundle["objects"].as_array_mut().into_iter().flatten();
    objects.filter(|object| object["type"] == "relationship").for_each(change);
    played
}

/// Returns the smallest run that violates the property, as a case.
fn found(property: &'static Property) -> Tally {
    let (_, fault) = SEEDED.iter().find(|(name, _)| *name == property.name).expect("each property has its mistake");
    let stage = Stage { fault: Some(*fault), ..Stage::new(&PLAN) };
    let reached = RefCell::new(RunCounts::default());
    let found = first_failure(&stage, &[property], (256, 0), &reached).expect("runs can be generated");
    let (name, scene) = found.unwrap_or_else(|| panic!("{}: the mistake was not found", property.name));
    let rows: usize = scene.pages.iter().map(|page| page.rows.len()).sum();
    assert!(rows <= 2, "{name} is not small: {scene:?}");
    Tally { property, cases: 256, failure: Some(failure(&stage, name, &scene).expect("a case")) }
}

#[test]
fn each_property_finds_its_defect_and_prints_it_as_a_small_case() {
    for property in &PROPERTIES {
        let failure = found(property).failure.expect("it was found");
        assert!(!failure.reason.is_empty(), "{}: the failure has a reason", property.name);
        let read = Case::read(&Source::new("case.yaml", failure.case.as_str()), |_| Err(String::new()));
        assert!(read.is_ok(), "{}: {read:?}\n{}", property.name, failure.case);
    }
}

#[test]
fn all_properties_hold_without_a_defect() {
    let open: Vec<&'static Property> = PROPERTIES.iter().collect();
    let found = first_failure(&Stage::new(&PLAN), &open, (64, 0), &RefCell::default()).expect("runs can be generated");
    assert!(found.is_none(), "{found:?}");
}

#[test]
fn keep_writes_a_case_and_overwrites_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let property = PROPERTIES.iter().find(|property| property.name == "closed").expect("it is one of them");
    let mut tally = found(property);
    let mut kept = || {
        keep(&mut tally, &Root::new(folder.path())).expect("it can be written");
        let failure = tally.failure.as_mut().expect("it was found");
        let file = failure.file.clone().expect("it was written");
        assert_eq!(std::fs::read_to_string(&file).expect("a case"), failure.case);
        failure.case.push_str("# another\n");
        file.strip_prefix(folder.path()).expect("below").to_owned()
    };
    assert_eq!(kept(), Path::new("cases/property-closed.yaml"));
    assert_eq!(kept(), Path::new("cases/property-closed-2.yaml"));
    keep(&mut tally, &Root::new(folder.path())).expect("it can be written");
    assert_eq!(std::fs::read_dir(folder.path().join("cases")).expect("cases").count(), 3);
}
