//! The facts that `explain` shows, as data: `--json` prints them, `text` formats them.

use serde::Serialize;

/// All facts about a profile, or about a profile and an observable.
#[derive(Serialize)]
pub(super) struct Facts {
    pub(super) profile: Head,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<Asked>,
    pub(super) settings: Vec<SettingFact>,
    pub(super) requests_at_most: Vec<Bound>,
    pub(super) limits: Limits,
    pub(super) quota: QuotaFact,
    pub(super) window: Option<WindowFact>,
    pub(super) lookups: Vec<LookupFact>,
    pub(super) answers: Vec<AnswerFact>,
    pub(super) record: RecordFact,
    pub(super) rules: Vec<RuleFact>,
    pub(super) relationship: RelationshipFact,
    pub(super) tlp: TlpFact,
    pub(super) pap: PapFact,
    pub(super) identity: IdentityFact,
}

#[derive(Serialize)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) status: &'static str,
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) file: String,
    /// Summary of the provider's terms of use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) terms: Option<String>,
    /// Whether the provider requires payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) licence: Option<String>,
    /// How to get an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subscription: Option<String>,
    /// URLs of the API's documentation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<String>,
    /// Origins that receive credentials.
    pub(super) origins: Vec<String>,
}

/// The observable, and whether its markings permit a request.
#[derive(Serialize)]
pub(super) struct Asked {
    pub(super) r#type: &'static str,
    pub(super) value: String,
    pub(super) tlp: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) pap: Vec<String>,
    pub(super) may_be_sent: bool,
    pub(super) refused: Option<String>,
    pub(super) results_tlp: &'static str,
}

#[derive(Serialize)]
pub(super) struct SettingFact {
    pub(super) name: String,
    pub(super) r#type: String,
    pub(super) required: bool,
    pub(super) default: Option<String>,
    pub(super) variable: String,
    pub(super) description: String,
}

/// Maximum number of requests for one observable of these types, with its terms.
#[derive(Serialize)]
pub(super) struct Bound {
    pub(super) types: Vec<&'static str>,
    pub(super) requests: u64,
    pub(super) sum: Vec<Term>,
}

#[derive(Serialize)]
pub(super) struct Term {
    pub(super) of: String,
    pub(super) requests: u64,
    pub(super) how: String,
}

#[derive(Serialize)]
pub(super) struct Limits {
    pub(super) timeout: String,
    pub(super) max_body_mib: u64,
    pub(super) attempts: u32,
    pub(super) first_wait: String,
    pub(super) longest_wait: String,
    pub(super) redirects: u32,
}

#[derive(Serialize)]
pub(super) struct QuotaFact {
    pub(super) probe: Option<ProbeFact>,
    pub(super) headers: Vec<String>,
    pub(super) rate: Option<String>,
    pub(super) longest_wait: String,
}

#[derive(Serialize)]
pub(super) struct ProbeFact {
    pub(super) request: RequestFact,
    pub(super) exhausted_when: String,
    pub(super) full_again: String,
    pub(super) every: String,
}

#[derive(Serialize)]
pub(super) struct RequestFact {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<HeaderFact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}

#[derive(Serialize, PartialEq, Eq, Clone)]
pub(super) struct HeaderFact {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Serialize)]
pub(super) struct WindowFact {
    pub(super) last: String,
    pub(super) start: Option<String>,
    pub(super) filter: Option<String>,
}

#[derive(Serialize)]
pub(super) struct LookupFact {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) accepts: Vec<&'static str>,
    pub(super) for_each: Vec<String>,
    pub(super) requests: Vec<RequestFact>,
    pub(super) times: Vec<TimeFact>,
    pub(super) rows: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<String>,
    /// Requests for the state of a job and for its result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) later: Vec<RequestFact>,
    pub(super) paging: String,
    pub(super) pages_at_most: u32,
}

/// A parameter that contains an end of the window.
#[derive(Serialize)]
pub(super) struct TimeFact {
    pub(super) parameter: String,
    pub(super) from: &'static str,
    pub(super) format: String,
}

#[derive(Serialize)]
pub(super) struct AnswerFact {
    pub(super) when: String,
    pub(super) means: &'static str,
    pub(super) then: String,
    pub(super) message: Option<String>,
    pub(super) wait: Option<String>,
    /// Whether a row of the profile defines this; otherwise it is a default of all profiles.
    pub(super) by_profile: bool,
}

#[derive(Serialize)]
pub(super) struct RecordFact {
    pub(super) fields: Vec<FieldFact>,
    pub(super) orientation: Vec<OrientationFact>,
    pub(super) bad_at_most_percent: u64,
    pub(super) other_names: String,
    /// Kinds of addresses whose records are dropped.
    pub(super) drop_addresses: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct FieldFact {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) r#type: String,
    pub(super) at: Vec<String>,
    pub(super) format: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) optional: bool,
    /// Which of several times is used, if not the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) take: Option<String>,
    pub(super) none_when: Vec<String>,
    pub(super) aliases: Vec<(String, String)>,
}

#[derive(Serialize)]
pub(super) struct OrientationFact {
    pub(super) when: Option<String>,
    pub(super) rrname: String,
    pub(super) rdata: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rdata_as: Option<String>,
}

#[derive(Serialize)]
pub(super) struct RuleFact {
    pub(super) number: usize,
    pub(super) line: usize,
    /// Record types; empty for any.
    pub(super) rrtypes: Vec<String>,
    pub(super) when: Option<String>,
    #[serde(flatten)]
    pub(super) then: Then,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Then {
    Relate { source: &'static str, relationship: &'static str, target: &'static str, description: Option<String> },
    Drop { drop: String },
}

#[derive(Serialize)]
pub(super) struct RelationshipFact {
    pub(super) description: Option<String>,
    pub(super) start_time: Option<String>,
    pub(super) stop_time: Option<String>,
    pub(super) id: &'static str,
    pub(super) repeats: String,
}

#[derive(Serialize)]
pub(super) struct TlpFact {
    pub(super) max: String,
    pub(super) unmarked: &'static str,
    pub(super) at_least: String,
}

#[derive(Serialize)]
pub(super) struct PapFact {
    pub(super) max: String,
}

#[derive(Serialize)]
pub(super) struct IdentityFact {
    pub(super) name: String,
    pub(super) class: &'static str,
}
