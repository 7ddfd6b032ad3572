//! Rule packs: rows that many profiles share, by name and version. A pack that was published never changes: what it makes is
//! in people's graphs. A better one gets the next number.

use super::compiler::Compiler;
use crate::diagnostic::{Code, Source};
use crate::profile::{Rule, UseRule};
use crate::yaml::{self, Size};
use schemars::JsonSchema;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Every pack, and its text.
const PACKS: &[(&str, &str)] = &[("dns/standard@1", include_str!("../../packs/dns-standard-1.yaml"))];

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pack {
    rules: Vec<Rule>,
}

static RULES: LazyLock<BTreeMap<&str, Vec<Rule>>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &str)| {
        let (pack, _) =
            yaml::read::<Pack>(&Source::new(*name, *text), Size::PROFILE).expect("our own packs are well formed");
        (*name, pack.rules)
    };
    PACKS.iter().map(read).collect()
});

/// A rule, and where it comes from.
pub(super) struct Sourced<'r> {
    pub(super) rule: Cow<'r, Rule>,
    /// The row of the profile: its own, or the one that names the pack.
    pub(super) at: String,
    /// The pack, if it is one's.
    pub(super) pack: Option<&'static str>,
}

/// The rules of a profile, with those of packs in place of the rows that name them.
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
        let (place, message) = (compiler.span(&pointer), format!("no rule pack is called `{}`", row.pack));
        compiler.unknown(Code::UnknownPack, place, message, &row.pack, RULES.keys().copied(), "not known");
        return vec![];
    };
    let sourced = |rule| Sourced { rule: Cow::Borrowed(rule), at: at.to_owned(), pack: Some(name) };
    rules.iter().map(sourced).collect()
}

/// The text of every pack, by its name: for the manual.
pub fn packs() -> impl Iterator<Item = (&'static str, &'static str)> {
    PACKS.iter().copied()
}
