//! A bundle cut into messages of one object each, what others refer to first: as pycti's splitter does it, but that shared
//! organisations survive, and nothing of its book-keeping is left in what is sent.

use super::object_names::{Names, ProfileArgument};
use super::objects::Objects;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::io::Write;

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

/// One object of those that are sent, by its place, and how much must be there before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    place: u32,
    /// How many octets it has as text.
    length: u32,
    pub(super) sequence: u64,
}

impl Part {
    fn place(self) -> usize {
        self.place as usize
    }

    /// How many octets it has as text; of an object larger than anybody takes, at least so many.
    pub(super) fn length(self) -> usize {
        self.length as usize
    }
}

/// What an object refers to, by key, in the order of keys.
type References = Vec<(String, Vec<String>)>;

/// What objects are sent as.
#[derive(Debug, Default)]
pub(super) struct Split {
    objects: Objects,
    /// In the order of sending.
    pub(super) parts: Vec<Part>,
    /// What those objects may refer to that named more, by place.
    cleaned: HashMap<usize, References>,
    /// What the platform could not import: the ids, or what stands in for one.
    pub(super) left_out: Vec<String>,
    /// References that led to nothing: the object, the key, and what it named.
    pub(super) dropped: Vec<(String, String, String)>,
}

impl Split {
    /// An object as it is sent.
    pub(super) fn object(&self, part: Part) -> Value {
        let object = self.objects.at(part.place());
        let references = self.cleaned.get(&part.place()).cloned().unwrap_or_else(|| references(&object));
        cleaned(object, references)
    }
}

struct Splitter<'s> {
    types: HashSet<&'s str>,
    /// Every id that an object goes by.
    names: Names,
    /// Which objects, by place, refer to which ids, by number, of objects that are not done: those of others are not asked for.
    refers: HashSet<(usize, u32)>,
    /// The places of those that are not done, each referred to by the one before.
    open: Vec<usize>,
    /// How many objects each makes with all it refers to, by place; 0 if it is not done.
    done: Vec<u64>,
    cleans: bool,
    split: Split,
}

/// Splits objects. With `cleans`, references to what is not among them are dropped, and told.
pub(super) fn split(objects: Objects, cleans: bool) -> Split {
    let count = objects.len();
    let (mut names, mut left_out) = (Names::with_capacity(count), vec![]);
    for place in 0..count {
        let Some(own) = objects.id(place) else {
            // What has no id of its own cannot be imported, by whatever else it goes.
            left_out.push(format!("{} without an id", objects.at(place)["type"].as_str().unwrap_or("an object")));
            continue;
        };
        names.add(&objects, &own, place, true);
        let others = objects.other_ids(place);
        others.iter().for_each(|id| names.add(&objects, id, place, *id == own));
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
    for place in 0..count {
        if let Some(own) = splitter.split.objects.id(place) {
            let named = splitter.named(&own).expect("each goes by its own id");
            splitter.enlist(named, &mut vec![]);
        }
    }
    // What only the order needed goes before there is sorting, which takes room of its own.
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

/// An object that refers to no more than these, and has in its lists what the platform tells apart.
fn cleaned(mut object: Value, references: References) -> Value {
    for (key, names) in references {
        refer(&mut object, &key, names);
    }
    once(&mut object, "external_references", told_by);
    once(&mut object, "kill_chain_phases", phase_of);
    object
}

impl Splitter<'_> {
    /// What goes by an id.
    fn named(&self, id: &str) -> Option<ProfileArgument> {
        self.names.get(&self.split.objects, id)
    }

    /// Puts an object after all it refers to. Gives how many objects that makes.
    fn enlist(&mut self, ProfileArgument { place, .. }: ProfileArgument, parents: &mut Vec<u32>) -> u64 {
        if self.done[place] > 0 {
            return self.done[place];
        }
        self.open.push(place);
        let object = self.split.objects.at(place);
        let own = object["id"].as_str().unwrap_or_default().to_owned();
        let (mut sequence, mut kept, mut keeps_all) = (1_u64, vec![], true);
        for (key, names) in references(&object) {
            let mut stays = vec![];
            for name in names {
                let below = self.follow(&name, &key, &own, place, parents);
                let is_kept = below.is_some() && !stays.contains(&name);
                keeps_all &= is_kept;
                // What is referred to many times over counts as often: some dozens of objects are enough for any number.
                sequence = sequence.saturating_add(below.unwrap_or(0));
                if is_kept {
                    stays.push(name);
                }
            }
            kept.push((key, stays));
        }
        self.keep(place, object, kept, keeps_all, sequence);
        self.open.pop();
        sequence
    }

    /// Enlists what a reference names; none if the reference cannot stay.
    fn follow(&mut self, name: &str, key: &str, own: &str, place: usize, parents: &mut Vec<u32>) -> Option<u64> {
        let named = self.named(name);
        let is_missing = self.cleans && named.is_none();
        let is_circular = named.is_some_and(|other| {
            let refers_back = |own: ProfileArgument| self.refers.contains(&(other.place, own.number));
            parents.contains(&other.number) || other.place == place || self.named(own).is_some_and(refers_back)
        });
        let is_too_deep = parents.len() >= DEEPEST;
        if !self.is_supported(name) || is_missing || is_circular || is_too_deep || name == own {
            self.split.dropped.push((own.to_owned(), key.to_owned(), name.to_owned()));
            return None;
        }
        // What is not among the objects makes none.
        let Some(named) = named else { return Some(0) };
        self.refers.insert((place, named.number));
        parents.push(named.number);
        let below = self.enlist(named, parents);
        parents.pop();
        if !self.open.contains(&named.place) {
            self.refers.remove(&(place, named.number));
        }
        Some(below)
    }

    fn is_supported(&self, id: &str) -> bool {
        id.split_once("--").is_none_or(|(kind, _)| self.types.contains(kind))
    }

    /// An object is done with, and refers to no more than these. Where references go round it may have been before.
    fn keep(&mut self, place: usize, object: Value, kept: References, keeps_all: bool, sequence: u64) {
        if self.done[place] > 0 {
            return;
        }
        self.done[place] = sequence;
        if !keeps_all {
            self.split.cleaned.insert(place, kept.clone());
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
                let place = u32::try_from(place).expect("as many as fit into memory");
                let length = u32::try_from(length(&object)).unwrap_or(u32::MAX);
                self.split.parts.push(Part { place, length, sequence });
            }
            false => self.split.left_out.push(id.to_owned()),
        }
    }
}

/// How many octets a value has as text.
fn length(value: &Value) -> usize {
    struct Octets(usize);
    impl Write for Octets {
        fn write(&mut self, some: &[u8]) -> std::io::Result<usize> {
            self.0 += some.len();
            Ok(some.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut octets = Octets(0);
    serde_json::to_writer(&mut octets, value).expect("a value is JSON");
    octets.0
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
    fn bundles_are_split_as_pycti_splits_them() {
        let cases: Value = serde_json::from_str(include_str!("../../tests/connector/splits.json")).expect("JSON");
        for case in cases.as_array().expect("a list") {
            let objects = case["objects"].as_array().expect("objects").clone();
            let split = split(objects, case["cleans"] == true);
            let told = |part: &Part| json!([split.object(*part)["id"], part.sequence]);
            let sent: Vec<Value> = split.parts.iter().map(told).collect();
            assert_eq!(Value::from(sent), case["sent"], "{}", case["name"]);
            assert_eq!(json!(split.left_out), case["left_out"], "{}", case["name"]);
            for (part, object) in split.parts.iter().zip(split.sent()) {
                let text = object.to_string();
                assert!(!text.contains("nb_deps"), "nothing of ours is left in {text}");
                assert_eq!(part.length(), text.len());
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
        assert_eq!(split.sent()[0], sent);
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
        assert_eq!(split.sent()[0]["external_references"], json!([references[0], references[3]]));
    }

    #[test]
    fn a_chain_that_is_too_long_is_cut_and_told() {
        let note = |number: usize| json!({ "type": "note", "id": format!("note--{number}"), "object_refs": [format!("note--{}", number + 1)] });
        let split = split((0..20_000).map(note).collect(), true);
        assert_eq!(split.parts.len(), 20_000);
        assert_eq!(split.dropped.len(), 20_000_usize.div_ceil(DEEPEST + 1));
    }
}
