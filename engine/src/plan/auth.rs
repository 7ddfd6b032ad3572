//! Credentials, compiled: how each request says who we are, and how a token is come by.

use super::answers::AnswerPlace;
use super::body::{BodyPlan, body};
use super::compiler::{Compiler, TemplateContext};
use super::http::headers;
use super::path::{Path, PathStep};
use super::template::{Part, Template};
use super::time::TimeFormat;
use crate::diagnostic::Code;
use crate::profile::{
    Algorithm, Auth, Basic, ClientWord, Encoding, Expiry, Http, Method, PathText, TemplateText, WaitUnit,
};
use std::collections::BTreeMap;
use url::Url;

/// How we say who we are.
#[derive(Debug)]
pub enum AuthPlan {
    /// `Authorization: Basic`.
    Basic(BasicPlan),
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
    /// A part of every path.
    Path {
        /// It.
        prefix: Template,
    },
    /// A value in the body.
    Body {
        /// Where.
        path: Path,
        /// Its value.
        value: Template,
    },
    /// A token that is fetched first.
    Token(Box<TokenPlan>),
    /// A digest over the request.
    Signature(Box<SignaturePlan>),
}

/// A name and a password.
#[derive(Debug)]
pub struct BasicPlan {
    /// The user.
    pub username: Template,
    /// The password.
    pub password: Template,
}

/// A token: where it is fetched, how long it is good, how it is sent.
#[derive(Debug)]
pub struct TokenPlan {
    /// Where it is fetched.
    pub from: TokenPlace,
    /// The request's method.
    pub method: Method,
    /// What is sent to get it.
    pub body: TokenBody,
    /// Headers of this request alone.
    pub headers: Vec<(String, Template)>,
    /// Who asks, where `Authorization` says it.
    pub basic: Option<BasicPlan>,
    /// Where the answer has it.
    pub token: AnswerPlace,
    /// Where the answer says when it expires.
    pub expires: Option<(Path, WaitUnit)>,
    /// Where it is sent.
    pub carrier: TokenCarrier,
    /// How it is written there.
    pub value: Template,
}

/// Where a token is sent.
#[derive(Debug)]
pub enum TokenCarrier {
    /// In this header.
    Header(String),
    /// In this parameter of the query.
    Query(String),
}

/// Where a token is fetched.
#[derive(Debug)]
pub enum TokenPlace {
    /// At a path of the provider's own.
    Path(Template),
    /// At a server that the profile names.
    Url(Template),
}

/// What is sent to get a token.
#[derive(Debug)]
pub enum TokenBody {
    /// Nothing.
    None,
    /// JSON.
    Json(BodyPlan),
    /// A form.
    Form(Vec<(String, Template)>),
}

/// A digest over the request.
#[derive(Debug)]
pub struct SignaturePlan {
    /// How it is made.
    pub algorithm: Algorithm,
    /// How it is written.
    pub encoding: Encoding,
    /// The key.
    pub key: Option<Template>,
    /// What is signed.
    pub text: Template,
    /// How the time is written.
    pub timestamp: Option<TimeFormat>,
    /// Parameters that are sent.
    pub query: Vec<(String, Template)>,
    /// Headers that are sent.
    pub headers: Vec<(String, Template)>,
}

/// Credentials in the order given. There is one token at most.
pub(super) fn auths(compiler: &mut Compiler, http: &Http) -> Option<Vec<AuthPlan>> {
    let compiled: Vec<_> =
        http.auth.iter().map(|(at, auth)| self::auth(compiler, auth, &format!("/http/auth{at}"))).collect();
    let compiled: Vec<AuthPlan> = compiled.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    let tokens = compiled.iter().filter(|auth| matches!(auth, AuthPlan::Token(_))).count();
    if tokens > 1 {
        compiler.error(Code::AuthTwice, "/http/auth", "two tokens would be fetched", "one of them is enough");
        return None;
    }
    Some(compiled)
}

fn auth(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<Option<AuthPlan>> {
    let mut template =
        |text: &TemplateText, key: &str| compiler.template(text, &format!("{at}/{key}"), TemplateContext::AUTH);
    Some(match auth {
        Auth::None {} => None,
        Auth::Basic { username, password } => {
            let (username, password) = (template(username, "username"), template(password, "password"));
            Some(AuthPlan::Basic(BasicPlan { username: username?, password: password? }))
        }
        Auth::Header { name, value } => {
            let value = template(value, "value");
            let name = compiler.sent_header(name, compiler.span(&format!("{at}/name")));
            Some(AuthPlan::Header { name: name?, value: value? })
        }
        Auth::Bearer { token } => {
            let token = template(token, "token")?;
            Some(AuthPlan::Header { name: "Authorization".into(), value: token.after("Bearer ") })
        }
        Auth::Query { parameter, value } => {
            Some(AuthPlan::Query { parameter: parameter.clone(), value: template(value, "value")? })
        }
        Auth::Path { prefix } => {
            let at = format!("{at}/prefix");
            let prefix = compiler.template(prefix, &at, TemplateContext::LOGIN)?;
            compiler.request_path(&prefix, &at);
            Some(AuthPlan::Path { prefix })
        }
        Auth::Body { parameter, value } => {
            let value = template(value, "value");
            let path = body_place(compiler, parameter, &format!("{at}/parameter"));
            Some(AuthPlan::Body { path: path?, value: value? })
        }
        Auth::Oauth2 { .. } => Some(AuthPlan::Token(Box::new(oauth2(compiler, auth, at)?))),
        Auth::Login { .. } => Some(AuthPlan::Token(Box::new(login(compiler, auth, at)?))),
        Auth::Signature { .. } => Some(AuthPlan::Signature(Box::new(signature(compiler, auth, at)?))),
    })
}

/// Names only: a path into a body, or the one field of a form.
fn body_place(compiler: &mut Compiler, parameter: &str, at: &str) -> Option<Path> {
    let text = if parameter.starts_with('$') { parameter.to_owned() } else { format!("$['{parameter}']") };
    let path = compiler.path(&PathText(text), at)?;
    let is_plain = path.steps().iter().all(|step| matches!(step, PathStep::Name(_))) && !path.steps().is_empty();
    if !is_plain {
        compiler.error(Code::BodyParameter, at, "this does not lead into a body", "it takes names only");
    }
    is_plain.then_some(path)
}

fn oauth2(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<TokenPlan> {
    let Auth::Oauth2 { token_url, client_id, client_secret, scope, client } = auth else { return None };
    let url = token_place(compiler, token_url, &format!("{at}/token_url"));
    let id = compiler.template(client_id, &format!("{at}/client_id"), TemplateContext::LOGIN);
    let secret = compiler.template(client_secret, &format!("{at}/client_secret"), TemplateContext::LOGIN);
    let (id, secret) = (id?, secret?);
    let literal = |name: &str, text: &str| (name.to_owned(), Template::literal(text));
    let mut form = vec![literal("grant_type", "client_credentials")];
    let basic = match client {
        ClientWord::Basic => Some(BasicPlan { username: id, password: secret }),
        ClientWord::Form => {
            form.extend([("client_id".to_owned(), id), ("client_secret".to_owned(), secret)]);
            None
        }
    };
    form.extend(scope.as_deref().map(|scope| literal("scope", scope)));
    let path = |text: &str| Path::parse(text).expect("a path of our own");
    Some(TokenPlan {
        from: TokenPlace::Url(url?),
        method: Method::Post,
        body: TokenBody::Form(form),
        headers: vec![],
        basic,
        token: AnswerPlace::Body(path("$.access_token")),
        expires: Some((path("$.expires_in"), WaitUnit::Seconds)),
        carrier: TokenCarrier::Header("Authorization".into()),
        value: Template::parse("Bearer {token}").expect("a template of our own"),
    })
}

/// The host that gets the client's secret is literal.
fn token_place(compiler: &mut Compiler, text: &TemplateText, at: &str) -> Option<Template> {
    let template = compiler.template(text, at, TemplateContext::SETTING)?;
    let Some(Part::Literal(start)) = template.parts().first() else {
        let label = "a value from outside could choose who gets the secret";
        compiler.error(Code::BaseUrl, at, "scheme and host of a token's URL are literal", label);
        return None;
    };
    let host_ends =
        start.strip_prefix("https://").is_some_and(|rest| rest.contains('/') || template.parts().len() == 1);
    let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if !host_ends || !Url::parse(start).is_ok_and(|url| is_plain(&url)) {
        let label = "not `https://`, a literal host, and a path";
        compiler.error(Code::BaseUrl, at, "this is no URL for tokens", label);
        return None;
    }
    Some(template)
}

fn login(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<TokenPlan> {
    let Auth::Login { path, method, headers: sent, basic, expires, .. } = auth else { return None };
    let place = compiler.template(path, &format!("{at}/path"), TemplateContext::LOGIN);
    place.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let body = login_body(compiler, auth, at);
    let headers = headers(compiler, sent, &format!("{at}/headers"), TemplateContext::LOGIN);
    let basic = match basic {
        Some(basic) => self::basic(compiler, basic, &format!("{at}/basic")).map(Some),
        None => Some(None),
    };
    let token = token_answer(compiler, auth, at);
    let expires = match expires {
        Some(Expiry { at: path, unit }) => {
            compiler.path(path, &format!("{at}/expires/at")).map(|path| Some((path, *unit)))
        }
        None => Some(None),
    };
    let carrier = carrier(compiler, auth, at);
    let (carrier, value) = carrier?;
    Some(TokenPlan {
        from: TokenPlace::Path(place?),
        method: *method,
        body: body?,
        headers: headers?,
        basic: basic?,
        token: token?,
        expires: expires?,
        carrier,
        value,
    })
}

fn basic(compiler: &mut Compiler, basic: &Basic, at: &str) -> Option<BasicPlan> {
    let username = compiler.template(&basic.username, &format!("{at}/username"), TemplateContext::LOGIN);
    let password = compiler.template(&basic.password, &format!("{at}/password"), TemplateContext::LOGIN);
    Some(BasicPlan { username: username?, password: password? })
}

fn login_body(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<TokenBody> {
    let Auth::Login { method, body: json, form, .. } = auth else { return None };
    super::body::one_body(compiler, *method, json.is_some(), !form.is_empty(), at)?;
    if let Some(json) = json {
        return body(compiler, json, &format!("{at}/body"), TemplateContext::LOGIN).map(TokenBody::Json);
    }
    if form.is_empty() {
        return Some(TokenBody::None);
    }
    let field = |(name, value): (&String, &TemplateText)| {
        Some((name.clone(), compiler.template(value, &format!("{at}/form/{name}"), TemplateContext::LOGIN)?))
    };
    let fields: Vec<_> = form.iter().map(field).collect();
    fields.into_iter().collect::<Option<_>>().map(TokenBody::Form)
}

/// Where the answer to a login has the token.
fn token_answer(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<AnswerPlace> {
    let Auth::Login { token, token_header, .. } = auth else { return None };
    answer_place(compiler, token.as_ref(), token_header.as_deref(), (at, "token", "token_header"), Code::TokenPlace)
}

/// One of a path and a header's name, whose keys are told where there is none of them, or both.
pub(super) fn answer_place(
    compiler: &mut Compiler,
    path: Option<&PathText>,
    header: Option<&str>,
    (at, path_key, header_key): (&str, &str, &str),
    code: Code,
) -> Option<AnswerPlace> {
    match (path, header) {
        (Some(path), None) => compiler.path(path, &format!("{at}/{path_key}")).map(AnswerPlace::Body),
        (None, Some(header)) => {
            let span = compiler.span(&format!("{at}/{header_key}"));
            compiler.header_name(header, span).map(AnswerPlace::Header)
        }
        _ => {
            let label = format!("one of `{path_key}` and `{header_key}`");
            compiler.error(code, at, "an answer says it in one place", label);
            None
        }
    }
}

/// Where a token is sent from then on, and how it is written there.
fn carrier(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<(TokenCarrier, Template)> {
    let Auth::Login { header, parameter, value, .. } = auth else { return None };
    let carrier = match (header, parameter) {
        (Some(_), Some(_)) => {
            let label = "one of `header` and `parameter`";
            compiler.error(Code::TokenPlace, at, "a token is sent in one place", label);
            return None;
        }
        (None, Some(parameter)) => TokenCarrier::Query(parameter.clone()),
        (Some(header), None) => {
            TokenCarrier::Header(compiler.sent_header(header, compiler.span(&format!("{at}/header")))?)
        }
        (None, None) => TokenCarrier::Header("Authorization".to_owned()),
    };
    let is_bearer = matches!(&carrier, TokenCarrier::Header(name) if name.eq_ignore_ascii_case("authorization"));
    let usual = TemplateText(if is_bearer { "Bearer {token}" } else { "{token}" }.to_owned());
    let value = compiler.template(value.as_ref().unwrap_or(&usual), &format!("{at}/value"), TemplateContext::TOKEN)?;
    Some((carrier, value))
}

fn signature(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<SignaturePlan> {
    let Auth::Signature { algorithm, encoding, key, text, timestamp, query, headers: sent } = auth else { return None };
    let is_keyed =
        matches!(algorithm, Algorithm::HmacSha512 | Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::HmacMd5);
    if is_keyed != key.is_some() {
        let (message, label) = match is_keyed {
            true => ("an HMAC needs a `key`", "this one has none"),
            false => ("a plain digest has no `key`", "what it needs stands in `text`"),
        };
        compiler.error(Code::SignatureKey, at, message, label);
        return None;
    }
    let key = match key {
        Some(key) => compiler.template(key, &format!("{at}/key"), TemplateContext::LOGIN).map(Some),
        None => Some(None),
    };
    let text = compiler.template(text, &format!("{at}/text"), TemplateContext::SIGNED);
    let timestamp = match timestamp {
        Some(format) => compiler.time_format_at(format, Some("UTC"), at, "/timestamp").map(Some),
        None => Some(None),
    };
    let query = self::query(compiler, query, &format!("{at}/query"));
    let headers = headers(compiler, sent, &format!("{at}/headers"), TemplateContext::SIGNATURE);
    Some(SignaturePlan {
        algorithm: *algorithm,
        encoding: *encoding,
        key: key?,
        text: text?,
        timestamp: timestamp?,
        query: query?,
        headers: headers?,
    })
}

fn query(compiler: &mut Compiler, query: &BTreeMap<String, TemplateText>, at: &str) -> Option<Vec<(String, Template)>> {
    let compiled: Vec<_> = query
        .iter()
        .map(|(name, value)| {
            Some((name.clone(), compiler.template(value, &format!("{at}/{name}"), TemplateContext::SIGNATURE)?))
        })
        .collect();
    compiled.into_iter().collect()
}
