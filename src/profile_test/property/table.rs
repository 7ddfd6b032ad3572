//! The table of properties: invariants of every run, whatever a provider answers.

use super::take::Take;
use super::{invariant, ordering, round_trip};
use std::fmt::Write;

/// An invariant with its check.
pub(super) struct Property {
    pub(super) name: &'static str,
    /// The invariant, in one sentence.
    pub(super) holds: &'static str,
    /// How it is checked, and why it matters.
    doc: &'static str,
    pub(super) check: fn(&Take) -> Result<(), String>,
}

/// All properties.
pub(super) const PROPERTIES: [Property; 18] = [
    Property {
        name: "no-panic",
        holds: "no run panics, and every run terminates",
        doc: "A connector that stops at one response enriches nothing more. A run of 200,000 steps counts as endless.",
        check: invariant::no_panic,
    },
    Property {
        name: "deterministic",
        holds: "equal responses yield equal bytes",
        doc: "Each run is played twice; bundle, requests, trace, counts and diagnostics are compared.",
        check: invariant::deterministic,
    },
    Property {
        name: "order-free",
        holds: "the order of rows, within a page or across pages, does not change the bundle",
        doc: "The rows of each page are reversed and rotated; if there is one request with next pages, the contents of these \
              pages are exchanged.",
        check: ordering::order_free,
    },
    Property {
        name: "idempotent",
        holds: "repeated rows do not change the bundle",
        doc: "Every page is played with all of its rows repeated.",
        check: ordering::idempotent,
    },
    Property {
        name: "closed",
        holds: "the bundle contains the observable and every referenced object",
        doc: "OpenCTI delays an object until everything that it refers to exists. No object occurs twice.",
        check: invariant::closed,
    },
    Property {
        name: "connected",
        holds: "every result is connected with the observable",
        doc: "Relationships lead from the observable to every observable of the bundle. Not checked if `record` has \
              `other_names: keep`, since records about other names may be unconnected.",
        check: invariant::connected,
    },
    Property {
        name: "valid",
        holds: "every object is valid STIX 2.1",
        doc: "Each object has the required properties of its type and no unknown ones, ids, timestamps and references of the \
              right format, a value of its type, and nothing null or empty.",
        check: invariant::valid_stix,
    },
    Property {
        name: "permitted",
        holds: "OpenCTI permits every relationship",
        doc: "OpenCTI permits the type of each relationship between its source and target; no object relates to itself.",
        check: invariant::permitted,
    },
    Property {
        name: "accounted",
        holds: "every record is counted exactly once",
        doc: "Records read are those mapped, dropped, bad and outside the window; the trace agrees with each count.",
        check: invariant::accounted,
    },
    Property {
        name: "tlp-never-lowered",
        holds: "no result is marked below the observable or below its own record",
        doc: "Markings are read from the written bundle. The observable keeps its own marking.",
        check: invariant::marked,
    },
    Property {
        name: "gate",
        holds: "nothing above the maximum TLP level is sent",
        doc: "Observables have no marking, each level, two levels, or an unknown marking; settings of type `tlp` have each \
              level. A run is refused, without a request, exactly if it must be.",
        check: invariant::gate,
    },
    Property {
        name: "no-secret",
        holds: "no secret is shown, even if responses contain it",
        doc: "Responses contain secrets and their encodings in values, keys, messages, cursors and URLs. Bundle, trace, outcome, \
              diagnostics and redacted requests contain none.",
        check: invariant::no_secret,
    },
    Property {
        name: "bounded",
        holds: "no run sends more requests than `explain` states",
        doc: "Providers announce next pages without end, redirect, ask to wait and fail; `stixmap explain PROFILE` states the \
              maximum number of requests per observable.",
        check: invariant::bounded,
    },
    Property {
        name: "ids",
        holds: "ids equal those of an independent derivation",
        doc: "UUIDv5 of the id contributing properties (STIX 2.1 §2.9), derived a second time from the written objects.",
        check: invariant::ids,
    },
    Property {
        name: "times",
        holds: "every relationship ends after it starts",
        doc: "STIX 2.1 §5.1 requires `stop_time` later than `start_time`; providers also report a single instant.",
        check: invariant::times,
    },
    Property {
        name: "believed",
        holds: "a failure is never reported as an empty result",
        doc: "Every outcome except `ok` and `empty` has a reason; `empty` and `refused` have no relationships.",
        check: invariant::believed,
    },
    Property {
        name: "read-back",
        holds: "a round trip through the Common Output Format preserves records",
        doc: "The records are written as `--format cof` does and mapped by the profile `cof`: relationships have the same \
              ends and times, and the same type if the rule belongs to a pack.",
        check: round_trip::read_back,
    },
    Property {
        name: "replayed",
        holds: "a run written as a case has the same result",
        doc: "The case that is printed for a failing property can be kept: it reproduces the failure.",
        check: invariant::replayed,
    },
];

/// Introduction of the page.
const ABOUT: &str = "\
# Properties

`stixmap test PROFILE --properties` plays generated runs: an observable of each type that the profile accepts, with and without
markings, and responses generated from the profile: rows in the framing and levels of each lookup, pages for its paging method,
responses that its `answers` rows match, tokens, probes and jobs. Values are well-formed, unusual (null values, numbers as
text, values of another type), malformed, missing, null or hostile; rows are repeated; pages arrive in any order, truncated,
broken, or not at all.

Every property is checked on each run. `--cases N` sets the number of runs (default: 64, or `PROPTEST_CASES` if greater), and
`--seed S` selects them. If no generated record is mapped, properties hold *vacuously*, which counts as a failure. A run that
violates a property is shrunk and printed as a case; `--accept` writes it to `cases/property-NAME.yaml`, where `stixmap test`
plays it from then on.

";

/// Returns the page that documents all properties.
pub(super) fn page() -> String {
    let mut text = ABOUT.to_owned();
    for Property { name, holds, doc, .. } in &PROPERTIES {
        let _ = writeln!(text, "- **{name}**: {holds}. {doc}");
    }
    text
}
