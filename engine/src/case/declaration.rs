//! What a case file may say, as declarations: the doc comments are its reference manual and its JSON Schema.

use crate::run::Fault;
use crate::stix::Kind;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One recorded test of a profile: what was asked, what was answered. What must come of it stands beside it, in a file of
/// the same name that ends in `.expected`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What the case shows, in a sentence.
    pub about: String,
    /// What time it is, such as `2024-03-01T00:00:00Z`.
    pub now: String,
    /// What is asked about.
    pub observable: ObservableBlock,
    /// What the operator gives.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// What is asked and answered, in order. A request that is not here, or one here that is not made, makes the case fail.
    #[serde(default)]
    pub exchanges: Vec<ExchangeBlock>,
}

/// What is asked about.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservableBlock {
    /// Its STIX type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Its value.
    pub value: String,
    /// Its TLP markings.
    #[serde(default)]
    pub tlp: Vec<String>,
    /// Its PAP markings.
    #[serde(default)]
    pub pap: Vec<String>,
}

/// A request and its answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeBlock {
    /// Method, path after the base URL, and those query parameters that matter: `GET /v2/dns/passive?query=example.com`.
    pub request: String,
    /// The answer.
    pub reply: ReplyBlock,
}

/// An answer: a status and one of `json`, `text` and `file`, or a fault.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyBlock {
    /// The status code.
    #[serde(default = "ReplyBlock::default_status")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body, written in YAML.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// A body as it stands.
    #[serde(default)]
    pub text: Option<String>,
    /// A file beside the case that holds the body.
    #[serde(default)]
    pub file: Option<String>,
    /// What goes wrong on the way.
    #[serde(default)]
    pub fault: Option<FaultWord>,
}

impl ReplyBlock {
    fn default_status() -> u16 {
        200
    }
}

/// What goes wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultWord {
    /// Nobody answers at the address.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection breaks; with a body, in the middle of it.
    Reset,
}

impl FaultWord {
    /// What the run is told.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Connect => Fault::Connect("connection refused".into()),
            Self::Timeout => Fault::Timeout,
            Self::Reset => Fault::Reset,
        }
    }
}
