//! Walks a profile along the JSON Schema of the language. No key of the language is named here.

use serde_json::{Map, Value};
use std::sync::LazyLock;
use stixmap_engine::profile::Profile;
use stixmap_engine::yaml::Schema;

static LANGUAGE: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Profile).to_value());

/// A part of a profile, with its subschema.
#[derive(Debug)]
pub(crate) struct Part<'p> {
    /// The JSON pointer of the part.
    pub(crate) pointer: String,
    pub(crate) value: &'p Value,
    /// The schema's names for it, nearest last, such as `Rule`, `MapRule`; empty for plain texts and numbers.
    pub(crate) names: Vec<&'static str>,
    /// The permitted keywords; empty if any value is permitted.
    pub(crate) choices: Vec<&'static Value>,
    /// The subschema of its value: bounds, properties.
    pub(crate) subschema: Option<&'static Map<String, Value>>,
    /// How it is contained in its parent.
    pub(crate) standing: Standing,
    /// The enclosing blocks, nearest last.
    pub(crate) around: Vec<Block<'p>>,
}

/// An enclosing block of a part.
#[derive(Debug, Clone)]
pub(crate) struct Block<'p> {
    /// The schema's names for it.
    pub(crate) names: Vec<&'static str>,
    pub(crate) pointer: String,
    pub(crate) value: &'p Value,
}

/// How a part is contained in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The root of the profile.
    Root,
    /// A required property.
    Required,
    /// An optional property.
    Optional,
    /// An entry whose key the author chose.
    Entry,
    /// An item of a list.
    Item,
}

impl<'p> Part<'p> {
    /// Returns its key, or for an item the key of its list.
    pub(crate) fn key(&self) -> &str {
        self.pointer.rsplit('/').find(|segment| segment.parse::<usize>().is_err()).unwrap_or_default()
    }

    /// Tests whether the schema gives it this name.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// Returns the innermost enclosing block.
    pub(crate) fn block(&self) -> Option<&Block<'p>> {
        self.around.last()
    }
}

/// Returns all parts of a profile in document order: parents before their children.
pub(crate) fn parts(profile: &Value) -> Vec<Part<'_>> {
    let mut parts = vec![];
    visit(&LANGUAGE, profile, String::new(), Standing::Root, &[], &mut parts);
    parts
}

/// Tests whether the language has a block of this name.
#[cfg(test)]
pub(crate) fn has_block(name: &str) -> bool {
    LANGUAGE["$defs"].get(name).is_some()
}

/// Tests whether the language has a block of this name with this key.
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
    let mut resolved = Resolved::default();
    resolved.follow(schema, value);
    if pointer.is_empty() {
        resolved.names.push("Profile");
    }
    let subschema = resolved.subschema;
    let mut inside = around.to_vec();
    if value.is_object() {
        inside.push(Block { names: resolved.names.clone(), pointer: pointer.clone(), value });
    }
    let around = around.to_vec();
    parts.push(Part {
        pointer: pointer.clone(),
        value,
        names: resolved.names,
        choices: resolved.choices,
        subschema,
        standing,
        around,
    });
    match (value, subschema) {
        (Value::Object(block), Some(subschema)) => {
            for (key, value) in block {
                let Some((schema, standing)) = property(subschema, key) else { continue };
                let key = key.replace('~', "~0").replace('/', "~1");
                visit(schema, value, format!("{pointer}/{key}"), standing, &inside, parts);
            }
        }
        (Value::Array(list), Some(subschema)) => {
            for (index, item) in list.iter().enumerate() {
                let Some(schema) = subschema.get("items") else { continue };
                visit(schema, item, format!("{pointer}/{index}"), Standing::Item, &inside, parts);
            }
        }
        _ => {}
    }
}

fn property(subschema: &'static Map<String, Value>, key: &str) -> Option<(&'static Value, Standing)> {
    if let Some(schema) = subschema.get("properties").and_then(|known| known.get(key)) {
        let required = subschema.get("required").and_then(Value::as_array);
        let is_required = required.is_some_and(|keys| keys.iter().any(|known| known == key));
        return Some((schema, if is_required { Standing::Required } else { Standing::Optional }));
    }
    subschema.get("additionalProperties").filter(|schema| schema.is_object()).map(|schema| (schema, Standing::Entry))
}

/// What a schema states about one value: of several branches, those that it matches.
#[derive(Default)]
struct Resolved {
    names: Vec<&'static str>,
    choices: Vec<&'static Value>,
    subschema: Option<&'static Map<String, Value>>,
}

impl Resolved {
    fn follow(&mut self, schema: &'static Value, value: &Value) {
        let Some(keywords) = schema.as_object() else { return };
        let language = Schema::new(&LANGUAGE);
        if let Some(reference) = keywords.get("$ref") {
            self.names.extend(reference.as_str().and_then(|text| text.strip_prefix("#/$defs/")));
            return self.follow(language.target(reference), value);
        }
        self.choices.extend(keywords.get("enum").and_then(Value::as_array).into_iter().flatten());
        let branches = ["oneOf", "anyOf"].iter().find_map(|word| keywords.get(*word)?.as_array());
        let Some(branches) = branches else {
            self.subschema = Some(keywords);
            return;
        };
        if branches.iter().any(|branch| branch.get("const") == Some(value)) {
            self.choices.extend(branches.iter().filter_map(|branch| branch.get("const")));
        }
        if let Some(branch) = branches.iter().find(|branch| language.fits(branch, value)) {
            self.follow(branch, value);
        }
    }
}
