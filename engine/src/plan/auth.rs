//! Credentials, compiled: how each request says who we are, and how a token is come by.

use super::body::{BodyPlan, body};
use super::compiler::{Compiler, Place};
use super::http::headers;
use super::path::Path;
use super::template::{Part, Template};
use super::time::TimeFormat;
use crate::diagnostic::Code;
use crate::profile::{Algorithm, Auth, Expiry, Http, TemplateText, WaitUnit};
use std::collections::BTreeMap;
use url::Url;

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
    /// A token that is fetched first.
    Token(Box<TokenPlan>),
    /// A digest over the request.
    Signature(Box<SignaturePlan>),
}

/// A token: where it is fetched, how long it is good, how it is sent.
#[derive(Debug)]
pub struct TokenPlan {
    /// Where it is fetched.
    pub from: TokenPlace,
    /// What is sent to get it.
    pub body: TokenBody,
    /// Where the answer has it.
    pub token: Path,
    /// Where the answer says when it expires.
    pub expires: Option<(Path, WaitUnit)>,
    /// The header it is sent in.
    pub header: String,
    /// The header's value.
    pub value: Template,
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
    /// JSON.
    Json(BodyPlan),
    /// A form.
    Form(Vec<(&'static str, Template)>),
}

/// A digest over the request.
#[derive(Debug)]
pub struct SignaturePlan {
    /// How it is made.
    pub algorithm: Algorithm,
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
    let mut template = |text: &TemplateText, key: &str| compiler.template(text, &format!("{at}/{key}"), Place::AUTH);
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
        Auth::Oauth2 { .. } => Some(AuthPlan::Token(Box::new(oauth2(compiler, auth, at)?))),
        Auth::Login { .. } => Some(AuthPlan::Token(Box::new(login(compiler, auth, at)?))),
        Auth::Signature { .. } => Some(AuthPlan::Signature(Box::new(signature(compiler, auth, at)?))),
    })
}

fn oauth2(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<TokenPlan> {
    let Auth::Oauth2 { token_url, client_id, client_secret, scope } = auth else { return None };
    let url = token_place(compiler, token_url, &format!("{at}/token_url"));
    let id = compiler.template(client_id, &format!("{at}/client_id"), Place::LOGIN);
    let secret = compiler.template(client_secret, &format!("{at}/client_secret"), Place::LOGIN);
    let literal = |text: &str| Template::literal(text);
    let mut form = vec![("grant_type", literal("client_credentials")), ("client_id", id?), ("client_secret", secret?)];
    form.extend(scope.as_deref().map(|scope| ("scope", literal(scope))));
    let path = |text: &str| Path::parse(text).expect("a path of our own");
    Some(TokenPlan {
        from: TokenPlace::Url(url?),
        body: TokenBody::Form(form),
        token: path("$.access_token"),
        expires: Some((path("$.expires_in"), WaitUnit::Seconds)),
        header: "Authorization".into(),
        value: Template::parse("Bearer {token}").expect("a template of our own"),
    })
}

/// The host that gets the client's secret is literal.
fn token_place(compiler: &mut Compiler, text: &TemplateText, at: &str) -> Option<Template> {
    let template = compiler.template(text, at, Place::SETTING)?;
    let Some(Part::Literal(start)) = template.parts().first() else {
        let label = "a value from outside could choose who gets the secret";
        compiler.error(Code::BaseUrl, at, "scheme and host of a token's URL are literal", label);
        return None;
    };
    let host_ends =
        start.strip_prefix("https://").is_some_and(|rest| rest.contains('/') || template.parts().len() == 1);
    if !host_ends || Url::parse(start).is_err() {
        let label = "not `https://`, a literal host, and a path";
        compiler.error(Code::BaseUrl, at, "this is no URL for tokens", label);
        return None;
    }
    Some(template)
}

fn login(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<TokenPlan> {
    let Auth::Login { path, body: fields, token, expires, header, value } = auth else { return None };
    let place = compiler.template(path, &format!("{at}/path"), Place::LOGIN);
    place.iter().for_each(|path| compiler.request_path(path, &format!("{at}/path")));
    let body = body(compiler, fields, &format!("{at}/body"), Place::LOGIN);
    let token = compiler.path(token, &format!("{at}/token"));
    let expires = match expires {
        Some(Expiry { at: path, unit }) => {
            compiler.path(path, &format!("{at}/expires/at")).map(|path| Some((path, *unit)))
        }
        None => Some(None),
    };
    let value = compiler.template(value, &format!("{at}/value"), Place::TOKEN);
    Some(TokenPlan {
        from: TokenPlace::Path(place?),
        body: TokenBody::Json(body?),
        token: token?,
        expires: expires?,
        header: header.clone(),
        value: value?,
    })
}

fn signature(compiler: &mut Compiler, auth: &Auth, at: &str) -> Option<SignaturePlan> {
    let Auth::Signature { algorithm, key, text, timestamp, query, headers: sent } = auth else { return None };
    let is_keyed = matches!(algorithm, Algorithm::HmacSha256 | Algorithm::HmacSha1 | Algorithm::HmacMd5);
    if is_keyed != key.is_some() {
        let (message, label) = match is_keyed {
            true => ("an HMAC needs a `key`", "this one has none"),
            false => ("a plain digest has no `key`", "what it needs stands in `text`"),
        };
        compiler.error(Code::SignatureKey, at, message, label);
        return None;
    }
    let key = match key {
        Some(key) => compiler.template(key, &format!("{at}/key"), Place::LOGIN).map(Some),
        None => Some(None),
    };
    let text = compiler.template(text, &format!("{at}/text"), Place::SIGNED);
    let timestamp = match timestamp {
        Some(format) => compiler.time_format_at(format, Some("UTC"), at, "/timestamp").map(Some),
        None => Some(None),
    };
    let query = self::query(compiler, query, &format!("{at}/query"));
    let headers = headers(compiler, sent, &format!("{at}/headers"), Place::SIGNATURE);
    Some(SignaturePlan {
        algorithm: *algorithm,
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
        .map(|(name, value)| Some((name.clone(), compiler.template(value, &format!("{at}/{name}"), Place::SIGNATURE)?)))
        .collect();
    compiled.into_iter().collect()
}
