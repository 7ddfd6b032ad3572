//! What a generated profile and its first case contain, before they are written as YAML.

use crate::cli::{AuthKind, Framing};
use stixmap_engine::stix::ObservableType;

/// The properties of a provider that are known so far.
pub(crate) struct Scaffold {
    /// The profile's id, also the name of its folder.
    pub(crate) id: String,
    pub(crate) base_url: String,
    pub(crate) auth: AuthKind,
    /// The query parameter of the API key, if known.
    pub(crate) key_parameter: Option<String>,
    pub(crate) accepts: Vec<ObservableType>,
    pub(crate) lookup: Lookup,
    pub(crate) framing: Framing,
    /// The value of `columns`, for delimited text.
    pub(crate) columns: Option<String>,
    /// The value of `records`, for JSON: a path, or the lines of levels.
    pub(crate) records: Option<Line>,
    pub(crate) paging: Line,
    pub(crate) fields: Vec<(String, Line)>,
    /// Columns that no field reads, as comments.
    pub(crate) unread: Vec<String>,
    pub(crate) orientation: Vec<Line>,
    /// The value of `other_names`, unless it is the default.
    pub(crate) other_names: Option<Line>,
    pub(crate) rules: Vec<Line>,
    /// Comments at the top of the file, in addition to the usual one.
    pub(crate) remarks: Vec<String>,
    pub(crate) case: FirstCase,
}

/// A piece of YAML with its comment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    pub(crate) yaml: String,
    pub(crate) why: String,
}

impl Line {
    pub(crate) fn new(yaml: impl Into<String>, why: impl Into<String>) -> Line {
        Line { yaml: yaml.into(), why: why.into() }
    }
}

/// The first case of a profile.
pub(crate) struct FirstCase {
    pub(crate) about: String,
    pub(crate) kind: ObservableType,
    pub(crate) value: String,
    /// Requests of the lookup, and the YAML of their replies.
    pub(crate) exchanges: Vec<(String, String)>,
    /// Files that the replies refer to.
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

/// The path and query of the only lookup.
pub(crate) struct Lookup {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
}

impl Default for Lookup {
    fn default() -> Self {
        Lookup { path: "/passive-dns/{observable.value}".to_owned(), query: vec![] }
    }
}
