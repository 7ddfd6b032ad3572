//! Splits a bundle into messages of one object each, referenced objects first. Unlike pycti's splitter, it keeps the
//! organizations that objects are shared with, and adds no bookkeeping properties to the objects.

use super::entity::SHARING;
use super::object_names::{NamedObject, Names};
use super::objects::Objects;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io::Write;

/// Types of objects that the platform imports. References to objects of other types are removed.
const TYPES: &str = "kill-chain-phase attack-pattern campaign case-incident x-opencti-case-incident case-rfi \
    x-opencti-case-rfi case-rft x-opencti-case-rft channel course-of-action data-component x-mitre-data-component data-source \
    x-mitre-data-source event external-reference feedback x-opencti-feedback grouping identity incident indicator \
    infrastructure intrusion-set language location malware malware-analysis marking-definition narrative note observed-data \
    opinion report task x-opencti-task threat-actor tool vulnerability security-coverage security-coverage-result user group \
    capability role settings notification work trash draftworkspace playbook deleteoperation workspace publicdashboard \
    autonomous-system directory domain-name email-addr email-message email-mime-part-type artifact file x509-certificate \
    ipv4-addr ipv6-addr mac-addr mutex network-traffic process software url user-account windows-registry-key \
    windows-registry-value-type hostname cryptographic-key cryptocurrency-wallet text user-agent bank-account phone-number \
    credential tracking-number payment-card media-content simple-observable persona ssh-key ai-prompt imei iccid imsi \
    relationship sighting pir";

/// Maximum depth of references. Deeper chains do not occur in real data, and following them would overflow the stack.
const MAX_DEPTH: usize = 200;

/// An object that is published: its position, length and sequence number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    position: u32,
    /// Length as JSON, in bytes.
    length: u32,
    /// One plus the sequence numbers of all objects that it refers to; objects are published in this order.
    pub(super) sequence: u64,
}

impl Part {
    fn position(self) -> usize {
        self.position as usize
    }

    /// Returns the length as JSON in bytes; at least 4 GiB for larger objects.
    pub(super) fn length(self) -> usize {
        self.length as usize
    }
}

/// References of an object: ids by key, in the order of keys.
type References = Vec<(String, Vec<String>)>;

/// Result of a split.
#[derive(Debug, Default)]
pub(super) struct Split {
    objects: Objects,
    /// In the order of publishing.
    pub(super) parts: Vec<Part>,
    /// Remaining references of objects that lost some, by position.
    cleaned: HashMap<usize, References>,
    /// Objects that the platform cannot import: the ids, or a description of an object without one.
    pub(super) left_out: Vec<String>,
    /// Removed references: object, key and id.
    pub(super) dropped: Vec<(String, String, String)>,
}

impl Split {
    /// Returns an object as it is published.
    pub(super) fn object(&self, part: Part) -> Value {
        let object = self.objects.at(part.position());
        let references = self.cleaned.get(&part.position()).cloned().unwrap_or_else(|| references(&object));
        cleaned(object, references)
    }
}

struct Splitter<'s> {
    types: HashSet<&'s str>,
    /// All ids of the objects.
    names: Names,
    /// References (position of the object, number of the id) whose target is not done; others are not needed.
    refers: HashSet<(usize, u32)>,
    /// Positions of the objects that are not done, each referred to by the one before.
    open: Vec<usize>,
    /// Sequence number by position; 0 if the object is not done.
    done: Vec<u64>,
    cleans: bool,
    split: Split,
}

/// Splits objects. With `cleans`, references to objects that are not among them are removed and listed.
pub(super) fn split(objects: Objects, cleans: bool) -> Split {
    let count = objects.len();
    let (mut names, mut left_out) = (Names::with_capacity(count), vec![]);
    for position in 0..count {
        let Some(own) = objects.id(position) else {
            // An object without an `id` cannot be imported, even if it has an id of the platform.
            left_out.push(format!("{} without an id", objects.at(position)["type"].as_str().unwrap_or("an object")));
            continue;
        };
        names.add(&objects, &own, position, true);
        let others = objects.other_ids(position);
        others.iter().for_each(|id| names.add(&objects, id, position, *id == own));
    }
    let mut splitter = Splitter {
        types: TYPES.split_ascii_whitespace().collect(),
        names,
        refers: HashSet::new(),
        open: vec![],
        done: vec![0; count],
        cleans,
        split: Split { objects, left_out, parts: Vec::with_capacity(count), ..Split::default() },
    };
    for position in 0..count {
        if let Some(own) = splitter.split.objects.id(position) {
            let named = splitter.named(&own).expect("its own id was added above");
            splitter.visit(named, &mut vec![]);
        }
    }
    // Drop the splitter's tables before sorting, which needs memory too.
    let Splitter { mut split, .. } = splitter;
    split.parts.sort_by_key(|part| part.sequence);
    split
}

fn references(object: &Value) -> References {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = |(key, value): (&String, &Value)| {
        let names = match value {
            Value::Array(items) if key.ends_with("_refs") && key != SHARING => items.iter().filter_map(text).collect(),
            Value::String(name) if key.ends_with("_ref") => vec![name.clone()],
            _ => return None,
        };
        Some((key.clone(), names))
    };
    let mut references: References = object.as_object().into_iter().flatten().filter_map(named).collect();
    references.sort_unstable();
    references
}

/// Sets the references of an object; a key without references is removed.
fn set_references(object: &mut Value, key: &str, names: Vec<String>) {
    match (names.is_empty(), key.ends_with("_refs")) {
        (true, _) => drop(object.as_object_mut().and_then(|keys| keys.remove(key))),
        (false, true) => object[key] = Value::from(names),
        (false, false) => {}
    }
}

/// Removes duplicates from a list, and items without an identity, which the platform cannot store.
fn deduplicate(object: &mut Value, key: &str, identity: fn(&Value) -> Option<String>) {
    let Some(items) = object.get_mut(key).and_then(Value::as_array_mut) else { return };
    let mut seen = HashSet::new();
    items.retain(|item| identity(item).is_some_and(|identity| seen.insert(identity)));
}

/// Returns the platform's identity of an external reference: its URL, or else its source name and external id.
fn reference_identity(reference: &Value) -> Option<String> {
    let text = |key: &str| reference.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let named = || Some(format!("{}\0{}", text("source_name")?, text("external_id")?));
    text("url").map(str::to_owned).or_else(named)
}

fn phase_identity(phase: &Value) -> Option<String> {
    Some(format!("{}\0{}", phase.get("kill_chain_name")?, phase.get("phase_name")?))
}

/// Returns an object with these references and without duplicates in its lists.
fn cleaned(mut object: Value, references: References) -> Value {
    for (key, names) in references {
        set_references(&mut object, &key, names);
    }
    deduplicate(&mut object, "external_references", reference_identity);
    deduplicate(&mut object, "kill_chain_phases", phase_identity);
    object
}

impl Splitter<'_> {
    /// Returns the object with this id.
    fn named(&self, id: &str) -> Option<NamedObject> {
        self.names.get(&self.split.objects, id)
    }

    /// Adds an object after all objects that it refers to. Returns its sequence number.
    fn visit(&mut self, NamedObject { position, .. }: NamedObject, parents: &mut Vec<u32>) -> u64 {
        if self.done[position] > 0 {
            return self.done[position];
        }
        self.open.push(position);
        let object = self.split.objects.at(position);
        let own = object["id"].as_str().unwrap_or_default().to_owned();
        let (mut sequence, mut kept, mut keeps_all) = (1_u64, vec![], true);
        for (key, names) in references(&object) {
            let mut stays = vec![];
            for name in names {
                let below = self.follow(&name, &key, &own, position, parents);
                let is_kept = below.is_some() && !stays.contains(&name);
                keeps_all &= is_kept;
                // Objects count once for each path to them, so that a few dozen objects can exceed any number.
                sequence = sequence.saturating_add(below.unwrap_or(0));
                if is_kept {
                    stays.push(name);
                }
            }
            kept.push((key, stays));
        }
        self.keep(position, object, kept, keeps_all, sequence);
        self.open.pop();
        sequence
    }

    /// Visits the target of a reference. Returns its sequence number; none if the reference must be removed.
    fn follow(&mut self, name: &str, key: &str, own: &str, position: usize, parents: &mut Vec<u32>) -> Option<u64> {
        let named = self.named(name);
        let is_missing = self.cleans && named.is_none();
        let is_circular = named.is_some_and(|other| {
            let refers_back = |own: NamedObject| self.refers.contains(&(other.position, own.number));
            parents.contains(&other.number) || other.position == position || self.named(own).is_some_and(refers_back)
        });
        let is_too_deep = parents.len() >= MAX_DEPTH;
        if !self.is_supported(name) || is_missing || is_circular || is_too_deep || name == own {
            self.split.dropped.push((own.to_owned(), key.to_owned(), name.to_owned()));
            return None;
        }
        // A target outside the bundle counts as no object.
        let Some(named) = named else { return Some(0) };
        self.refers.insert((position, named.number));
        parents.push(named.number);
        let below = self.visit(named, parents);
        parents.pop();
        if !self.open.contains(&named.position) {
            self.refers.remove(&(position, named.number));
        }
        Some(below)
    }

    fn is_supported(&self, id: &str) -> bool {
        id.split_once("--").is_none_or(|(kind, _)| self.types.contains(kind))
    }

    /// Completes an object with its remaining references. In a cycle of references it may be complete already.
    fn keep(&mut self, position: usize, object: Value, kept: References, keeps_all: bool, sequence: u64) {
        if self.done[position] > 0 {
            return;
        }
        self.done[position] = sequence;
        if !keeps_all {
            self.split.cleaned.insert(position, kept.clone());
        }
        let object = cleaned(object, kept);
        let id = object["id"].as_str().unwrap_or_default();
        let has = |key: &str| object.get(key).is_some_and(|value| !value.is_null());
        let is_whole = match object["type"].as_str() {
            Some("relationship") => has("source_ref") && has("target_ref"),
            Some("sighting") => has("sighting_of_ref") && has("where_sighted_refs"),
            _ => self.is_supported(id),
        };
        match is_whole {
            true => {
                let position = u32::try_from(position).expect("as many as fit into memory");
                let length = u32::try_from(length(&object)).unwrap_or(u32::MAX);
                self.split.parts.push(Part { position, length, sequence });
            }
            false => self.split.left_out.push(id.to_owned()),
        }
    }
}

/// Returns the length of a value as JSON, in bytes.
fn length(value: &Value) -> usize {
    struct Counter(usize);
    impl Write for Counter {
        fn write(&mut self, some: &[u8]) -> std::io::Result<usize> {
            self.0 += some.len();
            Ok(some.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("a value is JSON");
    counter.0
}

#[cfg(test)]
mod tests {
    use super::super::objects::Found;
    use super::*;
    use serde_json::json;

    fn split(objects: Vec<Value>, cleans: bool) -> Split {
        super::split(Objects::of(Found::Values(objects)), cleans)
    }

    impl Split {
        fn sent(&self) -> Vec<Value> {
            self.parts.iter().map(|part| self.object(*part)).collect()
        }
    }

    #[test]
    fn split_agrees_with_pycti() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/connector/splits.json")).expect("JSON");
        for case in cases.as_array().expect("a list") {
            let objects = case["objects"].as_array().expect("objects").clone();
            let split = split(objects, case["cleans"] == true);
            let sequence = |part: &Part| json!([split.object(*part)["id"], part.sequence]);
            let sent: Vec<Value> = split.parts.iter().map(sequence).collect();
            assert_eq!(Value::from(sent), case["sent"], "{}", case["name"]);
            assert_eq!(json!(split.left_out), case["left_out"], "{}", case["name"]);
            for (part, object) in split.parts.iter().zip(split.sent()) {
                let text = object.to_string();
                assert!(!text.contains("nb_deps"), "bookkeeping property in {text}");
                assert_eq!(part.length(), text.len());
            }
        }
    }

    #[test]
    fn organizations_are_kept_and_dangling_references_removed() {
        let objects = vec![json!({
            "type": "domain-name", "id": "domain-name--1", "x_opencti_granted_refs": ["identity--1"],
            "object_marking_refs": ["marking-definition--1"], "created_by_ref": "identity--2",
        })];
        let split = split(objects, true);
        let sent = json!({ "type": "domain-name", "id": "domain-name--1", "x_opencti_granted_refs": ["identity--1"] });
        assert_eq!(split.sent()[0], sent);
        assert_eq!(split.dropped.len(), 2);
    }

    #[test]
    fn duplicate_external_references_are_removed() {
        let references = [
            json!({ "source_name": "a", "url": "http://x" }),
            json!({ "source_name": "b", "url": "http://x" }),
            json!({ "source_name": "c" }),
            json!({ "source_name": "d", "external_id": "1" }),
            json!({ "source_name": "d", "external_id": "1" }),
        ];
        let objects = vec![json!({ "type": "identity", "id": "identity--1", "external_references": references })];
        let split = split(objects, true);
        assert_eq!(split.sent()[0]["external_references"], json!([references[0], references[3]]));
    }

    #[test]
    fn chain_of_references_is_cut_at_maximum_depth() {
        let note = |number: usize| json!({ "type": "note", "id": format!("note--{number}"), "object_refs": [format!("note--{}", number + 1)] });
        let split = split((0..20_000).map(note).collect(), true);
        assert_eq!(split.parts.len(), 20_000);
        assert_eq!(split.dropped.len(), 20_000_usize.div_ceil(MAX_DEPTH + 1));
    }
}
