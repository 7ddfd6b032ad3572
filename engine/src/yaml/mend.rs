//! A tree with mistakes in its shape, mended so far that it can be read: what is wrong is taken for what was probably meant,
//! left out, or stood in for. So what else is wrong can be told in the same breath. Nothing of it is ever run.

use super::build::{Kind, Node, Pairs};
use super::choice::{Keywords, Meant, branches, meant, tag};
use super::repair::repairs;
use super::schema::{Schema, list, of_item, of_key, types};
use super::tree::{Tree, lower};
use super::words::{nearest, words};
use crate::diagnostic::Span;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Where a part stands that stands nowhere.
pub(super) const NOWHERE: Span = 0..0;

/// Texts of some form, one of which a pattern of ours takes.
const TEXTS: [&str; 8] = ["x", "1.0.0", "PT1S", "1%", "$", "/x", "A", ""];

/// The tree, as if it fitted its schema, and the blocks and lists that lack something now. None where it is beyond mending.
pub(super) fn mended(tree: &Tree, schema: &Value) -> Option<(Tree, Vec<Span>)> {
    let mut mend = Mend { tree, schema: Schema::new(schema), holes: vec![] };
    let root = mend.part(schema, tree.root())?;
    Some((tree.with_root(root), mend.holes))
}

struct Mend<'t, 's> {
    tree: &'t Tree,
    schema: Schema<'s>,
    holes: Vec<Span>,
}

impl<'s> Mend<'_, 's> {
    fn part(&mut self, part: &'s Value, node: &Arc<Node>) -> Option<Arc<Node>> {
        let value = lower(node);
        if self.schema.fits(part, &value) {
            return Some(Arc::clone(node));
        }
        let branches = branches(self.schema, part);
        let chosen = match branches[..] {
            [one] => Some(one),
            _ => chosen(&branches, &value),
        };
        let mended = match (&node.kind, chosen) {
            (Kind::Block(pairs), Some(schema)) => self.block(schema, node, pairs),
            (Kind::List(items), Some(schema)) => self.list(schema, node, items),
            (Kind::Scalar(_), _) => self.scalar(&branches, node, &value)?,
            _ => return None,
        };
        self.schema.fits(part, &lower(&mended)).then_some(mended)
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
            let before = self.holes.len();
            let mended = name.and_then(|name| Some((name, self.all(&of_key(schema, name), child)?)));
            // What a block lacks is also told at its key.
            if self.holes[before..].contains(&child.span) {
                self.holes.push(span.clone());
            }
            match mended {
                Some((name, child)) => drop(kept.insert(name.to_owned(), (span.clone(), child))),
                None => self.holes.push(node.span.clone()),
            }
        }
        for key in schema.get("required").map_or(&[][..], list).iter().filter_map(Value::as_str) {
            if !kept.contains_key(key)
                && let Some(value) = of_key(schema, key).first().and_then(|part| stand_in(self.schema, part))
            {
                self.holes.push(node.span.clone());
                kept.insert(key.to_owned(), (NOWHERE, Node::of_value(value, &NOWHERE)));
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
                None => self.holes.push(node.span.clone()),
            }
        }
        Node::new(node.span.clone(), Kind::List(kept))
    }

    fn scalar(&self, branches: &[&'s Keywords], node: &Node, value: &Value) -> Option<Arc<Node>> {
        let written = &self.tree.source().text[node.span.clone()];
        let blocks: Vec<&Keywords> = branches.iter().copied().filter(|branch| types(branch) == ["object"]).collect();
        let known: Vec<&str> = branches.iter().flat_map(|branch| words(branch)).collect();
        let near = value.as_str().and_then(|word| nearest(word, known)).map(Value::from);
        let others = repairs(value, written, tag(&blocks).map(|(tag, _)| tag)).into_iter().map(|repair| repair.value);
        let mut others = near.into_iter().chain(others);
        let fitting = others.find(|other| branches.iter().any(|branch| self.schema.keywords_fit(branch, other)))?;
        Some(Node::of_value(fitting, &node.span))
    }
}

/// The branch that was meant; of kinds the nearest.
fn chosen<'s>(branches: &[&'s Keywords], value: &Value) -> Option<&'s Keywords> {
    match meant(branches, value) {
        Meant::Branch(branch) => Some(branch),
        Meant::Word(_) | Meant::Tag(..) | Meant::Key(_) | Meant::Type => None,
    }
}

/// The least that fits.
fn stand_in(schema: Schema, part: &Value) -> Option<Value> {
    branches(schema, part).into_iter().find_map(|branch| {
        let named = branch.get("enum").map_or(&[][..], list).first().or_else(|| branch.get("const")).cloned();
        let value = named.or_else(|| of_type(schema, branch))?;
        schema.keywords_fit(branch, &value).then_some(value)
    })
}

fn of_type(schema: Schema, branch: &Keywords) -> Option<Value> {
    Some(match *types(branch).first()? {
        "object" => {
            let required = branch.get("required").map_or(&[][..], list).iter().filter_map(Value::as_str);
            let pair = |key: &str| Some((key.to_owned(), stand_in(schema, of_key(branch, key).first()?)?));
            Value::Object(required.map(pair).collect::<Option<_>>()?)
        }
        "array" => {
            let least = branch.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            let item = |index| stand_in(schema, of_item(branch, usize::try_from(index).ok()?)?);
            (0..least).map(item).collect::<Option<_>>()?
        }
        "string" => {
            let fits = |text: &&str| schema.keywords_fit(branch, &Value::from(*text));
            Value::from(TEXTS.into_iter().find(fits)?)
        }
        "integer" => branch.get("minimum").cloned().unwrap_or_else(|| 0.into()),
        "boolean" => false.into(),
        _ => return None,
    })
}
