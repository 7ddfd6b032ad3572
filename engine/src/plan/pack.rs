//! Rule packs: rules that several profiles share, by name and version. A published pack is never changed, because its
//! results are in use; an improved one gets the next version.

use super::compiler::Compiler;
use crate::diagnostic::{Code, Source};
use crate::profile::{Rule, UseRule};
use crate::yaml::{self, Size};
use schemars::JsonSchema;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Names and texts of the packs.
const PACKS: &[(&str, &str)] = &[("dns/standard@1", include_str!("../../packs/dns-standard-1.yaml"))];

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pack {
    rules: Vec<Rule>,
}

static RULES: LazyLock<BTreeMap<&str, Vec<Rule>>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &str)| {
        let (pack, _) = yaml::read::<Pack>(&Source::new(*name, *text), Size::PROFILE).expect("shipped packs are valid");
        (*name, pack.rules)
    };
    PACKS.iter().map(read).collect()
});

/// A rule with its origin.
pub(super) struct Sourced<'r> {
    pub(super) rule: Cow<'r, Rule>,
    /// JSON pointer of the rule, or of the reference to its pack.
    pub(super) at: String,
    /// Name of the pack that contains the rule.
    pub(super) pack: Option<&'static str>,
}

/// Returns the rules of a profile, with references to packs replaced by their rules.
pub(super) fn expanded<'r>(compiler: &mut Compiler, rules: &'r [Rule]) -> Vec<Sourced<'r>> {
    let mut expanded = vec![];
    for (i, rule) in rules.iter().enumerate() {
        let at = format!("/rules/{i}");
        match rule {
            Rule::Use(row) => expanded.extend(pack(compiler, row, &at)),
            rule => expanded.push(Sourced { rule: Cow::Borrowed(rule), at, pack: None }),
        }
    }
    expanded
}

fn pack(compiler: &mut Compiler, row: &UseRule, at: &str) -> Vec<Sourced<'static>> {
    let Some((name, rules)) = RULES.get_key_value(row.pack.as_str()) else {
        let pointer = format!("{at}/use");
        let (place, message) = (compiler.span(&pointer), format!("unknown rule pack `{}`", row.pack));
        compiler.unknown(Code::UnknownPack, place, message, &row.pack, RULES.keys().copied(), "unknown rule pack");
        return vec![];
    };
    let sourced = |rule| Sourced { rule: Cow::Borrowed(rule), at: at.to_owned(), pack: Some(name) };
    rules.iter().map(sourced).collect()
}

/// Returns names and texts of all packs, for the manual.
pub fn packs() -> impl Iterator<Item = (&'static str, &'static str)> {
    PACKS.iter().copied()
}
