//! A bundle cut into messages of one object each, what others refer to first: as pycti's splitter does it, but that shared
//! organisations survive, and nothing of its book-keeping is left in what is sent.

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::{HashMap, HashSet};

/// Kinds of objects that the platform imports. What refers to others is cleaned of those references.
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

/// References that name what need not be in the bundle: who may see an object.
pub(super) const SHARING: &str = "x_opencti_granted_refs";

/// The longest chain of references that is followed: an object that stands on more than so many others, one on the other, is
/// nobody's knowledge, and following it would end the process.
const DEEPEST: usize = 200;

/// One object as it is sent, and how much must be there before it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) text: Box<RawValue>,
    pub(super) sequence: u64,
}

/// What a bundle is sent as.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// In the order of sending.
    pub(super) parts: Vec<Part>,
    /// What the platform could not import: the ids, or what stands in for one.
    pub(super) left_out: Vec<String>,
    /// References that led to nothing: the object, the key, and what it named.
    pub(super) dropped: Vec<(String, String, String)>,
}

struct Splitter<'s> {
    types: HashSet<&'s str>,
    /// By every id it goes by.
    raw: HashMap<String, usize>,
    objects: Vec<Value>,
    references: HashMap<usize, HashSet<String>>,
    done: HashMap<usize, u64>,
    cleans: bool,
    split: Split,
}

/// Splits objects. With `cleans`, references to what is not among them are dropped, and told.
pub(super) fn split(objects: Vec<Value>, cleans: bool) -> Split {
    let (mut raw, mut order, mut left_out) = (HashMap::new(), vec![], vec![]);
    for (index, object) in objects.iter().enumerate() {
        // What has no id of its own cannot be imported, by whatever else it goes.
        let Some(own) = object["id"].as_str() else {
            left_out.push(format!("{} without an id", object["type"].as_str().unwrap_or("an object")));
            continue;
        };
        order.push(own.to_owned());
        for id in ids(object) {
            raw.insert(id.to_owned(), index);
        }
    }
    let mut splitter = Splitter {
        types: TYPES.split_ascii_whitespace().collect(),
        raw,
        objects,
        references: HashMap::new(),
        done: HashMap::new(),
        cleans,
        split: Split { left_out, ..Split::default() },
    };
    for id in &order {
        splitter.enlist(id, &mut vec![]);
    }
    splitter.split.parts.sort_by_key(|part| part.sequence);
    splitter.split
}

fn ids(object: &Value) -> impl Iterator<Item = &str> {
    let extensions = object.get("extensions").and_then(Value::as_object).into_iter().flatten();
    let of_extensions = extensions.filter_map(|(_, extension)| extension.get("id").and_then(Value::as_str));
    let own = ["id", "x_opencti_id"].into_iter().filter_map(|key| object.get(key).and_then(Value::as_str));
    own.chain(of_extensions)
}

/// What an object refers to, by key, in the order of keys.
fn references(object: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = |(key, value): (&String, &Value)| {
        let names = match value {
            Value::Array(items) if key.ends_with("_refs") && key != SHARING => items.iter().filter_map(text).collect(),
            Value::String(name) if key.ends_with("_ref") => vec![name.clone()],
            _ => return None,
        };
        Some((key.clone(), names))
    };
    let mut references: Vec<_> = object.as_object().into_iter().flatten().filter_map(named).collect();
    references.sort_unstable();
    references
}

/// Leaves an object these references; a key without any goes.
fn refer(object: &mut Value, key: &str, names: Vec<String>) {
    match (names.is_empty(), key.ends_with("_refs")) {
        (true, _) => drop(object.as_object_mut().and_then(|keys| keys.remove(key))),
        (false, true) => object[key] = Value::from(names),
        (false, false) => {}
    }
}

/// Leaves each in a list once, and what cannot be told from others not at all, as the platform has no place for it.
fn once(object: &mut Value, key: &str, told_by: fn(&Value) -> Option<String>) {
    let Some(items) = object.get_mut(key).and_then(Value::as_array_mut) else { return };
    let mut seen = HashSet::new();
    items.retain(|item| told_by(item).is_some_and(|what| seen.insert(what)));
}

/// What the platform tells an external reference by: its URL, or else its source and its name there.
fn told_by(reference: &Value) -> Option<String> {
    let text = |key: &str| reference.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let named = || Some(format!("{}\0{}", text("source_name")?, text("external_id")?));
    text("url").map(str::to_owned).or_else(named)
}

fn phase_of(phase: &Value) -> Option<String> {
    Some(format!("{}\0{}", phase.get("kill_chain_name")?, phase.get("phase_name")?))
}

impl Splitter<'_> {
    /// Puts an object after all it refers to. Gives how many objects that makes.
    fn enlist(&mut self, id: &str, parents: &mut Vec<String>) -> u64 {
        let Some(&index) = self.raw.get(id) else { return 0 };
        if let Some(known) = self.done.get(&index) {
            return *known;
        }
        self.references.entry(index).or_default();
        let own = self.objects[index]["id"].as_str().unwrap_or_default().to_owned();
        let mut sequence = 1_u64;
        let mut kept = vec![];
        for (key, named) in references(&self.objects[index]) {
            let mut stays = vec![];
            for name in named {
                let Some(below) = self.follow(&name, &key, &own, index, parents) else { continue };
                // What is referred to many times over counts as often: some dozens of objects are enough for any number.
                sequence = sequence.saturating_add(below);
                if !stays.contains(&name) {
                    stays.push(name);
                }
            }
            kept.push((key, stays));
        }
        self.keep(index, kept, sequence);
        sequence
    }

    /// Enlists what a reference names; none if the reference cannot stay.
    fn follow(&mut self, name: &str, key: &str, own: &str, index: usize, parents: &mut Vec<String>) -> Option<u64> {
        let is_there = self.raw.contains_key(name);
        let is_missing = self.cleans && !is_there;
        let is_circular = parents.iter().any(|parent| parent == name)
            || self.raw.get(name).is_some_and(|other| {
                *other == index || self.references.get(other).is_some_and(|theirs| theirs.contains(own))
            });
        let is_too_deep = parents.len() >= DEEPEST;
        if !self.is_supported(name) || is_missing || is_circular || is_too_deep || name == own {
            self.split.dropped.push((own.to_owned(), key.to_owned(), name.to_owned()));
            return None;
        }
        self.references.entry(index).or_default().insert(name.to_owned());
        parents.push(name.to_owned());
        let below = self.enlist(name, parents);
        parents.pop();
        Some(below)
    }

    fn is_supported(&self, id: &str) -> bool {
        id.split_once("--").is_none_or(|(kind, _)| self.types.contains(kind))
    }

    /// An object is done with, and refers to no more than these. Where references go round it may have been before.
    fn keep(&mut self, index: usize, references: Vec<(String, Vec<String>)>, sequence: u64) {
        if self.done.insert(index, sequence).is_some() {
            return;
        }
        let mut object = self.objects[index].take();
        for (key, names) in references {
            refer(&mut object, &key, names);
        }
        once(&mut object, "external_references", told_by);
        once(&mut object, "kill_chain_phases", phase_of);
        let id = object["id"].as_str().unwrap_or_default();
        let has = |key: &str| object.get(key).is_some_and(|value| !value.is_null());
        let is_whole = match object["type"].as_str() {
            Some("relationship") => has("source_ref") && has("target_ref"),
            Some("sighting") => has("sighting_of_ref") && has("where_sighted_refs"),
            _ => self.is_supported(id),
        };
        match is_whole {
            true => {
                let (id, text) = (id.to_owned(), to_raw_value(&object).expect("a value is JSON"));
                self.split.parts.push(Part { id, text, sequence });
            }
            false => self.split.left_out.push(id.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    impl Part {
        fn object(&self) -> Value {
            serde_json::from_str(self.text.get()).expect("what is sent is JSON")
        }
    }

    #[test]
    fn bundles_are_split_as_pycti_splits_them() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/connector/splits.json")).expect("JSON");
        for case in cases.as_array().expect("a list") {
            let objects = case["objects"].as_array().expect("objects").clone();
            let split = split(objects, case["cleans"] == true);
            let sent: Vec<Value> = split.parts.iter().map(|part| json!([part.id, part.sequence])).collect();
            assert_eq!(Value::from(sent), case["sent"], "{}", case["name"]);
            assert_eq!(json!(split.left_out), case["left_out"], "{}", case["name"]);
            for part in &split.parts {
                assert!(!part.text.get().contains("nb_deps"), "nothing of ours is left in {}", part.text);
            }
        }
    }

    #[test]
    fn shared_organisations_survive_and_emptied_references_do_not() {
        let objects = vec![json!({
            "type": "domain-name", "id": "domain-name--1", "x_opencti_granted_refs": ["identity--1"],
            "object_marking_refs": ["marking-definition--1"], "created_by_ref": "identity--2",
        })];
        let split = split(objects, true);
        let sent = json!({ "type": "domain-name", "id": "domain-name--1", "x_opencti_granted_refs": ["identity--1"] });
        assert_eq!(split.parts[0].object(), sent);
        assert_eq!(split.dropped.len(), 2);
    }

    #[test]
    fn an_external_reference_is_sent_once() {
        let references = [
            json!({ "source_name": "a", "url": "http://x" }),
            json!({ "source_name": "b", "url": "http://x" }),
            json!({ "source_name": "c" }),
            json!({ "source_name": "d", "external_id": "1" }),
            json!({ "source_name": "d", "external_id": "1" }),
        ];
        let objects = vec![json!({ "type": "identity", "id": "identity--1", "external_references": references })];
        let split = split(objects, true);
        assert_eq!(split.parts[0].object()["external_references"], json!([references[0], references[3]]));
    }

    #[test]
    fn a_chain_that_is_too_long_is_cut_and_told() {
        let note = |number: usize| json!({ "type": "note", "id": format!("note--{number}"), "object_refs": [format!("note--{}", number + 1)] });
        let split = split((0..20_000).map(note).collect(), true);
        assert_eq!(split.parts.len(), 20_000);
        assert_eq!(split.dropped.len(), 20_000_usize.div_ceil(DEEPEST + 1));
    }
}
