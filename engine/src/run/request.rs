//! Requests, with every value encoded for the place it stands in, and with two faces: the one that is sent, and the one
//! that is shown, which holds the names of secrets instead of the secrets.

use super::body::Body;
use super::paging::Pages;
use super::parts::Part as WindowPart;
use super::secret::{Piece, Secrets};
use super::signature::digest;
use super::{Input, Observable};
use crate::dns::{expanded, parse_address, reverse_name};
use crate::plan::{
    AuthPlan, BasicPlan, CursorTarget, Local, LookupPlan, PagingPlan, Parameter, Part, Plan, ProbePlan, QueryPlan,
    SettingValue, Settings, SignaturePlan, TOKEN_URL, Template, TokenBody, TokenCarrier, TokenPlace, TokenPlan,
    ValueOrSetting, WindowText,
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
pub struct Redacted {
    real: Zeroizing<String>,
    shown: Vec<Piece>,
}

impl Redacted {
    /// What is sent, and what is shown for it.
    pub(super) fn both(real: &str, shown: &str) -> Self {
        Self { real: Zeroizing::new(real.to_owned()), shown: vec![Piece::Text(shown.to_owned())] }
    }

    fn plain(text: &str) -> Self {
        Self::both(text, text)
    }

    pub(super) fn push(&mut self, text: &str) {
        self.real.push_str(text);
        match self.shown.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.shown.push(Piece::Text(text.to_owned())),
        }
    }

    /// A secret that is shown by its name.
    fn hidden(secret: &str, name: &str) -> Self {
        Self { real: Zeroizing::new(secret.to_owned()), shown: vec![Piece::Name(name.to_owned())] }
    }

    /// Both faces, encoded. The names of secrets stay as they are.
    pub(super) fn encoded(&self, encode: fn(&str) -> String) -> Self {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Piece::Text(encode(text)),
            Piece::Name(name) => Piece::Name(name.clone()),
        };
        Self { real: Zeroizing::new(encode(&self.real)), shown: self.shown.iter().map(piece).collect() }
    }

    pub(super) fn push_both(&mut self, other: &Redacted) {
        self.real.push_str(&other.real);
        self.shown.extend(other.shown.iter().cloned());
    }

    /// What is sent. For the socket and for nothing else.
    pub fn expose(&self) -> &str {
        &self.real
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.iter().try_for_each(|piece| piece.fmt(f))
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// A request to send.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The whole URL.
    pub url: Redacted,
    /// Headers, names as the profile writes them.
    pub headers: Vec<(String, Redacted)>,
    /// The body of a `POST`.
    pub body: Option<Redacted>,
    /// The digests in it, each shown by its name: recorded cases, whose secrets are made up, tell them.
    pub signatures: Vec<Redacted>,
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
        let shown = self.url.to_string();
        shown.strip_prefix(base).map(str::to_owned).unwrap_or(shown)
    }

    /// The request, if it can be sent as it is shown; or why not. URLs are normalised by whoever sends them, so what a value
    /// from outside makes of one must be normal already: `..` would take a segment away, and a user's name would be sent.
    pub(super) fn checked(self) -> Result<Request, String> {
        let url = Url::parse(self.url.expose()).ok().filter(|url| url.as_str() == self.url.expose());
        let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if !url.is_some_and(|url| is_plain(&url)) {
            return Err(format!("the request was not sent: its URL would not stay as it is, {}", self.url));
        }
        match self.headers.iter().find(|(_, value)| !is_header_value(value.expose())) {
            Some((name, _)) => Err(format!("the request was not sent: the header `{name}` cannot hold its value")),
            None => Ok(self),
        }
    }
}

/// Whether a text stays as it is in a header (RFC 9110 §5.5).
fn is_header_value(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Where the next page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// At the lookup's own path.
    Built,
    /// At a URL the provider gave, of its own origin.
    Url(Url),
    /// At a URL the provider gave for what a job's order leads to: without the order's method and body.
    JobUrl(Url),
    /// How far a job is, by its name.
    Poll(String),
    /// How far a job is, at the URL that it is named by.
    PollUrl(Url),
    /// The result of a job, by its name.
    Result(String),
}

/// What a text may name besides settings and the observable.
#[derive(Default, Clone, Copy)]
pub(super) struct Known<'k> {
    each: Option<&'k str>,
    locals: &'k [(Local, Redacted)],
    /// The part of the window that is asked for, where it is not the whole.
    part: Option<WindowPart>,
}

/// Makes the requests of one run.
#[derive(Debug)]
pub(super) struct RequestBuilder {
    base: Url,
    base_text: String,
    /// What stands before the path of every request.
    prefix: Redacted,
    observable: Observable,
    settings: Settings,
    window: Option<(Timestamp, Timestamp)>,
    headers: Vec<(String, Redacted)>,
    auth_headers: Vec<(String, Redacted)>,
    auth_query: Vec<(String, Redacted)>,
    token: Option<Zeroizing<String>>,
    /// What the request for a token says of who asks, where it says so.
    token_basic: Option<Redacted>,
    /// Everything that nobody else may learn: secrets, tokens, and what they make.
    secrets: Secrets,
    timeout: SignedDuration,
    max_body: u64,
}

impl RequestBuilder {
    pub(super) fn new(plan: &Plan, input: &Input, now: Timestamp, window_start: Option<Timestamp>) -> Self {
        let base = plan.base_url(&input.settings);
        let mut asker = Self {
            base_text: base.as_str().trim_end_matches('/').to_owned(),
            prefix: Redacted::default(),
            base,
            observable: input.observable.clone(),
            settings: input.settings.clone(),
            window: window_start.map(|start| (start, now)),
            headers: vec![],
            auth_headers: vec![],
            auth_query: vec![],
            token: None,
            token_basic: None,
            secrets: Secrets::default(),
            timeout: plan.http.timeout,
            max_body: plan.http.max_body,
        };
        asker.headers = asker.header_texts(&plan.http.headers, Known::default());
        for auth in &plan.http.auth {
            asker.authenticate(auth);
        }
        let basic = plan.token().and_then(|token| token.basic.as_ref());
        asker.token_basic = basic.map(|basic| asker.basic(basic));
        let pairs: Vec<Zeroizing<String>> = asker.basics().map(|pair| Zeroizing::new(pair.to_owned())).collect();
        pairs.iter().for_each(|pair| asker.secrets.add("credentials", pair));
        asker.secrets.add_all(&input.settings);
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
            AuthPlan::Basic(pair) => self.auth_headers.push(("Authorization".into(), self.basic(pair))),
            AuthPlan::Header { name, value } => {
                let value = self.text(value, Known::default(), as_is);
                self.auth_headers.push((name.clone(), value));
            }
            AuthPlan::Query { parameter, value } => {
                let value = self.text(value, Known::default(), encoded);
                self.auth_query.push((parameter.clone(), value));
            }
            // Made for each request.
            AuthPlan::Path { prefix } => {
                let prefix = self.text(prefix, Known::default(), encoded);
                self.prefix.push_both(&prefix);
            }
            AuthPlan::Body { .. } | AuthPlan::Token(_) | AuthPlan::Signature(_) => {}
        }
    }

    /// The token that requests carry from now on.
    pub(super) fn carry(&mut self, token: &str) {
        if self.token.as_ref().is_none_or(|known| **known != token) {
            self.secrets.add("token", token);
            self.token = Some(Zeroizing::new(token.to_owned()));
        }
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
        let known = Known { each, locals: &[], part: self.part(lookup, pages) };
        let mut headers = self.headers.clone();
        headers.extend(self.header_texts(&lookup.headers, known));
        let mut query = vec![];
        let mut method = lookup.method.as_str();
        let mut body = Body::of_lookup(self, lookup, known);
        let url = match target {
            Target::Url(url) => self.outside(url.as_str()),
            Target::Built => {
                query = self.parameters(&lookup.query, known);
                self.path(&lookup.path, known)
            }
            Target::Poll(_) | Target::PollUrl(_) | Target::Result(_) | Target::JobUrl(_) => {
                (method, body) = ("GET", None);
                self.job_url(lookup, target)
            }
        };
        for (parameter, value) in self.page_parameters(lookup, target, pages) {
            match parameter {
                Parameter::Query(name) => query.push((name, self.outside(&value.as_text()).encoded(encoded))),
                Parameter::Body(path) => {
                    let text = self.outside(&value.as_text());
                    body.iter_mut().for_each(|body| body.set(&path, &value, &text));
                }
            }
        }
        for auth in &plan.http.auth {
            if let (AuthPlan::Body { path, value }, Some(body)) = (auth, &mut body) {
                body.set_text(path, &self.text(value, known, as_is));
            }
        }
        if let PagingPlan::Cursor { to: CursorTarget::Header(name), .. } = &lookup.paging
            && let Some(cursor) = &pages.cursor
        {
            headers.push((name.clone(), self.outside(cursor)));
        }
        headers.extend(body.as_ref().map(|body| ("Content-Type".to_owned(), Redacted::plain(body.kind()))));
        self.request(plan, method, url, query, headers, body.map(Body::text), now)
    }

    /// The parameters that say which page, where the kind of paging has them and no URL of the provider's has.
    fn page_parameters(&self, lookup: &LookupPlan, target: &Target, pages: &Pages) -> Vec<(Parameter, PageValue)> {
        if matches!(target, Target::Url(_) | Target::JobUrl(_)) || lookup.job.is_some() && *target == Target::Built {
            return vec![];
        }
        match &lookup.paging {
            PagingPlan::Page { parameter, first, .. } => {
                vec![(parameter.clone(), PageValue::Number(first.saturating_add(u64::from(pages.count))))]
            }
            PagingPlan::Offset { parameter, not_first, limit, .. } => {
                let start = (parameter.clone(), PageValue::Number(pages.rows));
                let size =
                    limit.as_ref().map(|(parameter, size)| (parameter.clone(), PageValue::Number(self.number(size))));
                let is_named = !not_first || pages.count > 0;
                is_named.then_some(start).into_iter().chain(size).collect()
            }
            PagingPlan::Cursor { to: CursorTarget::Parameter(parameter), .. } => {
                let cursor = pages.cursor.as_ref().map(|cursor| (parameter.clone(), PageValue::Cursor(cursor.clone())));
                cursor.into_iter().collect()
            }
            PagingPlan::Cursor { .. }
            | PagingPlan::None { .. }
            | PagingPlan::NextUrl { .. }
            | PagingPlan::Window { .. } => vec![],
        }
    }

    fn job_url(&self, lookup: &LookupPlan, target: &Target) -> Redacted {
        let plan = lookup.job.as_ref().expect("only lookups with a job ask about one");
        let (path, job) = match target {
            Target::Result(job) => (plan.result.as_ref(), job),
            Target::Poll(job) => (plan.poll.as_ref(), job),
            Target::PollUrl(url) | Target::JobUrl(url) | Target::Url(url) => return self.outside(url.as_str()),
            Target::Built => unreachable!("an order has the lookup's own path"),
        };
        let path = path.expect("a target that is made has its path");
        self.path(path, Known { locals: &[(Local::Job, self.outside(job))], ..Known::default() })
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
                Some(url) => Redacted::plain(url.as_str()),
                None => with_path(self.text(url, known, encoded)),
            },
        };
        let mut headers = match &token.from {
            TokenPlace::Path(_) => self.headers.clone(),
            TokenPlace::Url(_) => vec![("Accept".to_owned(), Redacted::plain("application/json"))],
        };
        headers.extend(self.header_texts(&token.headers, known));
        headers.extend(token.basic.as_ref().map(|basic| ("Authorization".to_owned(), self.basic(basic))));
        let body = match &token.body {
            TokenBody::None => None,
            TokenBody::Json(body) => Some(Body::json(self, body, known)),
            TokenBody::Form(fields) => Some(Body::form(self, fields, known)),
        };
        headers.extend(body.as_ref().map(|body| ("Content-Type".to_owned(), Redacted::plain(body.kind()))));
        let (timeout, max_body) = (self.timeout, self.max_body);
        let body = body.map(Body::text);
        Request { method: token.method.as_str(), url, headers, body, signatures: vec![], timeout, max_body }
    }

    /// The value of `Authorization` for a name and a password (RFC 7617).
    fn basic(&self, pair: &BasicPlan) -> Redacted {
        let text = |template| self.text(template, Known::default(), as_is);
        let (username, password) = (text(&pair.username), text(&pair.password));
        let pair = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
        let mut shown = Redacted::plain("Basic ");
        shown.push_both(&username);
        shown.push(":");
        shown.push_both(&password);
        Redacted { real: Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))), ..shown }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a request, each of its own type")]
    fn request(
        &self,
        plan: &Plan,
        method: &'static str,
        mut url: Redacted,
        mut query: Vec<(String, Redacted)>,
        mut headers: Vec<(String, Redacted)>,
        body: Option<Redacted>,
        now: Timestamp,
    ) -> Request {
        headers.extend(self.auth_headers.iter().cloned());
        query.extend(self.auth_query.iter().cloned());
        let mut signatures = vec![];
        for auth in &plan.http.auth {
            match auth {
                AuthPlan::Token(token) => self.show_token(token, &mut query, &mut headers),
                AuthPlan::Signature(signature) => {
                    let signed = Signed { method, url: &url, body: body.as_ref(), now };
                    signatures.push(self.sign(signature, signed, &mut query, &mut headers));
                }
                AuthPlan::Basic(_)
                | AuthPlan::Path { .. }
                | AuthPlan::Header { .. }
                | AuthPlan::Query { .. }
                | AuthPlan::Body { .. } => {}
            }
        }
        if !query.is_empty() {
            url.push(if url.expose().contains('?') { "&" } else { "?" });
        }
        let url = with_query(url, &query);
        Request { method, url, headers, body, signatures, timeout: self.timeout, max_body: self.max_body }
    }

    fn show_token(&self, plan: &TokenPlan, query: &mut Vec<(String, Redacted)>, headers: &mut Vec<(String, Redacted)>) {
        let Some(token) = &self.token else { return };
        let locals = [(Local::Token, Redacted::hidden(token, "token"))];
        let known = Known { locals: &locals, ..Known::default() };
        match &plan.carrier {
            TokenCarrier::Header(name) => headers.push((name.clone(), self.text(&plan.value, known, as_is))),
            TokenCarrier::Query(name) => query.push((name.clone(), self.text(&plan.value, known, encoded))),
        }
    }

    /// Adds what a signature adds, and returns it.
    fn sign(
        &self,
        plan: &SignaturePlan,
        signed: Signed,
        query: &mut Vec<(String, Redacted)>,
        headers: &mut Vec<(String, Redacted)>,
    ) -> Redacted {
        let path = Url::parse(signed.url.expose()).map(|url| url.path().to_owned()).unwrap_or_default();
        let written = plan.timestamp.as_ref().map(|format| format.write(signed.now)).unwrap_or_default();
        let timestamp = (Local::Timestamp, Redacted::plain(&written));
        let asked = with_query(Redacted::default(), query);
        let locals = [
            timestamp.clone(),
            (Local::Path, Redacted::plain(&path)),
            (Local::Method, Redacted::plain(signed.method)),
            (Local::Query, asked),
            (Local::Body, signed.body.cloned().unwrap_or_default()),
        ];
        let text = self.text(&plan.text, Known { locals: &locals, ..Known::default() }, as_is);
        let key = plan.key.as_ref().map(|key| self.text(key, Known::default(), as_is)).unwrap_or_default();
        let signature = digest(plan.algorithm, plan.encoding, key.expose(), text.expose());
        let signature = Redacted::hidden(&signature, "signature");
        let locals = [timestamp, (Local::Signature, signature.clone())];
        let known = Known { locals: &locals, ..Known::default() };
        query.extend(plan.query.iter().map(|(name, value)| (name.clone(), self.text(value, known, encoded))));
        headers.extend(self.header_texts(&plan.headers, known));
        signature
    }

    fn path(&self, path: &Template, known: Known) -> Redacted {
        let mut url = Redacted::plain(&self.base_text);
        url.push_both(&self.prefix);
        url.push_both(&self.text(path, known, encoded));
        url
    }

    /// Parameters with their values, encoded; without the end of a part of the window that has none.
    pub(super) fn parameters(&self, values: &[(String, QueryPlan)], known: Known) -> Vec<(String, Redacted)> {
        let is_open = known.part.is_some_and(WindowPart::is_open);
        let sent = values.iter().filter(|(_, value)| !(is_open && value.is_end_of_window()));
        sent.map(|(name, value)| (name.clone(), self.query_text(value, known))).collect()
    }

    fn query_text(&self, value: &QueryPlan, known: Known) -> Redacted {
        let text = match value {
            QueryPlan::Text(template) => return self.text(template, known, as_is).encoded(encoded),
            QueryPlan::Time(point, format) => format.write(self.end_of_window(*point, known)),
            QueryPlan::Distance(point, distance) => {
                let (_, now) = self.window.expect("a query that names the window has one");
                distance.write(now.duration_since(self.end_of_window(*point, known)))
            }
        };
        Redacted::plain(&encoded(&text))
    }

    fn end_of_window(&self, point: WindowPoint, known: Known) -> Timestamp {
        let (start, end) = self.window.expect("a query that names the window has one");
        match (known.part, point) {
            (Some(part), point) => part.sent(point),
            (None, WindowPoint::Start) => start,
            (None, WindowPoint::End) => end,
        }
    }

    fn window_text(&self, end: &WindowText, known: Known) -> String {
        let (_, now) = self.window.expect("a text that names the window has one");
        end.write(self.end_of_window(end.point, known), now)
    }

    /// The part of the window that is due; before anything was asked for, the whole.
    fn part(&self, lookup: &LookupPlan, pages: &Pages) -> Option<WindowPart> {
        let PagingPlan::Window { open_end, .. } = lookup.paging else { return None };
        let (start, now) = self.window.expect("a lookup by parts of the window has one");
        Some(pages.part().unwrap_or(WindowPart::whole(start, now, open_end)))
    }

    fn header_texts(&self, headers: &[(String, Template)], known: Known) -> Vec<(String, Redacted)> {
        headers.iter().map(|(name, value)| (name.clone(), self.text(value, known, as_is))).collect()
    }

    pub(super) fn text(&self, template: &Template, known: Known, encode: fn(&str) -> String) -> Redacted {
        let mut text = Redacted::default();
        for part in template.parts() {
            match part {
                Part::Literal(literal) => text.push(literal),
                Part::ObservableValue => text.push(&encode(self.observable.value())),
                Part::ObservableType => text.push(&encode(self.observable.kind().stix_type())),
                Part::ObservableExpanded => text.push(&encode(&self.in_full())),
                Part::ObservableReverse => text.push(&encode(&self.as_reverse_name())),
                Part::Window(end) => text.push(&encode(&self.window_text(end, known))),
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

    /// The number or flag of a template that is nothing else.
    pub(super) fn alone(&self, template: &Template, known: Known) -> Option<Value> {
        match template.parts() {
            [Part::Setting(name)] => match self.settings.value(name)? {
                SettingValue::Integer(number) => Some(Value::from(*number)),
                SettingValue::Boolean(flag) => Some(Value::from(*flag)),
                _ => None,
            },
            [Part::Window(end)] if end.is_number() => self.window_text(end, known).parse::<i64>().ok().map(Value::from),
            _ => None,
        }
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

    fn push_setting(&self, text: &mut Redacted, name: &str, encode: fn(&str) -> String) {
        match self.settings.value(name) {
            Some(SettingValue::Secret(secret)) => {
                text.real.push_str(&Zeroizing::new(encode(secret.expose())));
                text.shown.push(Piece::Name(name.to_owned()));
            }
            Some(value) => text.push(&encode(&value.as_text())),
            None => {}
        }
    }

    /// A number of the profile's, or of the operator's, which was read by its setting's bounds.
    pub(super) fn number(&self, number: &ValueOrSetting<u64>) -> u64 {
        let name = match number {
            ValueOrSetting::Value(number) => return *number,
            ValueOrSetting::Setting(name) => name,
        };
        match self.settings.value(name) {
            Some(SettingValue::Integer(number)) => u64::try_from(*number).unwrap_or(1),
            _ => 1,
        }
    }

    /// A URL the provider gave in its answer to a request, if it is one of its own origin: credentials go nowhere else.
    pub(super) fn own_url(&self, text: &str, asked: &Redacted) -> Result<Url, String> {
        let url = Url::parse(asked.expose()).and_then(|asked| asked.join(text));
        let mut url = url.map_err(|_| "its next URL is none".to_owned())?;
        if url.origin() != self.base.origin() {
            return Err(format!("its next URL is at another origin, {}", url.origin().ascii_serialization()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("its next URL holds credentials".to_owned());
        }
        // It is for the reader of an answer, and never sent.
        url.set_fragment(None);
        Ok(url)
    }

    /// Everything that nobody else may learn.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Names with their passwords, as they are sent: in every request, or to get a token.
    fn basics(&self) -> impl Iterator<Item = &str> {
        let headers = self.auth_headers.iter().map(|(_, value)| value).chain(&self.token_basic);
        headers.filter_map(|value| value.expose().strip_prefix("Basic "))
    }

    /// A text of the provider's that becomes part of a request. It may repeat a secret: a next URL repeats the parameters.
    fn outside(&self, text: &str) -> Redacted {
        Redacted { real: Zeroizing::new(text.to_owned()), shown: self.secrets.pieces(text) }
    }

    /// Takes secrets out of a text that came from outside.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.secrets.redact(text)
    }
}

/// A URL of a host alone has the path `/`.
fn with_path(mut url: Redacted) -> Redacted {
    if url.expose().matches('/').count() == 2 {
        url.push("/");
    }
    url
}

/// What of a request can be signed.
struct Signed<'r> {
    method: &'static str,
    url: &'r Redacted,
    body: Option<&'r Redacted>,
    now: Timestamp,
}

/// A text with the parameters of a query behind it.
fn with_query(mut text: Redacted, query: &[(String, Redacted)]) -> Redacted {
    for (number, (name, value)) in query.iter().enumerate() {
        text.push(if number > 0 { "&" } else { "" });
        text.push(&encoded(name));
        text.push("=");
        text.push_both(value);
    }
    text
}

/// A value of paging.
pub(super) enum PageValue {
    Number(u64),
    Cursor(String),
}

impl PageValue {
    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Cursor(cursor) => cursor.clone(),
        }
    }
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn as_is(text: &str) -> String {
    text.to_owned()
}
