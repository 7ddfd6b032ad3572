//! Builds requests. Each value is encoded for its position, and each text exists twice: as it is sent, and redacted,
//! with the names of secrets.

use super::Input;
use super::body::{Body, PageValue};
use super::pages::Pages;
use super::redacted::Redacted;
use super::request::Request;
use super::secret::Secrets;
use super::signature::digest;
use super::target::Target;
use super::template_values::{TemplateValues, Variables, encoded, verbatim};
use super::window_parts::WindowPart;
use crate::plan::{
    AuthPlan, BasicPlan, CursorTarget, Local, LookupPlan, PagingPlan, Parameter, Plan, ProbePlan, SignaturePlan,
    TOKEN_URL, Template, TokenBody, TokenCarrier, TokenEndpoint, TokenPlan,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use url::Url;
use zeroize::Zeroizing;

/// Builds the requests of one run.
#[derive(Debug)]
pub(super) struct RequestBuilder {
    base: Url,
    base_text: String,
    /// Prefix of every path.
    prefix: Redacted,
    pub(super) values: TemplateValues,
    headers: Vec<(String, Redacted)>,
    auth_headers: Vec<(String, Redacted)>,
    auth_query: Vec<(String, Redacted)>,
    token: Option<Zeroizing<String>>,
    /// Basic credentials of the token request, if it has any.
    token_basic: Option<Redacted>,
    /// All secrets, including tokens and derived credentials.
    secrets: Secrets,
    timeout: SignedDuration,
    max_body: u64,
}

impl RequestBuilder {
    pub(super) fn new(plan: &Plan, input: &Input, now: Timestamp, window_start: Option<Timestamp>) -> Self {
        let base = plan.base_url(&input.settings);
        let mut builder = Self {
            base_text: base.as_str().trim_end_matches('/').to_owned(),
            prefix: Redacted::default(),
            base,
            values: TemplateValues {
                observable: input.observable.clone(),
                settings: input.settings.clone(),
                window: window_start.map(|start| (start, now)),
            },
            headers: vec![],
            auth_headers: vec![],
            auth_query: vec![],
            token: None,
            token_basic: None,
            secrets: Secrets::default(),
            timeout: plan.http.timeout,
            max_body: plan.http.max_body,
        };
        builder.headers = builder.values.header_texts(&plan.http.headers, Variables::default());
        for auth in &plan.http.auth {
            builder.authenticate(auth);
        }
        let basic = plan.token().and_then(|token| token.basic.as_ref());
        builder.token_basic = basic.map(|basic| builder.basic(basic));
        let pairs: Vec<Zeroizing<String>> =
            builder.basic_credentials().map(|pair| Zeroizing::new(pair.to_owned())).collect();
        pairs.iter().for_each(|pair| builder.secrets.add("credentials", pair));
        builder.secrets.add_all(&input.settings);
        builder
    }

    fn authenticate(&mut self, auth: &AuthPlan) {
        // Optional credentials without a value are not sent.
        if let AuthPlan::Header { value, .. } | AuthPlan::Query { value, .. } = auth
            && value.settings().any(|name| self.values.settings.value(name).is_none())
        {
            return;
        }
        match auth {
            AuthPlan::Basic(pair) => self.auth_headers.push(("Authorization".into(), self.basic(pair))),
            AuthPlan::Header { name, value } => {
                let value = self.values.text(value, Variables::default(), verbatim);
                self.auth_headers.push((name.clone(), value));
            }
            AuthPlan::Query { parameter, value } => {
                let value = self.values.text(value, Variables::default(), encoded);
                self.auth_query.push((parameter.clone(), value));
            }
            AuthPlan::Path { prefix } => {
                let prefix = self.values.text(prefix, Variables::default(), encoded);
                self.prefix.push_both(&prefix);
            }
            AuthPlan::Body { .. } | AuthPlan::Token(_) | AuthPlan::Signature(_) => {}
        }
    }

    /// Sets the token for further requests.
    pub(super) fn set_token(&mut self, token: &str) {
        if self.token.as_ref().is_none_or(|known| **known != token) {
            self.secrets.add("token", token);
            self.token = Some(Zeroizing::new(token.to_owned()));
        }
    }

    /// Builds the request for the next page.
    pub(super) fn lookup(
        &self,
        plan: &Plan,
        lookup: &LookupPlan,
        each: Option<&str>,
        target: &Target,
        pages: &Pages,
        now: Timestamp,
    ) -> Request {
        let variables = Variables { each, locals: &[], part: self.part(lookup, pages) };
        let mut headers = self.headers.clone();
        headers.extend(self.values.header_texts(&lookup.headers, variables));
        let mut query = vec![];
        let mut method = lookup.method.as_str();
        let mut body = Body::of_lookup(&self.values, lookup, variables);
        let url = match target {
            Target::Url(url) => self.external(url.as_str()),
            Target::Built => {
                query = self.values.parameters(&lookup.query, variables);
                self.path(&lookup.path, variables)
            }
            Target::Poll(_) | Target::PollUrl(_) | Target::Result(_) | Target::JobUrl(_) => {
                (method, body) = ("GET", None);
                self.job_url(lookup, target)
            }
        };
        for (parameter, value) in self.page_parameters(lookup, target, pages) {
            match parameter {
                Parameter::Query(name) => query.push((name, self.external(&value.as_text()).encoded(encoded))),
                Parameter::Body(path) => {
                    let text = self.external(&value.as_text());
                    body.iter_mut().for_each(|body| body.set(&path, &value, &text));
                }
            }
        }
        for auth in &plan.http.auth {
            if let (AuthPlan::Body { path, value }, Some(body)) = (auth, &mut body) {
                body.set_text(path, &self.values.text(value, variables, verbatim));
            }
        }
        if let PagingPlan::Cursor { to: CursorTarget::Header(name), .. } = &lookup.paging
            && let Some(cursor) = &pages.cursor
        {
            headers.push((name.clone(), self.external(cursor)));
        }
        headers.extend(body.as_ref().map(|body| ("Content-Type".to_owned(), Redacted::plain(body.media_type()))));
        self.request(plan, method, url, query, headers, body.map(Body::text), now)
    }

    /// Returns the paging parameters; none if the provider supplied the URL.
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
                let size = limit
                    .as_ref()
                    .map(|(parameter, size)| (parameter.clone(), PageValue::Number(self.values.number(size))));
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
        let plan = lookup.job.as_ref().expect("only lookups with a job poll");
        let (path, job) = match target {
            Target::Result(job) => (plan.result.as_ref(), job),
            Target::Poll(job) => (plan.poll.as_ref(), job),
            Target::PollUrl(url) | Target::JobUrl(url) | Target::Url(url) => return self.external(url.as_str()),
            Target::Built => unreachable!("a job starts at the lookup's own path"),
        };
        let path = path.expect("a target that is built has a path");
        self.path(path, Variables { locals: &[(Local::Job, self.external(job))], ..Variables::default() })
    }

    /// Builds the request that reads the remaining quota.
    pub(super) fn probe(&self, plan: &Plan, probe: &ProbePlan, now: Timestamp) -> Request {
        let path = self.path(&probe.path, Variables::default());
        self.request(plan, "GET", path, vec![], self.headers.clone(), None, now)
    }

    /// Builds the request for an access token. It has no credentials other than those that it names.
    pub(super) fn token(&self, token: &TokenPlan) -> Request {
        let variables = Variables::default();
        let url = match &token.from {
            TokenEndpoint::Path(path) => self.path(path, variables),
            TokenEndpoint::Url(url) => match self.values.settings.url(TOKEN_URL) {
                Some(url) => Redacted::plain(url.as_str()),
                None => with_path(self.values.text(url, variables, encoded)),
            },
        };
        let mut headers = match &token.from {
            TokenEndpoint::Path(_) => self.headers.clone(),
            TokenEndpoint::Url(_) => vec![("Accept".to_owned(), Redacted::plain("application/json"))],
        };
        headers.extend(self.values.header_texts(&token.headers, variables));
        headers.extend(token.basic.as_ref().map(|basic| ("Authorization".to_owned(), self.basic(basic))));
        let body = match &token.body {
            TokenBody::None => None,
            TokenBody::Json(body) => Some(Body::json(&self.values, body, variables)),
            TokenBody::Form(fields) => Some(Body::form(&self.values, fields, variables)),
        };
        headers.extend(body.as_ref().map(|body| ("Content-Type".to_owned(), Redacted::plain(body.media_type()))));
        let (timeout, max_body) = (self.timeout, self.max_body);
        let body = body.map(Body::text);
        Request { method: token.method.as_str(), url, headers, body, signatures: vec![], timeout, max_body }
    }

    /// Returns the value of `Authorization` for a user name and password (RFC 7617).
    fn basic(&self, pair: &BasicPlan) -> Redacted {
        let text = |template| self.values.text(template, Variables::default(), verbatim);
        let (username, password) = (text(&pair.username), text(&pair.password));
        let pair = Zeroizing::new(format!("{}:{}", username.expose(), password.expose()));
        let mut redacted = Redacted::plain("Basic ");
        redacted.push_both(&username);
        redacted.push(":");
        redacted.push_both(&password);
        redacted.shown_for(Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
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
                AuthPlan::Token(token) => self.add_token(token, &mut query, &mut headers),
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

    fn add_token(&self, plan: &TokenPlan, query: &mut Vec<(String, Redacted)>, headers: &mut Vec<(String, Redacted)>) {
        let Some(token) = &self.token else { return };
        let locals = [(Local::Token, Redacted::secret(token, "token"))];
        let variables = Variables { locals: &locals, ..Variables::default() };
        match &plan.carrier {
            TokenCarrier::Header(name) => {
                headers.push((name.clone(), self.values.text(&plan.value, variables, verbatim)))
            }
            TokenCarrier::Query(name) => query.push((name.clone(), self.values.text(&plan.value, variables, encoded))),
        }
    }

    /// Adds the parameters and headers of a signature, and returns the signature.
    fn sign(
        &self,
        plan: &SignaturePlan,
        signed: Signed,
        query: &mut Vec<(String, Redacted)>,
        headers: &mut Vec<(String, Redacted)>,
    ) -> Redacted {
        let path = Url::parse(signed.url.expose()).map(|url| url.path().to_owned()).unwrap_or_default();
        let timestamp_text = plan.timestamp.as_ref().map(|format| format.write(signed.now)).unwrap_or_default();
        let timestamp = (Local::Timestamp, Redacted::plain(&timestamp_text));
        let query_text = with_query(Redacted::default(), query);
        let locals = [
            timestamp.clone(),
            (Local::Path, Redacted::plain(&path)),
            (Local::Method, Redacted::plain(signed.method)),
            (Local::Query, query_text),
            (Local::Body, signed.body.cloned().unwrap_or_default()),
        ];
        let text = self.values.text(&plan.text, Variables { locals: &locals, ..Variables::default() }, verbatim);
        let key =
            plan.key.as_ref().map(|key| self.values.text(key, Variables::default(), verbatim)).unwrap_or_default();
        let signature = digest(plan.algorithm, plan.encoding, key.expose(), text.expose());
        let signature = Redacted::secret(&signature, "signature");
        let locals = [timestamp, (Local::Signature, signature.clone())];
        let variables = Variables { locals: &locals, ..Variables::default() };
        query
            .extend(plan.query.iter().map(|(name, value)| (name.clone(), self.values.text(value, variables, encoded))));
        headers.extend(self.values.header_texts(&plan.headers, variables));
        signature
    }

    fn path(&self, path: &Template, variables: Variables) -> Redacted {
        let mut url = Redacted::plain(&self.base_text);
        url.push_both(&self.prefix);
        url.push_both(&self.values.text(path, variables, encoded));
        url
    }

    /// Returns the part of the window to request; initially the whole window.
    fn part(&self, lookup: &LookupPlan, pages: &Pages) -> Option<WindowPart> {
        let PagingPlan::Window { open_end, .. } = lookup.paging else { return None };
        let (start, now) = self.values.window.expect("a lookup by parts of the window has one");
        Some(pages.part().unwrap_or(WindowPart::whole(start, now, open_end)))
    }

    /// Resolves a URL from a response. Fails if it has another origin, since credentials must not leave the provider's
    /// origin.
    pub(super) fn own_url(&self, text: &str, request_url: &Redacted) -> Result<Url, String> {
        let url = Url::parse(request_url.expose()).and_then(|base| base.join(text));
        let mut url = url.map_err(|error| error.to_string())?;
        if url.origin() != self.base.origin() {
            return Err({
                let origin = |url: &Url| url.origin().ascii_serialization();
                format!("expected origin `{}`, found `{}`", origin(&self.base), origin(&url))
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("unexpected credentials".to_owned());
        }
        // Fragments are not sent (RFC 9110 §4.2.5).
        url.set_fragment(None);
        Ok(url)
    }

    /// Returns all secrets of the run.
    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Returns encoded user names and passwords in requests, including the token request.
    fn basic_credentials(&self) -> impl Iterator<Item = &str> {
        let headers = self.auth_headers.iter().map(|(_, value)| value).chain(&self.token_basic);
        headers.filter_map(|value| value.expose().strip_prefix("Basic "))
    }

    /// Converts a text from a response that becomes part of a request. It may contain a secret: a next URL repeats the
    /// parameters.
    fn external(&self, text: &str) -> Redacted {
        Redacted::external(text, self.secrets.pieces(text))
    }

    /// Redacts secrets in an external text.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }
}

/// Adds the path `/` to a URL without a path.
fn with_path(mut url: Redacted) -> Redacted {
    if url.expose().matches('/').count() == 2 {
        url.push("/");
    }
    url
}

/// The parts of a request that can be signed.
struct Signed<'r> {
    method: &'static str,
    url: &'r Redacted,
    body: Option<&'r Redacted>,
    now: Timestamp,
}

/// Appends query parameters to a text.
fn with_query(mut text: Redacted, query: &[(String, Redacted)]) -> Redacted {
    for (number, (name, value)) in query.iter().enumerate() {
        text.push(if number > 0 { "&" } else { "" });
        text.push(&encoded(name));
        text.push("=");
        text.push_both(value);
    }
    text
}
