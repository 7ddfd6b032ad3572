//! Where a request is sent.

use url::Url;

/// Where the next request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The lookup's own path.
    Built,
    /// A URL from a response, of the provider's origin.
    Url(Url),
    /// A URL from a response within a job, requested without the method and body of the lookup.
    JobUrl(Url),
    /// The state of a job, by its id.
    Poll(String),
    /// The state of a job, at the URL that is its id.
    PollUrl(Url),
    /// The result of a job, by its id.
    Result(String),
}

impl Target {
    /// Whether the request is about a job that was accepted before.
    pub(super) fn is_of_job(&self) -> bool {
        match self {
            Self::Built | Self::Url(_) => false,
            Self::JobUrl(_) | Self::Poll(_) | Self::PollUrl(_) | Self::Result(_) => true,
        }
    }
}
