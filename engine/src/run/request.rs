//! Requests, with every value encoded for the place it stands in, and with two faces: the one that is sent, and the one
//! that is shown, which holds the names of secrets instead of the secrets.

use super::page::Pages;
use super::signature::digest;
use super::{Input, Observable};
use crate::dns::{expanded, parse_address, reverse_name};
use crate::plan::{
    AuthPlan, BodyPlan, CursorTarget, Local, LookupPlan, PagingPlan, Parameter, Part, Path, PathStep, Plan, ProbePlan,
    QueryPlan, SettingValue, Settings, SignaturePlan, TOKEN_URL, Template, TokenBody, TokenPlace, TokenPlan,
};
use crate::profile::WindowPoint;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
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

    /// A secret that is shown by its name.
    fn hidden(secret: &str, name: &str) -> Self {
        Self { real: Zeroizing::new(secret.to_owned()), shown: format!("{{{name}}}") }
    }

    /// Both faces, encoded.
    fn encoded(&self, encode: fn(&str) -> String) -> Self {
        Self { real: Zeroizing::new(encode(&self.real)), shown: self.shown_encoded(encode) }
    }

    /// The braces of a secret's name stay braces.
    fn shown_encoded(&self, encode: fn(&str) -> String) -> String {
        if *self.real == self.shown { encode(&self.shown) } else { self.shown.clone() }
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
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The whole URL.
    pub url: Shown,
    /// Headers, names as the profile writes them.
    pub headers: Vec<(String, Shown)>,
    /// The body of a `POST`.
    pub body: Option<Shown>,
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
    /// How far a job is, by its name.
    Poll(String),
    /// The result of a job, by its name.
    Result(String),
}

/// What a text may name besides settings and the observable.
#[derive(Default, Clone, Copy)]
struct Known<'k> {
    each: Option<&'k str>,
    locals: &'k [(Local, Shown)],
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
    token: Option<Zeroizing<String>>,
    timeout: SignedDuration,
    max_body: u64,
}

impl Asker {
    pub(super) fn new(plan: &Plan, input: &Input, now: Timestamp, window_start: Option<Timestamp>) -> Self {
        let base = plan.base_url(&input.settings);
        let mut asker = Self {
            base_text: base.as_str().trim_end_matches('/').to_owned(),
            base,
            observable: input.observable.clone(),
            settings: input.settings.clone(),
            window: window_start.map(|start| (start, now)),
            headers: vec![],
            auth_headers: vec![],
            auth_query: vec![],
            token: None,
            timeout: plan.http.timeout,
            max_body: plan.http.max_body,
        };
        asker.headers = asker.header_texts(&plan.http.headers, Known::default());
        for auth in &plan.http.auth {
            asker.authenticate(auth);
        }
        asker
    }

    fn authenticate(&mut self, auth: &AuthPlan) {
        // Credentials that the operator need not give, and did not give, are not sent.
        if let AuthPlan::Header { value, .. } | AuthPlan::Query { value, .. } = auth
            && value.settings().any(|name| self.settings.value(name).is_none())
        {
            return;
        }
        match auth {
            AuthPlan::Basic { username, password } => {
                let text = |template| self.text(template, Known::default(), as_is);
                let (username, password) = (text(username), text(password));
                let pair = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
                let value = Shown {
                    real: Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))),
                    shown: format!("Basic {username}:{password}"),
                };
                self.auth_headers.push(("Authorization".into(), value));
            }
            AuthPlan::Header { name, value } => {
                let value = self.text(value, Known::default(), as_is);
                self.auth_headers.push((name.clone(), value));
            }
            AuthPlan::Query { parameter, value } => {
                let value = self.text(value, Known::default(), encoded);
                self.auth_query.push((parameter.clone(), value));
            }
            // Made for each request.
            AuthPlan::Token(_) | AuthPlan::Signature(_) => {}
        }
    }

    /// The token that requests carry from now on.
    pub(super) fn carry(&mut self, token: &str) {
        self.token = Some(Zeroizing::new(token.to_owned()));
    }

    /// The request for the page that is due.
    pub(super) fn lookup(
        &self,
        plan: &Plan,
        lookup: &LookupPlan,
        each: Option<&str>,
        target: &Target,
        pages: &Pages,
        now: Timestamp,
    ) -> Request {
        let known = Known { each, locals: &[] };
        let mut headers = self.headers.clone();
        headers.extend(self.header_texts(&lookup.headers, known));
        let mut query = vec![];
        let mut method = lookup.method.as_str();
        let mut body = lookup.body.as_ref().map(|body| Body::of(self, body, known));
        let url = match target {
            Target::Url(url) => self.outside(url.as_str()),
            Target::Built => {
                query =
                    lookup.query.iter().map(|(name, value)| (name.clone(), self.query_text(value, known))).collect();
                self.path(&lookup.path, known)
            }
            Target::Poll(job) | Target::Result(job) => {
                (method, body) = ("GET", None);
                self.job_path(lookup, target, job)
            }
        };
        for (parameter, value) in page_parameters(lookup, target, pages) {
            match parameter {
                Parameter::Query(name) => query.push((name, self.outside(&encoded(&value.as_text())))),
                Parameter::Body(path) => {
                    let shown = match &value {
                        PageValue::Cursor(cursor) => PageValue::Cursor(self.scrub(cursor)),
                        PageValue::Number(number) => PageValue::Number(*number),
                    };
                    body.iter_mut().for_each(|body| body.set(&path, &value, &shown));
                }
            }
        }
        if let PagingPlan::Cursor { to: CursorTarget::Header(name), .. } = &lookup.paging
            && let Some(cursor) = &pages.cursor
        {
            headers.push((name.clone(), self.outside(cursor)));
        }
        let body = body.map(|body| body.text());
        if body.is_some() {
            headers.push(("Content-Type".into(), Shown::plain("application/json")));
        }
        self.request(plan, method, url, query, headers, body, now)
    }

    fn job_path(&self, lookup: &LookupPlan, target: &Target, job: &str) -> Shown {
        let plan = lookup.job.as_ref().expect("only lookups with a job ask about one");
        let path = match (target, &plan.result) {
            (Target::Result(_), Some(result)) => result,
            _ => &plan.poll,
        };
        self.path(path, Known { each: None, locals: &[(Local::Job, self.outside(job))] })
    }

    /// The request that tells what is left.
    pub(super) fn probe(&self, plan: &Plan, probe: &ProbePlan, now: Timestamp) -> Request {
        let path = self.path(&probe.path, Known::default());
        self.request(plan, "GET", path, vec![], self.headers.clone(), None, now)
    }

    /// The request that gets a token. It carries no other credentials than those it names.
    pub(super) fn token(&self, token: &TokenPlan) -> Request {
        let known = Known::default();
        let url = match &token.from {
            TokenPlace::Path(path) => self.path(path, known),
            TokenPlace::Url(url) => match self.settings.url(TOKEN_URL) {
                Some(url) => Shown::plain(url.as_str()),
                None => self.text(url, known, encoded),
            },
        };
        let (kind, body) = match &token.body {
            TokenBody::Json(body) => ("application/json", Body::of(self, body, known).text()),
            TokenBody::Form(fields) => ("application/x-www-form-urlencoded", self.form(fields)),
        };
        let mut headers = match &token.from {
            TokenPlace::Path(_) => self.headers.clone(),
            TokenPlace::Url(_) => vec![("Accept".to_owned(), Shown::plain("application/json"))],
        };
        headers.push(("Content-Type".into(), Shown::plain(kind)));
        let (timeout, max_body) = (self.timeout, self.max_body);
        Request { method: "POST", url, headers, body: Some(body), timeout, max_body }
    }

    fn form(&self, fields: &[(&'static str, Template)]) -> Shown {
        let mut form = Shown::default();
        for (name, value) in fields {
            form.push(if form.real.is_empty() { "" } else { "&" });
            form.push(name);
            form.push("=");
            form.push_both(&self.text(value, Known::default(), as_is).encoded(encoded));
        }
        form
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request, each of its own type")]
    fn request(
        &self,
        plan: &Plan,
        method: &'static str,
        mut url: Shown,
        mut query: Vec<(String, Shown)>,
        mut headers: Vec<(String, Shown)>,
        body: Option<Shown>,
        now: Timestamp,
    ) -> Request {
        headers.extend(self.auth_headers.iter().cloned());
        query.extend(self.auth_query.iter().cloned());
        for auth in &plan.http.auth {
            match auth {
                AuthPlan::Token(token) => headers.extend(self.token_header(token)),
                AuthPlan::Signature(signature) => self.sign(signature, &url, &mut query, &mut headers, now),
                AuthPlan::Basic { .. } | AuthPlan::Header { .. } | AuthPlan::Query { .. } => {}
            }
        }
        for (name, value) in &query {
            url.push(if url.expose().contains('?') { "&" } else { "?" });
            url.push(&encoded(name));
            url.push("=");
            url.push_both(value);
        }
        Request { method, url, headers, body, timeout: self.timeout, max_body: self.max_body }
    }

    fn token_header(&self, plan: &TokenPlan) -> Option<(String, Shown)> {
        let locals = [(Local::Token, Shown::hidden(self.token.as_ref()?, "token"))];
        Some((plan.header.clone(), self.text(&plan.value, Known { each: None, locals: &locals }, as_is)))
    }

    fn sign(
        &self,
        plan: &SignaturePlan,
        url: &Shown,
        query: &mut Vec<(String, Shown)>,
        headers: &mut Vec<(String, Shown)>,
        now: Timestamp,
    ) {
        let path = Url::parse(url.expose()).map(|url| url.path().to_owned()).unwrap_or_default();
        let written = plan.timestamp.as_ref().map(|format| format.write(now)).unwrap_or_default();
        let timestamp = (Local::Timestamp, Shown::plain(&written));
        let signed = [timestamp.clone(), (Local::Path, Shown::plain(&path))];
        let text = self.text(&plan.text, Known { each: None, locals: &signed }, as_is);
        let key = plan.key.as_ref().map(|key| self.text(key, Known::default(), as_is)).unwrap_or_default();
        let signature = digest(plan.algorithm, key.expose(), text.expose());
        let locals = [timestamp, (Local::Signature, Shown::hidden(&signature, "signature"))];
        let known = Known { each: None, locals: &locals };
        query.extend(plan.query.iter().map(|(name, value)| (name.clone(), self.text(value, known, encoded))));
        headers.extend(self.header_texts(&plan.headers, known));
    }

    fn path(&self, path: &Template, known: Known) -> Shown {
        let mut url = Shown::plain(&self.base_text);
        url.push_both(&self.text(path, known, encoded));
        url
    }

    fn query_text(&self, value: &QueryPlan, known: Known) -> Shown {
        let text = match value {
            QueryPlan::Text(template) => return self.text(template, known, as_is).encoded(encoded),
            QueryPlan::Time(point, format) => format.write(self.end_of_window(*point)),
            QueryPlan::Distance(point, distance) => {
                let (_, now) = self.window.expect("a query that names the window has one");
                distance.write(now.duration_since(self.end_of_window(*point)))
            }
        };
        Shown::plain(&encoded(&text))
    }

    fn end_of_window(&self, point: WindowPoint) -> Timestamp {
        let (start, end) = self.window.expect("a query that names the window has one");
        match point {
            WindowPoint::Start => start,
            WindowPoint::End => end,
        }
    }

    fn header_texts(&self, headers: &[(String, Template)], known: Known) -> Vec<(String, Shown)> {
        headers.iter().map(|(name, value)| (name.clone(), self.text(value, known, as_is))).collect()
    }

    fn text(&self, template: &Template, known: Known, encode: fn(&str) -> String) -> Shown {
        let mut text = Shown::default();
        for part in template.parts() {
            match part {
                Part::Literal(literal) => text.push(literal),
                Part::ObservableValue => text.push(&encode(self.observable.value())),
                Part::ObservableType => text.push(&encode(self.observable.kind().stix_type())),
                Part::ObservableExpanded => text.push(&encode(&self.in_full())),
                Part::ObservableReverse => text.push(&encode(&self.as_reverse_name())),
                Part::Each => text.push(&encode(known.each.unwrap_or_default())),
                Part::Setting(name) => self.push_setting(&mut text, name, encode),
                Part::Local(local) => {
                    let value = known.locals.iter().find(|(name, _)| name == local).map(|(_, value)| value);
                    value.iter().for_each(|value| text.push_both(&value.encoded(encode)));
                }
            }
        }
        text
    }

    fn in_full(&self) -> String {
        match parse_address(self.observable.value()) {
            Ok(IpAddr::V6(address)) => expanded(address),
            _ => self.observable.value().to_owned(),
        }
    }

    fn as_reverse_name(&self) -> String {
        let address = parse_address(self.observable.value()).ok();
        address.map_or_else(|| self.observable.value().to_owned(), |address| reverse_name(address).to_string())
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

    /// A URL the provider gave in its answer to a request, if it is one of its own origin: credentials go nowhere else.
    pub(super) fn own_url(&self, text: &str, asked: &Shown) -> Result<Url, String> {
        let url = Url::parse(asked.expose()).and_then(|asked| asked.join(text));
        let url = url.map_err(|_| "its next URL is none".to_owned())?;
        if url.origin() != self.base.origin() {
            return Err(format!("its next URL is at another origin, {}", url.origin().ascii_serialization()));
        }
        Ok(url)
    }

    /// Everything that nobody else may learn: secrets, the token, and what they make.
    pub(super) fn credentials(&self) -> impl Iterator<Item = String> {
        let secrets = self.settings.secrets().map(|(_, secret)| secret.to_owned());
        let token = self.token.iter().map(|token| token.to_string());
        let basic = self.auth_headers.iter().filter_map(|(_, value)| value.expose().strip_prefix("Basic "));
        // An answer that repeats the URL has them as they stand there.
        let in_url = |secret: String| {
            let encoded = Some(encoded(&secret)).filter(|encoded| *encoded != secret);
            std::iter::once(secret).chain(encoded)
        };
        secrets.chain(token).flat_map(in_url).chain(basic.map(str::to_owned))
    }

    /// A text of the provider's that becomes part of a request. It may repeat a secret: a next URL repeats the parameters.
    fn outside(&self, text: &str) -> Shown {
        Shown { real: Zeroizing::new(text.to_owned()), shown: self.scrub(text) }
    }

    /// Takes secrets out of a text that came from outside.
    pub(super) fn scrub(&self, text: &str) -> String {
        let mut scrubbed = text.to_owned();
        for (name, secret) in self.settings.secrets() {
            for spelling in [secret.to_owned(), encoded(secret)] {
                scrubbed = scrubbed.replace(&spelling, &format!("{{{name}}}"));
            }
        }
        if let Some(token) = &self.token {
            scrubbed = scrubbed.replace(token.as_str(), "{token}");
        }
        for (_, value) in &self.auth_headers {
            if let Some(credentials) = value.expose().strip_prefix("Basic ") {
                scrubbed = scrubbed.replace(credentials, "{credentials}");
            }
        }
        scrubbed
    }
}

/// The body of a request while it is made: what is sent, and what is shown.
struct Body {
    real: Value,
    shown: Value,
}

impl Body {
    fn of(asker: &Asker, plan: &BodyPlan, known: Known) -> Body {
        match plan {
            BodyPlan::Boolean(flag) => Self { real: Value::from(*flag), shown: Value::from(*flag) },
            BodyPlan::Integer(number) => Self { real: Value::from(*number), shown: Value::from(*number) },
            BodyPlan::Text(template) => {
                let text = asker.text(template, known, as_is);
                Self { real: Value::from(text.expose()), shown: Value::from(text.to_string()) }
            }
            BodyPlan::List(items) => {
                let items = items.iter().map(|item| Self::of(asker, item, known));
                let (real, shown): (Vec<Value>, Vec<Value>) = items.map(|body| (body.real, body.shown)).unzip();
                Self { real: Value::from(real), shown: Value::from(shown) }
            }
            BodyPlan::Object(keys) => {
                let mut body =
                    Self { real: Value::Object(Default::default()), shown: Value::Object(Default::default()) };
                for (key, value) in keys {
                    let value = Self::of(asker, value, known);
                    body.real[key.as_str()] = value.real;
                    body.shown[key.as_str()] = value.shown;
                }
                body
            }
        }
    }

    /// Puts a value of paging into it; objects on the way that are not there are made.
    fn set(&mut self, path: &Path, value: &PageValue, shown: &PageValue) {
        for (whole, value) in [(&mut self.real, value), (&mut self.shown, shown)] {
            let mut place = &mut *whole;
            for step in path.steps() {
                let PathStep::Name(name) = step else { return };
                if !place.is_object() {
                    *place = Value::Object(Default::default());
                }
                place = &mut place[name.as_str()];
            }
            *place = match value {
                PageValue::Number(number) => Value::from(*number),
                PageValue::Cursor(cursor) => Value::from(cursor.as_str()),
            };
        }
    }

    fn text(self) -> Shown {
        Shown { real: Zeroizing::new(self.real.to_string()), shown: self.shown.to_string() }
    }
}

/// A value of paging.
enum PageValue {
    Number(u64),
    Cursor(String),
}

impl PageValue {
    fn as_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Cursor(cursor) => cursor.clone(),
        }
    }
}

/// The parameters that say which page, where the kind of paging has them and no URL of the provider's has.
fn page_parameters(lookup: &LookupPlan, target: &Target, pages: &Pages) -> Vec<(Parameter, PageValue)> {
    if matches!(target, Target::Url(_)) || lookup.job.is_some() && *target == Target::Built {
        return vec![];
    }
    match &lookup.paging {
        PagingPlan::Page { parameter, first, .. } => {
            vec![(parameter.clone(), PageValue::Number(first + u64::from(pages.count)))]
        }
        PagingPlan::Offset { parameter, not_first, limit, .. } => {
            let start = (parameter.clone(), PageValue::Number(pages.rows));
            let size = limit.as_ref().map(|(parameter, size)| (parameter.clone(), PageValue::Number(*size)));
            let is_named = !not_first || pages.count > 0;
            is_named.then_some(start).into_iter().chain(size).collect()
        }
        PagingPlan::Cursor { to: CursorTarget::Parameter(parameter), .. } => {
            let cursor = pages.cursor.as_ref().map(|cursor| (parameter.clone(), PageValue::Cursor(cursor.clone())));
            cursor.into_iter().collect()
        }
        PagingPlan::Cursor { .. } | PagingPlan::None { .. } | PagingPlan::NextUrl { .. } => vec![],
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn as_is(text: &str) -> String {
    text.to_owned()
}
