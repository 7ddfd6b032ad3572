//! The interface between a run and its driver: input, steps, responses and faults.

use super::request::Request;
use crate::plan::Settings;
use crate::stix::{Marking, Observable};
use jiff::Timestamp;

/// Input of a run, in addition to the plan.
#[derive(Debug, Clone)]
pub struct Input {
    /// The observable to look up.
    pub observable: Observable,
    /// TLP and PAP markings of the observable.
    pub markings: Vec<Marking>,
    /// Values of the profile's settings.
    pub settings: Settings,
    /// Time at which the run stops with what it has.
    pub deadline: Timestamp,
    /// Seed of the jitter of waits; should differ between runs.
    pub seed: u64,
    /// Whether to record each record in the trace, in addition to the counts.
    pub trace: bool,
}

/// A provider's response as received (RFC 9110).
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// HTTP status code of the response.
    pub status: u16,
    /// Header fields: names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, or the part of it that arrived.
    pub body: Vec<u8>,
    /// Why the body is incomplete, if it is.
    pub cut: Option<Fault>,
}

impl Response {
    /// Returns the first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a header field, in order (RFC 9110 §5.3).
    pub fn headers<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let is_it = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|(_, value)| value.as_str())
    }
}

/// Why there is no response, or only a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection failed, with the cause.
    Connect(String),
    /// The server's certificate is not trusted, with the cause.
    Untrusted(String),
    /// The request cannot be sent exactly as shown, with the cause.
    Unsendable(String),
    /// The response did not arrive completely in time.
    Timeout,
    /// The connection was closed before the response was complete.
    Reset,
    /// The body exceeds the profile's limit, in octets.
    TooLarge(u64),
}

/// What a response shows about the provider as a whole, for the circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// The provider serves requests.
    Serves,
    /// The provider denies access, with the cause: other requests would be denied too.
    Denies(String),
    /// The provider fails or cannot be reached, with the cause.
    Fails(String),
    /// The response shows nothing about the provider.
    Unknown,
}

/// What the driver must do next.
#[derive(Debug)]
pub enum Step {
    /// Send this request, and pass the result to [`Run::accept`](super::Run::accept).
    Send(Request),
    /// Wait until this time before calling [`Run::next`](super::Run::next) again.
    Wait(Timestamp),
    /// The run is complete; call [`Run::finish`](super::Run::finish).
    Done,
}
