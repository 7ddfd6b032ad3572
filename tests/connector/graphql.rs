//! Strict GraphQL server: validates documents with the schema of one version, and reports errors with the messages of
//! graphql-js, which connectors parse. A function supplies the values; only selected fields are returned.

use apollo_compiler::ast::{self, Definition, DirectiveList, FieldDefinition};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, Type};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

const TEXT: &str = include_str!("schema.graphql");

/// The interface of one version of the platform.
pub(crate) struct Interface {
    schema: Valid<Schema>,
    /// Whether unknown names are answered with a guess, as graphql-js does where a known one is near.
    suggests: bool,
    /// What was judged before: a connector asks the same again and again.
    judged: Mutex<HashMap<String, Arc<Valid<ExecutableDocument>>>>,
}

/// A mistake in a request, or the platform's refusal.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) status: u16,
}

impl Refusal {
    pub(crate) fn functional(message: &str) -> Refusal {
        Refusal { code: "FUNCTIONAL_ERROR", message: message.into(), status: 400 }
    }

    fn invalid(message: String) -> Refusal {
        Refusal { code: "GRAPHQL_VALIDATION_FAILED", message, status: 400 }
    }

    fn input(message: String) -> Refusal {
        Refusal { code: "BAD_USER_INPUT", message, status: 400 }
    }

    /// As it stands in a response.
    pub(crate) fn to_json(&self) -> Value {
        let data = json!({ "http_status": self.status, "genre": "TECHNICAL" });
        json!({ "message": self.message, "name": self.code, "extensions": { "code": self.code, "data": data } })
    }
}

/// The parts of a version, to be compared one by one: `7.260309.0.8`, `6.9.29`.
pub(crate) fn parts(version: &str) -> Vec<u64> {
    let numbers = version.split('-').next().expect("a split has a first part").split('.');
    numbers.map(|part| part.parse().expect("a version is made of numbers")).collect()
}

impl Interface {
    /// The same for all platforms of a version.
    pub(crate) fn of(version: &str) -> Arc<Interface> {
        static KNOWN: Mutex<BTreeMap<String, Arc<Interface>>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().expect("no panic while it is held");
        Arc::clone(known.entry(version.into()).or_insert_with(|| Arc::new(Interface::read(version))))
    }

    fn read(version: &str) -> Interface {
        let mut document = ast::Document::parse(TEXT, "schema.graphql").expect("the schema can be read");
        let inherited = document.clone();
        let is_there = |directives: &DirectiveList| {
            let since = directives.get("since").and_then(|since| since.specified_argument_by_name("version"));
            since.is_none_or(|since| parts(since.as_str().expect("a version is text")) <= parts(version))
        };
        document.definitions.retain(|definition| is_there(definition.directives()));
        for definition in &mut document.definitions {
            match definition {
                Definition::ObjectTypeDefinition(object) => {
                    let object = object.make_mut();
                    for interface in object.implements_interfaces.clone() {
                        inherit(&mut object.fields, fields_of(&inherited, &interface));
                    }
                    object.fields.retain(|field| is_there(&field.directives));
                    for field in &mut object.fields {
                        field.make_mut().arguments.retain(|argument| is_there(&argument.directives));
                    }
                }
                Definition::InputObjectTypeDefinition(input) => {
                    input.make_mut().fields.retain(|field| is_there(&field.directives));
                }
                _ => {}
            }
        }
        let schema = document.to_schema_validate().unwrap_or_else(|error| panic!("{}", error.errors));
        Interface { schema, suggests: version == "6.4.11", judged: Mutex::default() }
    }

    fn judge(&self, text: &str) -> Result<Arc<Valid<ExecutableDocument>>, Vec<Refusal>> {
        let judged = || self.judged.lock().expect("no panic while it is held");
        if let Some(document) = judged().get(text) {
            return Ok(Arc::clone(document));
        }
        let document = ExecutableDocument::parse_and_validate(&self.schema, text, "request");
        let document = Arc::new(document.map_err(|invalid| self.mistakes(&invalid.errors))?);
        judged().insert(text.into(), Arc::clone(&document));
        Ok(document)
    }

    /// What a request is answered with; `resolve` gives the value of a field of the root, `workEdit.toReceived` as one.
    pub(crate) fn answer(
        &self,
        request: &Value,
        mut resolve: impl FnMut(&str, &Map<String, Value>) -> Result<Value, Refusal>,
    ) -> Result<Value, Vec<Refusal>> {
        let text = request["query"].as_str().unwrap_or_default();
        let empty = Map::new();
        let given = request["variables"].as_object().unwrap_or(&empty);
        let document = self.judge(text)?;
        let operation = document
            .operations
            .iter()
            .next()
            .ok_or_else(|| vec![Refusal::invalid("Must provide an operation.".into())])?;
        let mistakes: Vec<Refusal> = operation
            .variables
            .iter()
            .filter_map(|variable| self.mistake(&variable.name, &variable.ty, given.get(variable.name.as_str())))
            .map(Refusal::input)
            .collect();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut data = Map::new();
        for field in operation.root_fields(&document) {
            let arguments = arguments(field, given);
            let value = if field.name == "workEdit" {
                let mut work = Map::new();
                for edit in field.selection_set.fields() {
                    let mut all = arguments.clone();
                    all.extend(self::arguments(edit, given));
                    let value = resolve(&format!("workEdit.{}", edit.name), &all).map_err(|refusal| vec![refusal])?;
                    work.insert(edit.response_key().to_string(), value);
                }
                Value::Object(work)
            } else {
                let value = resolve(&field.name, &arguments).map_err(|refusal| vec![refusal])?;
                self.selected(&document, &field.selection_set, &value)
            };
            data.insert(field.response_key().to_string(), value);
        }
        Ok(Value::Object(data))
    }

    /// Returns the messages of graphql-js for validation errors. An error of a kind that the platform was never seen to
    /// report is a panic.
    fn mistakes(&self, errors: &apollo_compiler::validation::DiagnosticList) -> Vec<Refusal> {
        let texts =
            errors.iter().map(|error| error.error.unstable_compat_message().unwrap_or_else(|| error.to_string()));
        // A field whose selections are all unknown counts as one without selections here; graphql-js reports the cause
        // only.
        let is_cause = |text: &String| !text.contains("must have a selection of subfields");
        let guess = if self.suggests { " Did you mean \"id\"?" } else { "" };
        let mut mistakes: Vec<Refusal> = texts.filter(is_cause).map(|text| Refusal::invalid(text + guess)).collect();
        mistakes.dedup_by(|one, other| one.message == other.message);
        mistakes
    }

    fn mistake(&self, name: &str, ty: &Type, given: Option<&Value>) -> Option<String> {
        match given {
            None if ty.is_non_null() => {
                Some(format!("Variable \"${name}\" of required type \"{ty}\" was not provided."))
            }
            None => None,
            Some(Value::Null) if ty.is_non_null() => {
                Some(format!("Variable \"${name}\" of non-null type \"{ty}\" must not be null."))
            }
            Some(value) => {
                let (path, value, why) = self.misfit(value, ty, name.to_string())?;
                let at = if path == name { String::new() } else { format!(" at \"{path}\"") };
                Some(format!("Variable \"${name}\" got invalid value {value}{at}; {why}"))
            }
        }
    }

    /// Returns where a value does not match a type: path, value and reason.
    fn misfit(&self, value: &Value, ty: &Type, path: String) -> Option<(String, String, String)> {
        match (value, ty) {
            (Value::Null, Type::NonNullNamed(_) | Type::NonNullList(_)) => {
                Some((path, "null".into(), format!("Expected non-nullable type \"{ty}\" not to be null.")))
            }
            (Value::Null, _) => None,
            (Value::Array(items), Type::List(inner) | Type::NonNullList(inner)) => {
                items.iter().enumerate().find_map(|(n, item)| self.misfit(item, inner, format!("{path}[{n}]")))
            }
            (_, Type::List(inner) | Type::NonNullList(inner)) => self.misfit(value, inner, path),
            (_, Type::Named(_) | Type::NonNullNamed(_)) => self.misfit_of_named(value, ty, path),
        }
    }

    fn misfit_of_named(&self, value: &Value, ty: &Type, path: String) -> Option<(String, String, String)> {
        let name = ty.inner_named_type();
        let misfit = |why: String| Some((path.clone(), inspected(value), why));
        let cannot = |what: &str| misfit(format!("{name} cannot represent {what} value: {}", inspected(value)));
        match (&self.schema.types[name], name.as_str(), value) {
            (ExtendedType::InputObject(input), _, Value::Object(fields)) => {
                if let Some(unknown) = fields.keys().find(|key| !input.fields.contains_key(key.as_str())) {
                    return misfit(format!("Field \"{unknown}\" is not defined by type \"{name}\"."));
                }
                input.fields.iter().find_map(|(key, field)| match fields.get(key.as_str()) {
                    None if field.is_required() => {
                        misfit(format!("Field \"{key}\" of required type \"{}\" was not provided.", field.ty))
                    }
                    None => None,
                    Some(value) => self.misfit(value, &field.ty, format!("{path}.{key}")),
                })
            }
            (ExtendedType::InputObject(_), ..) => misfit(format!("Expected type \"{name}\" to be an object.")),
            (ExtendedType::Enum(allowed), _, Value::String(text)) if allowed.values.contains_key(text.as_str()) => None,
            (ExtendedType::Enum(_), ..) => {
                misfit(format!("Value {} does not exist in \"{name}\" enum.", inspected(value)))
            }
            (_, "Boolean", Value::Bool(_)) | (_, "Float", Value::Number(_)) | (_, "String", Value::String(_)) => None,
            (_, "ID", Value::String(_) | Value::Number(_)) => None,
            (_, "Int", Value::Number(number)) if number.is_i64() => None,
            (_, "Boolean", _) => cannot("a non boolean"),
            (_, "Float", _) => cannot("non numeric"),
            (_, "Int", _) => cannot("non-integer"),
            (_, "String", _) => cannot("a non string"),
            (_, "ID", _) => cannot(""),
            _ => None,
        }
    }

    /// Returns the selected fields of a value; objects have their type in `__typename`.
    fn selected(&self, document: &ExecutableDocument, set: &SelectionSet, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.selected(document, set, item)).collect(),
            Value::Object(object) if !set.selections.is_empty() => {
                let mut selected = Map::new();
                self.select(document, set, object, &mut selected);
                Value::Object(selected)
            }
            _ => value.clone(),
        }
    }

    fn select(
        &self,
        document: &ExecutableDocument,
        set: &SelectionSet,
        object: &Map<String, Value>,
        into: &mut Map<String, Value>,
    ) {
        let own = object.get("__typename").and_then(Value::as_str).unwrap_or(set.ty.as_str());
        let fits = |condition: &str| condition == own || self.schema.is_subtype(condition, own);
        for selection in &set.selections {
            match selection {
                Selection::Field(field) if field.name == "__typename" => {
                    into.insert(field.response_key().to_string(), own.into());
                }
                Selection::Field(field) => {
                    let value = object.get(field.name.as_str()).unwrap_or(&Value::Null);
                    let is_missing = value.is_null() && field.ty().is_non_null();
                    assert!(!is_missing, "the mock has no {} for its {own}", field.name);
                    let value = self.selected(document, &field.selection_set, value);
                    into.insert(field.response_key().to_string(), value);
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|condition| fits(condition)) {
                        self.select(document, &fragment.selection_set, object, into);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = &document.fragments[&spread.fragment_name];
                    if fits(fragment.type_condition()) {
                        self.select(document, &fragment.selection_set, object, into);
                    }
                }
            }
        }
    }
}

fn fields_of<'d>(document: &'d ast::Document, interface: &str) -> &'d [Node<FieldDefinition>] {
    let interfaces = document.definitions.iter().filter_map(Definition::as_interface_type_definition);
    &interfaces.into_iter().find(|known| known.name == interface).expect("an interface is declared").fields
}

fn inherit(fields: &mut Vec<Node<FieldDefinition>>, inherited: &[Node<FieldDefinition>]) {
    for field in inherited {
        if !fields.iter().any(|own| own.name == field.name) {
            fields.push(field.clone());
        }
    }
}

fn arguments(field: &Field, given: &Map<String, Value>) -> Map<String, Value> {
    let valued = field.arguments.iter().filter_map(|argument| {
        let value = literal(&argument.value, given)?;
        Some((argument.name.to_string(), value))
    });
    valued.collect()
}

/// Returns a literal of a document with its variables substituted; `None` for a missing variable.
fn literal(value: &ast::Value, given: &Map<String, Value>) -> Option<Value> {
    Some(match value {
        ast::Value::Null => Value::Null,
        ast::Value::Boolean(value) => json!(value),
        ast::Value::String(value) => json!(value),
        ast::Value::Enum(value) => json!(value.as_str()),
        ast::Value::Int(value) => json!(value.try_to_i32().expect("an Int has 32 bits")),
        ast::Value::Float(value) => json!(value.try_to_f64().expect("a Float is finite")),
        ast::Value::Variable(name) => return given.get(name.as_str()).cloned(),
        ast::Value::List(items) => items.iter().filter_map(|item| literal(item, given)).collect(),
        ast::Value::Object(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some((name.to_string(), literal(value, given)?)));
            Value::Object(fields.collect())
        }
    })
}

/// Formats a value as graphql-js does in its messages.
fn inspected(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key}: {}", inspected(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inspected).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}
