//! The format of case files, as declarations: their doc comments are the reference manual and the JSON Schema.

use crate::run::Fault;
use crate::stix::ObservableType;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A recorded test of a profile: an observable, the expected requests, and the responses. The expected result is in a
/// file of the same name with the extension `.expected`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What the case tests, in one sentence.
    pub about: String,
    /// Start time of the run, an RFC 3339 timestamp such as `2024-03-01T00:00:00Z`.
    pub now: String,
    /// The observable that is looked up.
    pub observable: ObservableBlock,
    /// Values of the profile's settings, by name. Secrets are written as plain test values.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The expected requests with their responses, in order. The case fails if the run sends a request that is not
    /// listed, or does not send one that is.
    #[serde(default)]
    pub exchanges: Vec<ExchangeBlock>,
}

/// The observable that a case looks up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservableBlock {
    /// STIX type, such as `domain-name`.
    #[serde(rename = "type")]
    pub kind: ObservableType,
    /// Value, such as `example.com`.
    pub value: String,
    /// TLP levels of its markings, such as `TLP:GREEN`.
    #[serde(default)]
    pub tlp: Vec<String>,
    /// PAP levels of its markings, such as `PAP:AMBER`.
    #[serde(default)]
    pub pap: Vec<String>,
}

/// An expected request and its response.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeBlock {
    /// Method, path relative to the base URL, and the query parameters to compare, such as
    /// `GET /v2/dns/passive?query=example.com`. Other query parameters are ignored. A request to a token server is written
    /// with its whole `https` URL.
    pub request: String,
    /// The response to this request.
    pub reply: ReplyBlock,
}

/// A response: a status with at most one of `json`, `text` and `file` as its body; or a fault.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplyBlock {
    /// HTTP status code of the response.
    #[serde(default = "ReplyBlock::default_status")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// Response headers, by name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON body, written as YAML.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// Body as text, sent without changes.
    #[serde(default)]
    pub text: Option<String>,
    /// Name of a file in the folder of the case that contains the body.
    #[serde(default)]
    pub file: Option<String>,
    /// A network fault in place of the response; with a body, in the middle of it.
    #[serde(default)]
    pub fault: Option<FaultWord>,
}

impl ReplyBlock {
    fn default_status() -> u16 {
        200
    }
}

/// A network fault in place of a complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultWord {
    /// The connection is refused.
    Connect,
    /// No response before the timeout.
    Timeout,
    /// The connection is reset; with a body, in the middle of it.
    Reset,
}

impl FaultWord {
    /// Returns the fault that the run receives.
    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Connect => Fault::Connect("connection refused".into()),
            Self::Timeout => Fault::Timeout,
            Self::Reset => Fault::Reset,
        }
    }
}
