//! The parts of a profile, each with what the language's JSON Schema says of it. Knows no key of the language by name.

use serde_json::{Map, Value};
use std::sync::LazyLock;
use stixmap_engine::profile::Profile;
use stixmap_engine::yaml::Schema;

static LANGUAGE: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Profile).to_value());

/// A part of a profile.
#[derive(Debug)]
pub(crate) struct Part<'p> {
    /// Where it stands.
    pub(crate) pointer: String,
    pub(crate) value: &'p Value,
    /// The names the language has for what it is, the nearest last: `Rule`, `MapRule`; none for plain text and numbers.
    pub(crate) names: Vec<&'static str>,
    /// The words that may stand here; empty where any value may.
    pub(crate) words: Vec<&'static Value>,
    /// What is said of a value of its form: bounds, the keys of a block.
    pub(crate) said: Option<&'static Map<String, Value>>,
    /// How it stands in the block or list around it.
    pub(crate) standing: Standing,
    /// The blocks around it, the nearest last.
    pub(crate) around: Vec<Block<'p>>,
}

/// A block around a part.
#[derive(Debug, Clone)]
pub(crate) struct Block<'p> {
    /// The names the language has for it.
    pub(crate) names: Vec<&'static str>,
    pub(crate) pointer: String,
    pub(crate) value: &'p Value,
}

/// How a part stands in what is around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is the whole.
    Root,
    /// Under a key of the language that must be there.
    Required,
    /// Under a key of the language that may be left out.
    Optional,
    /// Under a key that the author chose.
    Entry,
    /// In a list.
    Item,
}

impl<'p> Part<'p> {
    /// The key it stands under, or the list's.
    pub(crate) fn key(&self) -> &str {
        self.pointer.rsplit('/').find(|segment| segment.parse::<usize>().is_err()).unwrap_or_default()
    }

    /// Whether the language calls it so.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// The block right around it.
    pub(crate) fn block(&self) -> Option<&Block<'p>> {
        self.around.last()
    }
}

/// All parts of a profile, each before those in it.
pub(crate) fn parts(profile: &Value) -> Vec<Part<'_>> {
    let mut parts = vec![];
    visit(&LANGUAGE, profile, String::new(), Standing::Root, &[], &mut parts);
    parts
}

/// Whether the language has a block of this name with this key.
#[cfg(test)]
pub(crate) fn has_key(block: &str, key: &str) -> bool {
    let root = LANGUAGE.as_object().expect("a schema is an object");
    let named = if block == "Profile" { Some(&*LANGUAGE) } else { root["$defs"].get(block) };
    let branches = ["oneOf", "anyOf"].iter().filter_map(|word| named?.get(word)?.as_array()).flatten();
    named.into_iter().chain(branches).any(|block| block["properties"].get(key).is_some())
}

fn visit<'p>(
    schema: &'static Value,
    value: &'p Value,
    pointer: String,
    standing: Standing,
    around: &[Block<'p>],
    parts: &mut Vec<Part<'p>>,
) {
    let mut meaning = Meaning::default();
    meaning.follow(schema, value);
    if pointer.is_empty() {
        meaning.names.push("Profile");
    }
    let said = meaning.said;
    let mut inside = around.to_vec();
    if value.is_object() {
        inside.push(Block { names: meaning.names.clone(), pointer: pointer.clone(), value });
    }
    let around = around.to_vec();
    parts.push(Part {
        pointer: pointer.clone(),
        value,
        names: meaning.names,
        words: meaning.words,
        said,
        standing,
        around,
    });
    match (value, said) {
        (Value::Object(block), Some(said)) => {
            for (key, value) in block {
                let Some((schema, standing)) = of_key(said, key) else { continue };
                let key = key.replace('~', "~0").replace('/', "~1");
                visit(schema, value, format!("{pointer}/{key}"), standing, &inside, parts);
            }
        }
        (Value::Array(list), Some(said)) => {
            for (place, item) in list.iter().enumerate() {
                let Some(schema) = said.get("items") else { continue };
                visit(schema, item, format!("{pointer}/{place}"), Standing::Item, &inside, parts);
            }
        }
        _ => {}
    }
}

fn of_key(said: &'static Map<String, Value>, key: &str) -> Option<(&'static Value, Standing)> {
    if let Some(schema) = said.get("properties").and_then(|known| known.get(key)) {
        let required = said.get("required").and_then(Value::as_array);
        let is_required = required.is_some_and(|keys| keys.iter().any(|known| known == key));
        return Some((schema, if is_required { Standing::Required } else { Standing::Optional }));
    }
    said.get("additionalProperties").filter(|schema| schema.is_object()).map(|schema| (schema, Standing::Entry))
}

/// What a schema says of one value: of several branches, those that it fits.
#[derive(Default)]
struct Meaning {
    names: Vec<&'static str>,
    words: Vec<&'static Value>,
    said: Option<&'static Map<String, Value>>,
}

impl Meaning {
    fn follow(&mut self, schema: &'static Value, value: &Value) {
        let Some(keywords) = schema.as_object() else { return };
        let language = Schema::new(&LANGUAGE);
        if let Some(reference) = keywords.get("$ref") {
            self.names.extend(reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")));
            return self.follow(language.target(reference), value);
        }
        self.words.extend(keywords.get("enum").and_then(Value::as_array).into_iter().flatten());
        let branches = ["oneOf", "anyOf"].iter().find_map(|word| keywords.get(*word)?.as_array());
        let Some(branches) = branches else {
            self.said = Some(keywords);
            return;
        };
        if branches.iter().any(|branch| branch.get("const") == Some(value)) {
            self.words.extend(branches.iter().filter_map(|branch| branch.get("const")));
        }
        if let Some(branch) = branches.iter().find(|branch| language.fits(branch, value)) {
            self.follow(branch, value);
        }
    }
}
