//! Every key of the profile language has an effect: on a request, a record, an outcome, a diagnostic or `explain`.
//! `tests/effect/table.yaml` contains a change of each key with its effect; keys are those of the schema, so that a new
//! key without a row fails. `check` must reject keys without effect.

use crate::support::{ended, root, stixmap};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stixmap_engine::diagnostic::{Severity, Source};
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::{Fault, Input, ProviderState, Response, Run, Step};
use stixmap_engine::stix::{Marking, Observable};

/// The table of changes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The profile that scenes modify.
    profile: Value,
    scenes: Vec<Scene>,
    in_vain: Vec<Ineffective>,
}

/// Keys without effect in their location, and the code of the diagnostic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ineffective {
    about: String,
    /// Changes to the plain profile, except the key.
    #[serde(default)]
    with: BTreeMap<String, Value>,
    /// The pointer of the key.
    at: String,
    value: Value,
    code: String,
}

/// A profile, the responses of its provider, and changes of its keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scene {
    about: String,
    /// Changes to the plain profile by pointer; null removes a key.
    #[serde(default)]
    with: BTreeMap<String, Value>,
    /// The observable.
    #[serde(default = "Scene::default_observable")]
    observable: String,
    /// Whether a request of another run is in progress throughout.
    #[serde(default)]
    held: bool,
    #[serde(default)]
    tlp: Vec<String>,
    #[serde(default)]
    pap: Vec<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// The responses in order; the last is repeated.
    #[serde(default)]
    replies: Vec<Reply>,
    /// Start times of runs in minutes; they share an account.
    #[serde(default = "Scene::default_runs")]
    runs: Vec<i64>,
    rows: Vec<Row>,
}

impl Scene {
    fn default_observable() -> String {
        "example.com".to_owned()
    }

    fn default_runs() -> Vec<i64> {
        vec![0]
    }
}

/// The pointer of a key, its other value (null to remove it), and its effects.
#[derive(Deserialize)]
struct Row(String, Value, Changes);

/// The effects.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Changes {
    One(What),
    Several(Vec<What>),
}

impl Changes {
    fn all(&self) -> Vec<What> {
        match self {
            Self::One(what) => vec![*what],
            Self::Several(all) => all.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Requests and their times.
    Request,
    /// Records and objects.
    Record,
    /// The outcome.
    Outcome,
    /// Diagnostics of `check` or of the run.
    Diagnostic,
    /// The output of `explain`.
    Text,
}

/// A response.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Reply {
    #[serde(default = "Reply::default_status")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    text: Option<String>,
}

impl Reply {
    fn default_status() -> u16 {
        200
    }

    fn response(&self) -> Response {
        let headers = self.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let body = self.json.as_ref().map(Value::to_string).or_else(|| self.text.clone()).unwrap_or_default();
        Response { status: self.status, headers, body: body.into_bytes(), cut: None }
    }
}

/// The observed results by kind.
type Seen = BTreeMap<What, String>;

/// Sets or removes the value at a pointer; creates missing parents.
fn set(document: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let key = key.replace("~1", "/").replace("~0", "~");
    let mut target = document;
    for segment in parent.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        target = match target {
            Value::Array(items) => &mut items[segment.parse::<usize>().expect("an index")],
            other => &mut other[segment.as_str()],
        };
    }
    match (target, value) {
        (Value::Array(items), Value::Null) => drop(items.remove(key.parse().expect("an index"))),
        (Value::Array(items), value) => {
            let at: usize = key.parse().expect("an index");
            if at == items.len() { items.push(value.clone()) } else { items[at] = value.clone() }
        }
        (Value::Object(entries), Value::Null) => drop(entries.remove(&key)),
        (target, value) => target[key.as_str()] = value.clone(),
    }
}

fn start() -> Timestamp {
    "2024-03-01T00:00:00Z".parse().expect("a time")
}

/// Returns the results of a profile in a scene.
fn seen(profile: &Value, scene: &Scene) -> Seen {
    let source = Source::new("profile.yaml", serde_yaml::to_string(profile).expect("YAML"));
    let (plan, found) = Plan::check(&source);
    let mut seen = Seen::new();
    let messages: Vec<String> = found.iter().map(|one| format!("{}: {}", one.code, one.message)).collect();
    seen.insert(What::Diagnostic, messages.join("\n"));
    let is_refused = found.iter().any(|one| one.severity == Severity::Error);
    let Some(plan) = plan.filter(|_| !is_refused) else { return seen };
    let account = Arc::new(ProviderState::default());
    for minutes in &scene.runs {
        run(&plan, scene, &account, start() + SignedDuration::from_mins(*minutes), &mut seen);
    }
    seen
}

fn run(plan: &Plan, scene: &Scene, account: &Arc<ProviderState>, start: Timestamp, seen: &mut Seen) {
    let mut add = |what: What, text: String| {
        let known = seen.entry(what).or_default();
        known.push_str(&text);
        known.push('\n');
    };
    let settings =
        match Settings::read(&plan.settings, |spec| spec.names().find_map(|name| scene.settings.get(name).cloned())) {
            Ok(settings) => settings,
            Err(errors) => return add(What::Outcome, format!("{errors:?}")),
        };
    let markings =
        scene.tlp.iter().map(|text| Marking::tlp(text)).chain(scene.pap.iter().map(|text| Marking::pap(text)));
    let input = Input {
        observable: Observable::detect(&scene.observable).expect("an observable"),
        markings: markings.collect(),
        settings,
        deadline: start + SignedDuration::from_mins(10),
        seed: 7,
        trace: true,
    };
    let mut other = Run::new(plan, Arc::clone(account), input.clone(), start);
    let held = scene.held.then(|| other.next(start));
    let (mut run, mut now, mut count, mut waits) = (Run::new(plan, Arc::clone(account), input, start), start, 0, 0);
    loop {
        match run.next(now) {
            Step::Done => break,
            Step::Wait(until) => {
                waits += 1;
                // The other run's request never completes.
                if held.is_some() && waits > 3 {
                    break;
                }
                add(What::Request, format!("wait until {until}"));
                now = until.max(now + SignedDuration::from_millis(1));
            }
            Step::Send(request) => {
                let headers = request.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose()));
                let headers: Vec<String> = headers.collect();
                let body = request.body.as_ref().map(|body| body.expose().to_owned()).unwrap_or_default();
                let limits = format!("{} {}", request.timeout, request.max_body);
                add(What::Request, format!("{} {} {headers:?} {body} {limits}", request.method, request.url.expose()));
                let reply = scene.replies.get(count).or(scene.replies.last());
                count += 1;
                run.accept(reply.map(Reply::response).ok_or(Fault::Reset), now);
            }
        }
        assert!(count + waits < 200, "{}: does not terminate", scene.about);
    }
    let report = run.finish();
    add(What::Outcome, format!("{} · {}", report.outcome, report.counts));
    let disposition = report
        .trace
        .iter()
        .map(|traced| format!("{} {:?} {:?} {:?}", traced.place, traced.record, traced.result, traced.links));
    add(What::Record, disposition.collect::<Vec<_>>().join("\n"));
    let objects: BTreeSet<String> = report.bundle.objects().map(|object| format!("{object:?}")).collect();
    add(What::Record, objects.into_iter().collect::<Vec<_>>().join("\n"));
    let messages = report.diagnostics.iter().map(|one| format!("{}: {}", one.code, one.message));
    add(What::Diagnostic, messages.collect::<Vec<_>>().join("\n"));
}

/// Returns the output of `explain`.
fn explained(profile: &Value) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("profile.yaml");
    std::fs::write(&path, serde_yaml::to_string(profile).expect("YAML")).expect("it can be written");
    let output = ended(stixmap(&["explain", path.to_str().expect("text")]));
    assert_eq!(output.code, 0, "{}{}", output.out, output.err);
    output.out.replace(folder.path().to_str().expect("text"), "")
}

/// A key of the language, such as `lookups.*.paging[offset].limit.value`.
type Key = String;

/// Collects the keys of a schema: `*` stands for names that an author chooses; alternatives of a block are in brackets,
/// by their `kind` or their first required key.
struct Keys<'s> {
    definitions: &'s Value,
    found: Vec<Key>,
}

impl Keys<'_> {
    fn of(schema: &Value) -> Vec<Key> {
        let mut keys = Keys { definitions: &schema["$defs"], found: vec![] };
        keys.walk(schema, "", &[]);
        let mut seen = BTreeSet::new();
        keys.found.into_iter().filter(|key| seen.insert(key.clone())).collect()
    }

    fn resolved<'n>(&'n self, node: &'n Value) -> (&'n Value, Option<&'n str>) {
        match node["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            Some(name) => (&self.definitions[name], Some(name)),
            None => (node, None),
        }
    }

    fn walk(&mut self, node: &Value, path: &str, above: &[String]) {
        let (node, name) = match self.resolved(node) {
            (node, Some(name)) => (node.clone(), Some(name.to_owned())),
            (node, None) => (node.clone(), None),
        };
        // Arbitrary JSON has no keys of the language.
        if name.as_ref().is_some_and(|name| above.contains(name)) {
            return;
        }
        let above: Vec<String> = above.iter().cloned().chain(name).collect();
        for (key, value) in node["properties"].as_object().into_iter().flatten() {
            if value.get("const").is_some() {
                continue;
            }
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.found.push(path.clone());
            self.walk(value, &path, &above);
        }
        if node["additionalProperties"].is_object() {
            let before = self.found.len();
            let path = format!("{path}.*");
            self.walk(&node["additionalProperties"], &path, &above);
            if self.found.len() == before {
                self.found.push(path);
            }
        }
        if node["items"].is_object() {
            self.walk(&node["items"], path, &above);
        }
        let forms = ["anyOf", "oneOf"].iter().flat_map(|key| node[*key].as_array().into_iter().flatten());
        let forms: Vec<&Value> = forms.filter(|form| form["type"] != "null").collect();
        let blocks = forms.iter().filter(|form| self.resolved(form).0["properties"].is_object()).count();
        let named: Vec<(Value, String)> = forms
            .iter()
            .map(|form| {
                let block = self.resolved(form).0;
                let tag = block["properties"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .find_map(|(_, value)| value["const"].as_str());
                let word = tag.or_else(|| block["required"][0].as_str()).unwrap_or_default();
                let is_named = blocks > 1 && block["properties"].is_object();
                ((*form).clone(), if is_named { format!("{path}[{word}]") } else { path.to_owned() })
            })
            .collect();
        named.iter().for_each(|(form, path)| self.walk(form, path, &above));
    }
}

/// Tests whether a pointer matches a key.
fn is_key(key: &str, pointer: &str, profile: &Value) -> bool {
    let mut words = key.split('.');
    let mut at = String::new();
    let mut word: Option<&str> = None;
    let mut segments = pointer.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_place = segment.bytes().all(|byte| byte.is_ascii_digit());
        at = format!("{at}/{segment}");
        if !is_place {
            word = words.next();
            let name = word.map(|word| word.split('[').next().unwrap_or_default());
            if name != Some("*") && name != Some(segment) {
                return false;
            }
        }
        let form = word.and_then(|word| word.split_once('[')).map(|(_, form)| form.trim_end_matches(']'));
        let is_last = segments.peek().is_none();
        let is_list = profile.pointer(&at).is_some_and(Value::is_array);
        if let Some(form) = form.filter(|_| !is_last && !is_list) {
            let block = profile.pointer(&at);
            let has = block.is_some_and(|block| match block.get("kind") {
                Some(kind) => kind == form,
                None => block.get(form).is_some(),
            });
            if !has {
                return false;
            }
        }
    }
    words.next().is_none()
}

fn table() -> Table {
    let text = std::fs::read_to_string(root().join("tests/effect/table.yaml")).expect("the table");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("tests/effect/table.yaml: {error}"))
}

fn keys() -> Vec<Key> {
    let text = std::fs::read_to_string(root().join("schemas/profile.schema.json")).expect("the schema");
    Keys::of(&serde_json::from_str(&text).expect("JSON"))
}

/// Returns a key and all blocks that contain it.
fn with_blocks(key: &str) -> Vec<String> {
    let words: Vec<&str> = key.split('.').collect();
    let mut found: Vec<String> = (1..words.len()).map(|end| words[..end].join(".")).collect();
    // A block with alternatives is the same key without brackets.
    found.extend(found.clone().iter().map(|block| block.split('[').next().unwrap_or_default().to_owned()));
    let blocks =
        found.clone().into_iter().filter_map(|block| block.rsplit_once('[').map(|(block, _)| block.to_owned()));
    found.extend(blocks.collect::<Vec<_>>());
    found.push(key.to_owned());
    found
}

#[test]
fn every_key_of_the_language_has_the_effect_of_its_row() {
    let (table, keys) = (table(), keys());
    let (mut wrong, mut covered) = (vec![], BTreeSet::new());
    for scene in &table.scenes {
        let mut profile = table.profile.clone();
        scene.with.iter().for_each(|(pointer, value)| set(&mut profile, pointer, value));
        let before = seen(&profile, scene);
        if !before[&What::Diagnostic].trim().is_empty() && !before.contains_key(&What::Outcome) {
            wrong.push(format!("{}: {}", scene.about, before[&What::Diagnostic]));
            continue;
        }
        for Row(pointer, value, changes) in &scene.rows {
            let mut changed = profile.clone();
            set(&mut changed, pointer, value);
            let has_key = |document: &Value| keys.iter().find(|key| is_key(key, pointer, document)).cloned();
            let Some(key) = has_key(&profile).or_else(|| has_key(&changed)) else {
                wrong.push(format!("{}: {pointer} is not a key of the language", scene.about));
                continue;
            };
            let after = seen(&changed, scene);
            let wanted = changes.all();
            let is_refused = !after.contains_key(&What::Outcome);
            if is_refused && wanted != [What::Diagnostic] {
                wrong.push(format!("{}: {pointer} is rejected: {}", scene.about, after[&What::Diagnostic]));
                continue;
            }
            for what in wanted {
                let differs = match what {
                    What::Text => explained(&profile) != explained(&changed),
                    what => before.get(&what) != after.get(&what),
                };
                match differs {
                    true => covered.extend(with_blocks(&key)),
                    false => wrong.push(format!("{}: {pointer} has no effect on {what:?}\n{before:#?}", scene.about)),
                }
            }
        }
    }
    let missing: Vec<&Key> = keys.iter().filter(|key| !covered.contains(*key)).collect();
    wrong.extend(missing.iter().map(|key| format!("no row for `{key}`")));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn keys_contains_all_keys_of_the_schema() {
    let keys = keys();
    for key in [
        "id",
        "http.auth[login].expires.as",
        "lookups.*.paging[offset].limit.value",
        "settings.*.type",
        "rules[use].use",
    ] {
        assert!(keys.iter().any(|known| known == key), "{key}: {keys:?}");
    }
    let mut schema: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("schemas/profile.schema.json")).expect("the schema"))
            .expect("JSON");
    schema["$defs"]["Retry"]["properties"]["jitter"] = serde_json::json!({ "type": "integer" });
    let more: Vec<Key> = Keys::of(&schema).into_iter().filter(|key| !keys.contains(key)).collect();
    assert_eq!(more, ["http.retry.jitter"], "a new key is detected");
}

/// Returns the errors of `check`, and the text that each points at.
fn errors(text: &str) -> Vec<(String, String)> {
    let source = Source::new("profile.yaml", text);
    let (_, found) = Plan::check(&source);
    let errors = found.into_iter().filter(|one| one.severity == Severity::Error);
    errors.map(|one| (one.code.to_string(), source.text[one.labels[0].span.clone()].to_owned())).collect()
}

#[test]
fn key_without_effect_is_rejected() {
    let table = table();
    let text = |profile: &Value| serde_yaml::to_string(profile).expect("YAML");
    for Ineffective { about, with, at, value, code } in &table.in_vain {
        let mut profile = table.profile.clone();
        with.iter().for_each(|(pointer, value)| set(&mut profile, pointer, value));
        assert_eq!(errors(&text(&profile)), [], "{about}: without the key");
        set(&mut profile, at, value);
        let codes: Vec<String> = errors(&text(&profile)).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, std::slice::from_ref(code), "{about}");
    }
}

#[test]
fn empty_key_is_rejected() {
    let (table, keys) = (table(), keys());
    let (mut accepted, mut count) = (vec![], 0);
    for scene in &table.scenes {
        let mut profile = table.profile.clone();
        scene.with.iter().for_each(|(pointer, value)| set(&mut profile, pointer, value));
        for Row(pointer, ..) in &scene.rows {
            // JSON bodies may contain empty values.
            if pointer.contains("/body") && !pointer.starts_with("/answers") {
                continue;
            }
            for nothing in ["null", "[]", "{}"] {
                let mut changed = profile.clone();
                set(&mut changed, pointer, &Value::from("nothing-at-all"));
                if !keys.iter().any(|key| is_key(key, pointer, &changed)) {
                    continue;
                }
                let text = serde_yaml::to_string(&changed).expect("YAML").replace("nothing-at-all", nothing);
                count += 1;
                if errors(&text).is_empty() {
                    accepted.push(format!("{pointer}: {nothing}"));
                }
            }
        }
    }
    assert!(count > 500, "{count}");
    assert!(accepted.is_empty(), "{}", accepted.join("\n"));
}
