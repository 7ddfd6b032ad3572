//! An HTTP request as it is sent and as it is shown.

use super::redacted::Redacted;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// An HTTP request (RFC 9110), with all secrets in [`Redacted`] texts.
#[derive(Debug, Clone)]
pub struct Request {
    /// HTTP method: `GET` or `POST`.
    pub method: &'static str,
    /// Absolute URL with its query.
    pub url: Redacted,
    /// Header fields, with names as the profile writes them.
    pub headers: Vec<(String, Redacted)>,
    /// Body of a `POST` request.
    pub body: Option<Redacted>,
    /// Signatures in the request, each displayed as its name; recorded cases, whose secrets are invented, may reveal
    /// them.
    pub signatures: Vec<Redacted>,
    /// Maximum time for the request and its response.
    pub timeout: SignedDuration,
    /// Maximum size of the response body, in octets.
    pub max_body: u64,
}

impl Request {
    /// Limits the timeout to the deadline.
    pub(super) fn limited_to(mut self, deadline: Timestamp, now: Timestamp) -> Self {
        self.timeout = self.timeout.min(deadline.duration_since(now));
        self
    }

    /// Returns path and query relative to the base URL, redacted.
    pub fn redacted_target(&self, base: &str) -> String {
        let redacted = self.url.to_string();
        redacted.strip_prefix(base).map(str::to_owned).unwrap_or(redacted)
    }

    /// Returns the request if it can be sent exactly as shown. HTTP clients normalize URLs, so external values must
    /// give a normalized URL: `..` would remove a segment, and userinfo would be sent.
    pub(super) fn validated(self) -> Result<Request, String> {
        let url = Url::parse(self.url.expose()).ok().filter(|url| url.as_str() == self.url.expose());
        let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !url.is_some_and(|url| is_plain(&url)) {
            return Err(format!("request not sent: the URL is not normalized: {}", self.url));
        }
        match self.headers.iter().find(|(_, value)| !is_header_value(value.expose())) {
            Some((name, _)) => Err(format!("request not sent: invalid value of header `{name}`")),
            None => Ok(self),
        }
    }
}

/// Whether a text is unchanged as a field value (RFC 9110 §5.5).
fn is_header_value(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
