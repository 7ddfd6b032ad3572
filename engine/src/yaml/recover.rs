//! Error recovery: converts a tree that does not match its schema to one that does. A wrong part is replaced by what
//! was probably intended, removed, or replaced by a placeholder, so that further mistakes can be reported in the same
//! run. A recovered tree is never executed.

use super::build::{Kind, Node, Pairs};
use super::choice::{Intended, Keywords, branches, meant, tag};
use super::phrasing::words;
use super::schema::{Schema, list, of_item, of_key, types};
use super::spelling::nearest;
use super::tree::{Tree, to_value};
use super::type_fix::suggestions;
use crate::diagnostic::Span;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Span of parts that recovery added.
pub(super) const NO_SPAN: Span = 0..0;

/// Candidates for placeholder strings; at least one matches each pattern of our schemas.
const PLACEHOLDERS: [&str; 8] = ["x", "1.0.0", "PT1S", "1%", "$", "/x", "A", ""];

/// Returns a tree that matches the schema, and the mappings and lists that are incomplete now. `None` if recovery is
/// impossible.
pub(super) fn recover(tree: &Tree, schema: &Value) -> Option<(Tree, Vec<Span>)> {
    let mut recovery = Recovery { tree, schema: Schema::new(schema), incomplete: vec![] };
    let root = recovery.part(schema, tree.root())?;
    Some((tree.with_root(root), recovery.incomplete))
}

struct Recovery<'t, 's> {
    tree: &'t Tree,
    schema: Schema<'s>,
    incomplete: Vec<Span>,
}

impl<'s> Recovery<'_, 's> {
    fn part(&mut self, part: &'s Value, node: &Arc<Node>) -> Option<Arc<Node>> {
        let value = to_value(node);
        if self.schema.fits(part, &value) {
            return Some(Arc::clone(node));
        }
        let branches = branches(self.schema, part);
        let chosen = match branches[..] {
            [one] => Some(one),
            _ => chosen(&branches, &value),
        };
        let recovered = match (&node.kind, chosen) {
            (Kind::Block(pairs), Some(schema)) => self.block(schema, node, pairs),
            (Kind::List(items), Some(schema)) => self.list(schema, node, items),
            (Kind::Scalar(_), _) => self.scalar(&branches, node, &value)?,
            _ => return None,
        };
        self.schema.fits(part, &to_value(&recovered)).then_some(recovered)
    }

    fn block(&mut self, schema: &'s Keywords, node: &Node, pairs: &Pairs) -> Arc<Node> {
        let known = schema.get("properties").and_then(Value::as_object);
        let known: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let mut kept = Pairs::new();
        for (key, (span, child)) in pairs {
            let is_free = |name: &&str| !pairs.contains_key(*name) && !kept.contains_key(*name);
            let is_unknown = of_key(schema, key).contains(&&Value::Bool(false));
            let name =
                if is_unknown { nearest(key, known.iter().copied().filter(is_free)) } else { Some(key.as_str()) };
            let before = self.incomplete.len();
            let recovered = name.and_then(|name| Some((name, self.all(&of_key(schema, name), child)?)));
            // A missing field is also reported at the key of its mapping.
            if self.incomplete[before..].contains(&child.span) {
                self.incomplete.push(span.clone());
            }
            match recovered {
                Some((name, child)) => drop(kept.insert(name.to_owned(), (span.clone(), child))),
                None => self.incomplete.push(node.span.clone()),
            }
        }
        for key in schema.get("required").map_or(&[][..], list).iter().filter_map(Value::as_str) {
            if !kept.contains_key(key)
                && let Some(value) = of_key(schema, key).first().and_then(|part| placeholder(self.schema, part))
            {
                self.incomplete.push(node.span.clone());
                kept.insert(key.to_owned(), (NO_SPAN, Node::of_value(value, &NO_SPAN)));
            }
        }
        Node::new(node.span.clone(), Kind::Block(kept))
    }

    fn all(&mut self, parts: &[&'s Value], node: &Arc<Node>) -> Option<Arc<Node>> {
        parts.iter().try_fold(Arc::clone(node), |node, part| self.part(part, &node))
    }

    fn list(&mut self, schema: &'s Keywords, node: &Node, items: &[Arc<Node>]) -> Arc<Node> {
        let mut kept = vec![];
        for (index, item) in items.iter().enumerate() {
            match of_item(schema, index).map_or_else(|| Some(Arc::clone(item)), |part| self.part(part, item)) {
                Some(item) => kept.push(item),
                None => self.incomplete.push(node.span.clone()),
            }
        }
        Node::new(node.span.clone(), Kind::List(kept))
    }

    fn scalar(&self, branches: &[&'s Keywords], node: &Node, value: &Value) -> Option<Arc<Node>> {
        let written = &self.tree.source().text[node.span.clone()];
        let blocks: Vec<&Keywords> = branches.iter().copied().filter(|branch| types(branch) == ["object"]).collect();
        let known: Vec<&str> = branches.iter().flat_map(|branch| words(branch)).collect();
        let near = value.as_str().and_then(|word| nearest(word, known)).map(Value::from);
        let others = suggestions(value, written, tag(&blocks).map(|(tag, _)| tag))
            .into_iter()
            .map(|suggestion| suggestion.value);
        let mut others = near.into_iter().chain(others);
        let fitting = others.find(|other| branches.iter().any(|branch| self.schema.keywords_fit(branch, other)))?;
        Some(Node::of_value(fitting, &node.span))
    }
}

/// Returns the branch that was intended.
fn chosen<'s>(branches: &[&'s Keywords], value: &Value) -> Option<&'s Keywords> {
    match meant(branches, value) {
        Intended::Branch(branch) => Some(branch),
        Intended::Word(_) | Intended::Tag(..) | Intended::Key(_) | Intended::Type => None,
    }
}

/// Returns the smallest value that matches the schema.
fn placeholder(schema: Schema, part: &Value) -> Option<Value> {
    branches(schema, part).into_iter().find_map(|branch| {
        let named = branch.get("enum").map_or(&[][..], list).first().or_else(|| branch.get("const")).cloned();
        let value = named.or_else(|| placeholder_of_type(schema, branch))?;
        schema.keywords_fit(branch, &value).then_some(value)
    })
}

fn placeholder_of_type(schema: Schema, branch: &Keywords) -> Option<Value> {
    Some(match *types(branch).first()? {
        "object" => {
            let required = branch.get("required").map_or(&[][..], list).iter().filter_map(Value::as_str);
            let pair = |key: &str| Some((key.to_owned(), placeholder(schema, of_key(branch, key).first()?)?));
            Value::Object(required.map(pair).collect::<Option<_>>()?)
        }
        "array" => {
            let least = branch.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let item = |index| placeholder(schema, of_item(branch, usize::try_from(index).ok()?)?);
            (0..least).map(item).collect::<Option<_>>()?
        }
        "string" => {
            let fits = |text: &&str| schema.keywords_fit(branch, &Value::from(*text));
            Value::from(PLACEHOLDERS.into_iter().find(fits)?)
        }
        "integer" => branch.get("minimum").cloned().unwrap_or_else(|| 0.into()),
        "boolean" => false.into(),
        _ => return None,
    })
}
