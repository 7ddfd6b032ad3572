//! Compiled connection parameters: base URL, authentication, headers, limits. Configurations that would leak
//! credentials are rejected here.

use super::auth::{AuthPlan, auths};
use super::compiler::{Compiler, TemplateContext, ValueOrSetting};
use super::headers::headers;
use super::template::Template;
use crate::diagnostic::Code;
use crate::profile::{Http, SettingType, TemplateText};
use jiff::SignedDuration;
use url::Url;

/// Base URL, authentication, headers and limits of requests.
#[derive(Debug)]
pub struct HttpPlan {
    /// Scheme, host and common path of all requests.
    pub base_url: BaseUrl,
    /// Authentication methods, in the order of the profile.
    pub auth: Vec<AuthPlan>,
    /// Headers of every request, ordered by name.
    pub headers: Vec<(String, Template)>,
    /// Timeout of one request, up to the last byte.
    pub timeout: SignedDuration,
    /// Maximum size of a response, in bytes.
    pub max_body: u64,
    /// Retries after temporary failures of a request.
    pub retry: RetryPlan,
}

/// Scheme, host and common path of all requests.
#[derive(Debug)]
pub enum BaseUrl {
    /// The URL in the profile, of the provider.
    Literal(Url),
    /// The name of the setting with the operator's server.
    Setting(String),
}

/// Maximum number of attempts and the waits between them.
#[derive(Debug)]
pub struct RetryPlan {
    /// Maximum attempts per request, including the first.
    pub attempts: u32,
    /// Wait before the second attempt of a request.
    pub first: SignedDuration,
    /// Maximum wait before any attempt.
    pub longest: SignedDuration,
}

pub(super) fn http(compiler: &mut Compiler, http: &Http) -> Option<HttpPlan> {
    let base_url = base_url(compiler, &http.base_url);
    let auth = auths(compiler, http);
    let headers = headers(compiler, &http.headers, "/http/headers", TemplateContext::SETTING);
    let timeout = compiler.duration(&http.timeout, "/http/timeout");
    let first = compiler.duration(&http.retry.first, "/http/retry/first");
    let longest = compiler.duration(&http.retry.longest, "/http/retry/longest");
    Some(HttpPlan {
        base_url: base_url?,
        auth: auth?,
        headers: headers?,
        timeout: timeout?,
        max_body: u64::from(http.max_body_mib) << 20,
        retry: RetryPlan { attempts: http.retry.attempts, first: first?, longest: longest? },
    })
}

fn base_url(compiler: &mut Compiler, text: &str) -> Option<BaseUrl> {
    if text.starts_with("{settings.") {
        return operator_server(compiler, text);
    }
    literal_base_url(compiler, text).map(BaseUrl::Literal)
}

/// Returns the setting if the whole URL is one: it belongs to the operator and never depends on the observable.
fn operator_server(compiler: &mut Compiler, text: &str) -> Option<BaseUrl> {
    let at = "/http/base_url";
    let read = compiler.value_or_setting(&TemplateText(text.to_owned()), at, SettingType::Url, |_| None::<Url>)?;
    match read {
        ValueOrSetting::Setting(name) => Some(BaseUrl::Setting(name)),
        ValueOrSetting::Value(_) => None,
    }
}

fn literal_base_url(compiler: &mut Compiler, text: &str) -> Option<Url> {
    let at = "/http/base_url";
    if text.contains(['{', '}']) {
        let label = "a placeholder here could send credentials to another server";
        compiler.error(Code::BaseUrl, at, "the base URL must be literal", label);
        return None;
    }
    let url = Url::parse(text).ok().filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none());
    let Some(url) = url else {
        compiler.error(Code::BaseUrl, at, "invalid base URL", "expected scheme, host and path");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        compiler.error(Code::BaseUrl, at, "the base URL must not contain credentials", "put them in `http.auth`");
        return None;
    }
    if url.scheme() != "https" {
        let found =
            compiler.error(Code::BaseUrl, at, "the base URL must use https", "credentials would be sent unencrypted");
        found.notes.push("for a test server, set `api_base_url`".into());
        return None;
    }
    Some(url)
}
