//! What holds for every run, whatever a provider answers: a row for each, with its name, what it says, and how it is tried.

use super::play::{Panicked, Played, Stage};
use super::scenario::Scenario;
use super::{invariant, ordering, round_trip};
use std::fmt::Write;

/// An invariant.
pub(super) struct Property {
    pub(super) name: &'static str,
    /// What holds, in a sentence.
    pub(super) holds: &'static str,
    /// How it is tried, and why it matters.
    doc: &'static str,
    pub(super) check: fn(&Take) -> Result<(), String>,
}

/// A scene and what came of it.
pub(super) struct Take<'t> {
    pub(super) stage: &'t Stage<'t>,
    pub(super) scene: &'t Scenario,
    pub(super) played: &'t Result<Played, Box<Panicked>>,
}

/// All of them.
pub(super) const PROPERTIES: [Property; 18] = [
    Property {
        name: "no-panic",
        holds: "the program does not panic, and the run ends",
        doc: "A connector that ends at one answer enriches nothing more. A run of 200,000 steps is one that does not end.",
        check: invariant::no_panic,
    },
    Property {
        name: "deterministic",
        holds: "the same answers give the same bytes",
        doc: "The run is played twice: bundle, requests, trace, counts and diagnostics are compared.",
        check: invariant::deterministic,
    },
    Property {
        name: "order-free",
        holds: "rows in another order, on their page or on another, give the same bundle",
        doc: "The rows of each page are reversed, and turned by half; where there is one request and its next pages, what \
              stands on these is exchanged.",
        check: ordering::order_free,
    },
    Property {
        name: "idempotent",
        holds: "rows that stand there twice say what they say once",
        doc: "Every page is given with all of its rows a second time.",
        check: ordering::idempotent,
    },
    Property {
        name: "closed",
        holds: "every reference is in the bundle, and what was asked about",
        doc: "OpenCTI holds an object back as long as something it refers to is missing. Each object stands there once.",
        check: invariant::closed,
    },
    Property {
        name: "connected",
        holds: "what is found leads back to what was asked about",
        doc: "From what was asked about, relationships lead to every observable of the bundle. Not tried where `record` has \
              `other_names: keep`, since then what is said of other names stands by itself.",
        check: invariant::connected,
    },
    Property {
        name: "valid",
        holds: "every object is what STIX 2.1 says of its type",
        doc: "Each object has the properties its type must have and no other ones, ids, times and references of the right \
              form, a value of its type, and nothing that is null or empty.",
        check: invariant::valid_stix,
    },
    Property {
        name: "permitted",
        holds: "OpenCTI permits every relationship",
        doc: "Type and ends of each relationship stand in the table of those that OpenCTI permits; nothing relates to itself.",
        check: invariant::permitted,
    },
    Property {
        name: "accounted",
        holds: "every record is counted once, as what it became",
        doc: "Records read are those mapped, dropped, bad and outside the window; the trace tells the same of each.",
        check: invariant::accounted,
    },
    Property {
        name: "tlp-never-lowered",
        holds: "no result is marked below what was asked about, or below what its record says",
        doc: "Markings are read from the bundle as it is written. What was asked about keeps its own.",
        check: invariant::marked,
    },
    Property {
        name: "gate",
        holds: "above the highest level that may be sent nothing is",
        doc: "Observables have no marking, each level, two, and one that nobody knows; settings of type `tlp` have each \
              level. A run is refused, without a request, if and only if it must be.",
        check: invariant::gate,
    },
    Property {
        name: "no-secret",
        holds: "no secret is shown, though answers repeat it",
        doc: "Answers repeat secrets, and what is made of them, in values, keys, messages, cursors and URLs. Bundle, trace, \
              outcome, diagnostics and requests as they are shown hold none.",
        check: invariant::no_secret,
    },
    Property {
        name: "bounded",
        holds: "there are no more requests than `explain` says",
        doc: "Providers name next pages for ever, send elsewhere, ask to wait, and are out of order: `stixmap explain PROFILE` \
              tells how many requests one observable can cost.",
        check: invariant::bounded,
    },
    Property {
        name: "ids",
        holds: "ids are those of a second derivation",
        doc: "UUIDv5 of what STIX 2.1 §2.9 names, derived a second time from the objects as they are written.",
        check: invariant::ids,
    },
    Property {
        name: "times",
        holds: "a relationship ends after it starts",
        doc: "STIX 2.1 wants `stop_time` later than `start_time`; providers also tell of one instant.",
        check: invariant::times,
    },
    Property {
        name: "believed",
        holds: "what is `ok` was read: a failure is never told as nothing found",
        doc: "An outcome other than `ok` and `empty` has a reason; `empty` and `refused` come without a relationship.",
        check: invariant::believed,
    },
    Property {
        name: "read-back",
        holds: "written in the Common Output Format and mapped again, records become the same",
        doc: "The records are written as `--format cof` does, and mapped by the profile `cof`: relationships have the same \
              ends and times, and the same type where the rule is one of a pack.",
        check: round_trip::read_back,
    },
    Property {
        name: "replayed",
        holds: "written as a case, a run comes out the same",
        doc: "What is printed when a property does not hold can be kept as a case: it shows the same.",
        check: invariant::replayed,
    },
];

/// How they are tried.
const ABOUT: &str = "\
# Properties

`stixmap test PROFILE --properties` plays runs that nobody wrote: an observable of each type that the profile accepts, with
and without markings, and what the provider could answer, all of it generated from the profile: rows in the framing and at the
levels of each lookup, pages in the ways that its paging knows, the answers that its `answers` are about, tokens, probes and
jobs. Values are well-formed, odd (other words for nothing, figures as text, another type's text), of the wrong type, missing,
null, or meant to do harm; rows stand there twice; pages come in any order, are cut, come broken, or do not come.

On each run all of these are tried. `--cases N` says how many runs are made (64, or `PROPTEST_CASES` if that is more),
`--seed S` which ones. Where no generated record at all is mapped, whatever holds is *vacuous*: it holds for nothing, and
fails with that word. A run for which one does not hold is made as small as it gets and printed as a case; `--accept` writes
it to `cases/property-NAME.yaml`, where `stixmap test` plays it from then on.

";

/// All of them in words, for authors.
pub(super) fn page() -> String {
    let mut text = ABOUT.to_owned();
    for Property { name, holds, doc, .. } in &PROPERTIES {
        let _ = writeln!(text, "- **{name}**: {holds}. {doc}");
    }
    text
}
