//! Requests, with every value encoded for the place it stands in, and with two faces: the one that is sent, and the one
//! that is shown, which holds the names of secrets instead of the secrets.

use super::page::Pages;
use super::{Input, Observable};
use crate::plan::{
    AuthPlan, BASE_URL, CursorTarget, LookupPlan, PagingPlan, Part, Plan, ProbePlan, QueryPlan, SettingValue, Settings,
    Template,
};
use crate::profile::WindowPoint;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// All but RFC 3986's unreserved characters is encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text that may hold secrets, and the same with their names instead.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shown {
    real: Zeroizing<String>,
    shown: String,
}

impl Shown {
    fn plain(text: &str) -> Self {
        Self { real: Zeroizing::new(text.to_owned()), shown: text.to_owned() }
    }

    fn push(&mut self, text: &str) {
        self.real.push_str(text);
        self.shown.push_str(text);
    }

    fn push_both(&mut self, other: &Shown) {
        self.real.push_str(&other.real);
        self.shown.push_str(&other.shown);
    }

    /// What is sent. For the socket and for nothing else.
    pub fn expose(&self) -> &str {
        &self.real
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`.
    pub method: &'static str,
    /// The whole URL.
    pub url: Shown,
    /// Headers, names as the profile writes them.
    pub headers: Vec<(String, Shown)>,
    /// How long it may take.
    pub timeout: SignedDuration,
    /// The most bytes of the body that are read.
    pub max_body: u64,
}

impl Request {
    /// No longer than until the deadline.
    pub(super) fn within(mut self, deadline: Timestamp, now: Timestamp) -> Self {
        self.timeout = self.timeout.min(deadline.duration_since(now));
        self
    }

    /// Path and query, after the base URL, as they are shown.
    pub fn shown_target(&self, base: &str) -> String {
        self.url.shown.strip_prefix(base).unwrap_or(&self.url.shown).to_owned()
    }
}

/// Where the next page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// At the lookup's own path.
    Built,
    /// At a URL the provider gave, of its own origin.
    Url(Url),
}

/// Makes the requests of one run.
#[derive(Debug)]
pub(super) struct Asker {
    base: Url,
    base_text: String,
    observable: Observable,
    settings: Settings,
    window: Option<(Timestamp, Timestamp)>,
    headers: Vec<(String, Shown)>,
    auth_headers: Vec<(String, Shown)>,
    auth_query: Vec<(String, Shown)>,
    timeout: SignedDuration,
    max_body: u64,
}

impl Asker {
    pub(super) fn new(plan: &Plan, input: &Input, now: Timestamp, window_start: Option<Timestamp>) -> Self {
        let given = input.settings.value(BASE_URL).map(SettingValue::as_text);
        // A base URL that does not parse was refused when the settings were read.
        let base = given.and_then(|text| Url::parse(&text).ok()).unwrap_or_else(|| plan.http.base_url.clone());
        let mut asker = Self {
            base_text: base.as_str().trim_end_matches('/').to_owned(),
            base,
            observable: input.observable.clone(),
            settings: input.settings.clone(),
            window: window_start.map(|start| (start, now)),
            headers: vec![],
            auth_headers: vec![],
            auth_query: vec![],
            timeout: plan.http.timeout,
            max_body: plan.http.max_body,
        };
        asker.headers = asker.header_texts(&plan.http.headers, None);
        for auth in &plan.http.auth {
            asker.authenticate(auth);
        }
        asker
    }

    fn authenticate(&mut self, auth: &AuthPlan) {
        match auth {
            AuthPlan::Basic { username, password } => {
                let (username, password) = (self.text(username, None, as_is), self.text(password, None, as_is));
                let pair = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
                let value = Shown {
                    real: Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))),
                    shown: format!("Basic {username}:{password}"),
                };
                self.auth_headers.push(("Authorization".into(), value));
            }
            AuthPlan::Header { name, value } => {
                let value = self.text(value, None, as_is);
                self.auth_headers.push((name.clone(), value));
            }
            AuthPlan::Query { parameter, value } => {
                let value = self.text(value, None, encoded);
                self.auth_query.push((parameter.clone(), value));
            }
        }
    }

    /// The request for the page that is due.
    pub(super) fn lookup(&self, lookup: &LookupPlan, each: Option<&str>, target: &Target, pages: &Pages) -> Request {
        let mut headers = self.headers.clone();
        headers.extend(self.header_texts(&lookup.headers, each));
        let mut query = vec![];
        let url = match target {
            Target::Url(url) => Shown::plain(url.as_str()),
            Target::Built => {
                query = lookup.query.iter().map(|(name, value)| (name.clone(), self.query_text(value, each))).collect();
                self.path(&lookup.path, each)
            }
        };
        if let Some((name, value)) = page_parameter(lookup, target, pages) {
            query.push((name, Shown::plain(&encoded(&value))));
        }
        if let PagingPlan::Cursor { to: CursorTarget::Header(name), .. } = &lookup.paging
            && let Some(cursor) = &pages.cursor
        {
            headers.push((name.clone(), Shown::plain(cursor)));
        }
        query.extend(limit_parameter(lookup, target));
        self.request(lookup.method.as_str(), url, query, headers)
    }

    /// The request that tells what is left.
    pub(super) fn probe(&self, probe: &ProbePlan) -> Request {
        self.request("GET", self.path(&probe.path, None), vec![], self.headers.clone())
    }

    fn request(
        &self,
        method: &'static str,
        mut url: Shown,
        mut query: Vec<(String, Shown)>,
        mut headers: Vec<(String, Shown)>,
    ) -> Request {
        headers.extend(self.auth_headers.iter().cloned());
        query.extend(self.auth_query.iter().cloned());
        for (name, value) in &query {
            url.push(if url.expose().contains('?') { "&" } else { "?" });
            url.push(&encoded(name));
            url.push("=");
            url.push_both(value);
        }
        Request { method, url, headers, timeout: self.timeout, max_body: self.max_body }
    }

    fn path(&self, path: &Template, each: Option<&str>) -> Shown {
        let mut url = Shown::plain(&self.base_text);
        url.push_both(&self.text(path, each, encoded));
        url
    }

    fn query_text(&self, value: &QueryPlan, each: Option<&str>) -> Shown {
        match value {
            QueryPlan::Text(template) => {
                let text = self.text(template, each, as_is);
                Shown { real: Zeroizing::new(encoded(&text.real)), shown: encoded(&text.shown) }
            }
            QueryPlan::Time(point, format) => {
                let (start, end) = self.window.expect("a query that names the window has one");
                let time = match point {
                    WindowPoint::Start => start,
                    WindowPoint::End => end,
                };
                Shown::plain(&encoded(&format.write(time)))
            }
        }
    }

    fn header_texts(&self, headers: &[(String, Template)], each: Option<&str>) -> Vec<(String, Shown)> {
        headers.iter().map(|(name, value)| (name.clone(), self.text(value, each, as_is))).collect()
    }

    fn text(&self, template: &Template, each: Option<&str>, encode: fn(&str) -> String) -> Shown {
        let mut text = Shown::default();
        for part in template.parts() {
            match part {
                Part::Literal(literal) => text.push(literal),
                Part::ObservableValue => text.push(&encode(self.observable.value())),
                Part::ObservableType => text.push(&encode(self.observable.kind().stix_type())),
                Part::Each => text.push(&encode(each.unwrap_or_default())),
                Part::Setting(name) => self.push_setting(&mut text, name, encode),
            }
        }
        text
    }

    fn push_setting(&self, text: &mut Shown, name: &str, encode: fn(&str) -> String) {
        match self.settings.value(name) {
            Some(SettingValue::Secret(secret)) => {
                text.real.push_str(&Zeroizing::new(encode(secret.expose())));
                text.shown.push_str(&format!("{{{name}}}"));
            }
            Some(value) => text.push(&encode(&value.as_text())),
            None => {}
        }
    }

    /// A URL the provider gave, if it is one of its own origin: credentials go nowhere else.
    pub(super) fn own_url(&self, text: &str) -> Result<Url, String> {
        let url = self.base.join(text).map_err(|_| "its next URL is none".to_owned())?;
        if url.origin() != self.base.origin() {
            return Err(format!("its next URL is at another origin, {}", url.origin().ascii_serialization()));
        }
        Ok(url)
    }

    /// Takes secrets out of a text that came from outside.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = text.to_owned();
        for (name, secret) in self.settings.secrets() {
            for spelling in [secret.to_owned(), encoded(secret)] {
                scrubbed = scrubbed.replace(&spelling, &format!("{{{name}}}"));
            }
        }
        for (_, value) in &self.auth_headers {
            if let Some(credentials) = value.expose().strip_prefix("Basic ") {
                scrubbed = scrubbed.replace(credentials, "{credentials}");
            }
        }
        scrubbed
    }
}

/// The parameter that says which page, where the kind of paging has one.
fn page_parameter(lookup: &LookupPlan, target: &Target, pages: &Pages) -> Option<(String, String)> {
    if *target != Target::Built {
        return None;
    }
    match &lookup.paging {
        PagingPlan::Page { parameter, first, .. } => {
            Some((parameter.clone(), (first + u64::from(pages.count)).to_string()))
        }
        PagingPlan::Offset { parameter, .. } => Some((parameter.clone(), pages.rows.to_string())),
        PagingPlan::Cursor { to: CursorTarget::Parameter(parameter), .. } => {
            pages.cursor.as_ref().map(|cursor| (parameter.clone(), cursor.clone()))
        }
        PagingPlan::Cursor { .. } | PagingPlan::None { .. } | PagingPlan::NextUrl { .. } => None,
    }
}

fn limit_parameter(lookup: &LookupPlan, target: &Target) -> Option<(String, Shown)> {
    match (&lookup.paging, target) {
        (PagingPlan::Offset { limit: Some((parameter, value)), .. }, Target::Built) => {
            Some((parameter.clone(), Shown::plain(&value.to_string())))
        }
        _ => None,
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn as_is(text: &str) -> String {
    text.to_owned()
}
