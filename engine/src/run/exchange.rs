//! What goes into a run and what comes out of it, for whoever drives it: the input, the steps, answers and faults.

use super::request::Request;
use crate::plan::Settings;
use crate::stix::{Marking, Observable};
use jiff::Timestamp;

/// What a run is about.
#[derive(Debug, Clone)]
pub struct Input {
    /// What is asked about.
    pub observable: Observable,
    /// How it is marked.
    pub markings: Vec<Marking>,
    /// What the operator gave.
    pub settings: Settings,
    /// When the run ends, whatever it has by then.
    pub deadline: Timestamp,
    /// What the jitter of waits is derived from: different runs should have different ones.
    pub seed: u64,
    /// Whether to keep what became of each record, besides counting it.
    pub trace: bool,
}

/// An answer to a request, as it came.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and their values.
    pub headers: Vec<(String, String)>,
    /// The body, or as much of it as arrived.
    pub body: Vec<u8>,
    /// Why the body is not whole, if it is not.
    pub cut: Option<Fault>,
}

impl Response {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All values of a header, in order (RFC 9110 §5.3).
    pub fn headers<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let is_it = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer, or not a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nobody could be reached, and why.
    Connect(String),
    /// Somebody was reached who cannot show to be the provider, and why.
    Untrusted(String),
    /// The request cannot be sent as it is shown, and why.
    Unsendable(String),
    /// Nothing, or not all, came in time.
    Timeout,
    /// The connection broke.
    Reset,
    /// The body is longer than the profile lets it be, in bytes.
    TooLarge(u64),
}

/// What an answer says of the provider as a whole, whatever it says about what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It serves requests.
    Serves,
    /// It denies access, and why: every other request would be denied too.
    Denies(String),
    /// It is out of order or cannot be reached, and why.
    Fails(String),
    /// Nothing.
    Unknown,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this, and hand the answer to [`Run::accept`].
    Send(Request),
    /// Nothing may be sent before then.
    Wait(Timestamp),
    /// There is no more to ask.
    Done,
}
