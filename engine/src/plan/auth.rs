//! Compiled authentication: credentials of requests, and how access tokens are obtained.

use super::answers::{ResponseLocation, answer_place};
use super::body::{BodyPlan, body};
use super::compiler::{Compiler, TemplateContext};
use super::headers::headers;
use super::path::{Path, PathStep};
use super::template::{Part, Template};
use super::time::TimeFormat;
use crate::diagnostic::Code;
use crate::profile::{
    Algorithm, Auth, Basic, ClientWord, Encoding, Expiry, Http, Method, PathText, TemplateText, WaitUnit,
};
use std::collections::BTreeMap;
use url::Url;

/// One compiled method that authenticates the requests of a profile.
#[derive(Debug)]
pub enum AuthPlan {
    /// HTTP Basic authentication in the header `Authorization`.
    Basic(BasicPlan),
    /// A request header with a credential.
    Header {
        /// Name of the request header.
        name: String,
        /// Template of the header's value.
        value: Template,
    },
    /// A query parameter with a credential.
    Query {
        /// Name of the query parameter.
        parameter: String,
        /// Template of the parameter's value.
        value: Template,
    },
    /// Path segments before the path of each request.
    Path {
        /// Template of the segments, without the base URL.
        prefix: Template,
    },
    /// A value in the JSON body or form.
    Body {
        /// Position of the value in the body.
        path: Path,
        /// Template of the credential's value.
        value: Template,
    },
    /// An access token that is requested first.
    Token(Box<TokenPlan>),
    /// A digest or HMAC over parts of the request.
    Signature(Box<SignaturePlan>),
}

/// User name and password for HTTP Basic authentication.
#[derive(Debug)]
pub struct BasicPlan {
    /// Template of the user name.
    pub username: Template,
    /// Template of the password.
    pub password: Template,
}

/// An access token: token request, lifetime and use.
#[derive(Debug)]
pub struct TokenPlan {
    /// Endpoint of the token request.
    pub from: TokenEndpoint,
    /// HTTP method of the token request.
    pub method: Method,
    /// Body of the token request.
    pub body: TokenBody,
    /// Headers of the token request only.
    pub headers: Vec<(String, Template)>,
    /// HTTP Basic authentication of the token request, if any.
    pub basic: Option<BasicPlan>,
    /// Position of the token in the response.
    pub token: ResponseLocation,
    /// Path of the expiry in the response, and its unit.
    pub expires: Option<(Path, WaitUnit)>,
    /// Header or parameter that carries the token.
    pub carrier: TokenCarrier,
    /// Template of the header's or parameter's value.
    pub value: Template,
}

/// Where requests carry the access token.
#[derive(Debug)]
pub enum TokenCarrier {
    /// Request header with this name.
    Header(String),
    /// Query parameter with this name.
    Query(String),
}

/// Endpoint of a token request: path or absolute URL.
#[derive(Debug)]
pub enum TokenEndpoint {
    /// Path relative to the base URL.
    Path(Template),
    /// Absolute URL of a token endpoint.
    Url(Template),
}

/// Body of a token request, as form or JSON.
#[derive(Debug)]
pub enum TokenBody {
    /// No body is sent with the request.
    None,
    /// A JSON body with placeholders.
    Json(BodyPlan),
    /// Form fields with templates of their values.
    Form(Vec<(String, Template)>),
}

/// A digest or HMAC over parts of the request.
#[derive(Debug)]
pub struct SignaturePlan {
    /// Digest or HMAC algorithm to use.
    pub algorithm: Algorithm,
    /// Encoding of the digest in the request.
    pub encoding: Encoding,
    /// Template of the HMAC key; `None` for a plain digest.
    pub key: Option<Template>,
    /// Template of the signed text.
    pub text: Template,
    /// Format of `{timestamp}` in the signed text and request.
    pub timestamp: Option<TimeFormat>,
    /// Query parameters that the signature adds.
    pub query: Vec<(String, Template)>,
    /// Request headers that the signature adds.
    pub headers: Vec<(String, Template)>,
}

/// Compiles the authentication methods in the given order. At most one of them is a token.
pub(super) fn auths(compiler: &mut Compiler, http: &Http) -> Option<Vec<AuthPlan>> {
    let compiled: Vec<_> =
        http.auth.iter().map(|(at, auth)| self::auth(compiler, auth, &format!("/http/auth{at}"))).collect();
    let compiled: Vec<AuthPlan> = compiled.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    let tokens = compiled.iter().filter(|auth| matches!(auth, AuthPlan::Token(_))).count();
    if tokens > 1 {
        compiler.error(Code::AuthTwice, "/http/auth", "only one access token is permitted", "second token");
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

/// Parses a path into a JSON body, or the name of a form field. Only names are permitted.
fn body_place(compiler: &mut Compiler, parameter: &str, at: &str) -> Option<Path> {
    let text = if parameter.starts_with('$') { parameter.to_owned() } else { format!("$['{parameter}']") };
    let path = compiler.path(&PathText(text), at)?;
    let is_plain = path.steps().iter().all(|step| matches!(step, PathStep::Name(_))) && !path.steps().is_empty();
    if !is_plain {
        compiler.error(Code::BodyParameter, at, "invalid position in the body", "expected names only");
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
    let path = |text: &str| Path::parse(text).expect("the path is constant");
    Some(TokenPlan {
        from: TokenEndpoint::Url(url?),
        method: Method::Post,
        body: TokenBody::Form(form),
        headers: vec![],
        basic,
        token: ResponseLocation::Body(path("$.access_token")),
        expires: Some((path("$.expires_in"), WaitUnit::Seconds)),
        carrier: TokenCarrier::Header("Authorization".into()),
        value: Template::parse("Bearer {token}").expect("the template is constant"),
    })
}

/// Scheme and host that receive the client secret must be literal.
fn token_place(compiler: &mut Compiler, text: &TemplateText, at: &str) -> Option<Template> {
    let template = compiler.template(text, at, TemplateContext::SETTING)?;
    let Some(Part::Literal(start)) = template.parts().first() else {
        let label = "a placeholder here could send the secret to another server";
        compiler.error(Code::BaseUrl, at, "scheme and host of the token URL must be literal", label);
        return None;
    };
    let host_ends =
        start.strip_prefix("https://").is_some_and(|rest| rest.contains('/') || template.parts().len() == 1);
    let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // Otherwise the host that is read differs from the one that is shown, as in `https:///host` or `https://host\\@other`.
    let is_normalized = |url: &Url| url.as_str().trim_end_matches('/') == start.trim_end_matches('/');
    if !host_ends || !Url::parse(start).is_ok_and(|url| is_plain(&url) && is_normalized(&url)) {
        let label = "expected `https://`, a literal host in lower case and a path";
        compiler.error(Code::BaseUrl, at, "invalid token URL", label);
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
        from: TokenEndpoint::Path(place?),
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
    super::body::validate_body(compiler, *method, json.is_some(), !form.is_empty(), at)?;
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

/// Returns the position of the token in the response to a login request.
fn token_answer(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<ResponseLocation> {
    let Auth::Login { token, token_header, .. } = auth else { return None };
    answer_place(compiler, token.as_ref(), token_header.as_deref(), (at, "token", "token_header"), Code::TokenEndpoint)
}

/// Returns where requests carry the token, and the template of its value.
fn carrier(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<(TokenCarrier, Template)> {
    let Auth::Login { header, parameter, value, .. } = auth else { return None };
    let carrier = match (header, parameter) {
        (Some(_), Some(_)) => {
            let label = "requires either `header` or `parameter`";
            compiler.error(Code::TokenEndpoint, at, "ambiguous position of the token in requests", label);
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
            true => ("missing `key` of the HMAC", "requires `key`"),
            false => ("`key` has no effect with a plain digest", "put the secret in `text`"),
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
