//! Origin, credentials, headers and limits, compiled. What would send credentials astray is refused here.

use super::compiler::{Compiler, Place};
use super::template::Template;
use crate::diagnostic::Code;
use crate::profile::{Auth, Http, TemplateText};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use url::Url;

/// Origin, credentials, limits.
#[derive(Debug)]
pub struct HttpPlan {
    /// Scheme, host and shared path.
    pub base_url: Url,
    /// Credentials, in the order given.
    pub auth: Vec<AuthPlan>,
    /// Headers of every request.
    pub headers: Vec<(String, Template)>,
    /// How long one request may take.
    pub timeout: SignedDuration,
    /// The most bytes of an answer that are read.
    pub max_body: u64,
    /// What is tried again.
    pub retry: RetryPlan,
}

/// How we say who we are.
#[derive(Debug)]
pub enum AuthPlan {
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        username: Template,
        /// The password.
        password: Template,
    },
    /// A header.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Template,
    },
    /// A query parameter.
    Query {
        /// Its name.
        parameter: String,
        /// Its value.
        value: Template,
    },
}

/// What is tried again, and for how long.
#[derive(Debug)]
pub struct RetryPlan {
    /// How often a request is sent at most.
    pub attempts: u32,
    /// The first wait.
    pub first: SignedDuration,
    /// The longest wait.
    pub longest: SignedDuration,
}

pub(super) fn http(compiler: &mut Compiler, http: &Http) -> Option<HttpPlan> {
    let base_url = base_url(compiler, &http.base_url);
    let auth: Vec<Option<Option<AuthPlan>>> =
        http.auth.iter().map(|(at, auth)| self::auth(compiler, auth, &format!("/http/auth{at}"))).collect();
    let headers = headers(compiler, &http.headers, "/http/headers", Place::Setting);
    let timeout = compiler.duration(&http.timeout, "/http/timeout");
    let first = compiler.duration(&http.retry.first, "/http/retry/first");
    let longest = compiler.duration(&http.retry.longest, "/http/retry/longest");
    Some(HttpPlan {
        base_url: base_url?,
        auth: auth.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect(),
        headers: headers?,
        timeout: timeout?,
        max_body: u64::from(http.max_body_mib) << 20,
        retry: RetryPlan { attempts: http.retry.attempts, first: first?, longest: longest? },
    })
}

fn base_url(compiler: &mut Compiler, text: &str) -> Option<Url> {
    let at = "/http/base_url";
    if text.contains(['{', '}']) {
        let label = "a value from outside could choose who gets the credentials";
        compiler.error(Code::BaseUrl, at, "the base URL is literal", label);
        return None;
    }
    let url = Url::parse(text).ok().filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none());
    let Some(url) = url else {
        compiler.error(Code::BaseUrl, at, "this is no base URL", "not scheme, host and path");
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        compiler.error(Code::BaseUrl, at, "credentials do not stand in the base URL", "say them in `http.auth`");
        return None;
    }
    if url.scheme() != "https" {
        let found =
            compiler.error(Code::BaseUrl, at, "the base URL is not https", "credentials would travel in the clear");
        found.notes.push("for a test server, give its URL to the setting `api_base_url`".into());
        return None;
    }
    Some(url)
}

fn auth(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<Option<AuthPlan>> {
    let mut template = |text: &TemplateText, key: &str| compiler.template(text, &format!("{at}/{key}"), Place::Auth);
    Some(match auth {
        Auth::None {} => None,
        Auth::Basic { username, password } => {
            let (username, password) = (template(username, "username"), template(password, "password"));
            Some(AuthPlan::Basic { username: username?, password: password? })
        }
        Auth::Header { name, value } => Some(AuthPlan::Header { name: name.clone(), value: template(value, "value")? }),
        Auth::Bearer { token } => {
            let token = template(token, "token")?;
            Some(AuthPlan::Header { name: "Authorization".into(), value: token.after("Bearer ") })
        }
        Auth::Query { parameter, value } => {
            Some(AuthPlan::Query { parameter: parameter.clone(), value: template(value, "value")? })
        }
    })
}

pub(super) fn headers(
    compiler: &mut Compiler,
    headers: &BTreeMap<String, TemplateText>,
    at: &str,
    place: Place,
) -> Option<Vec<(String, Template)>> {
    let compiled: Vec<_> = headers.iter().map(|(name, value)| header(compiler, name, value, at, place)).collect();
    compiled.into_iter().collect()
}

fn header(
    compiler: &mut Compiler,
    name: &str,
    value: &TemplateText,
    at: &str,
    place: Place,
) -> Option<(String, Template)> {
    let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    let name = compiler.header_name(name, compiler.key_span(&pointer))?;
    Some((name, compiler.template(value, &pointer, place)?))
}
