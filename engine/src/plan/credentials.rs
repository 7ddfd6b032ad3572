//! Settings that are credentials, by their name or their use: they must be secrets, which are sent in `auth` only and are
//! never shown.

use super::compiler::Compiler;
use super::reserved::{is_credential, is_identity};
use super::template::Template;
use super::{AuthPlan, HttpPlan};
use crate::diagnostic::{Code, Fix};
use crate::profile::{BodyValue, Profile, QueryValue, Setting, SettingType, TemplateText};
use crate::yaml::child;
use std::collections::BTreeMap;

pub(super) fn check(compiler: &mut Compiler, profile: &Profile, http: Option<&HttpPlan>) {
    for (name, setting) in &profile.settings {
        named(compiler, name, setting);
    }
    used_in_auth(compiler, profile, http);
    used_elsewhere(compiler, profile);
}

/// Validates that a setting that may be a credential has type `secret`.
fn named(compiler: &mut Compiler, name: &str, setting: &Setting) {
    let holds_text = matches!(setting.kind, SettingType::String | SettingType::Integer | SettingType::Url);
    let is_named_so = std::iter::once(name).chain(setting.also.iter().map(String::as_str)).any(is_credential);
    if holds_text && is_named_so {
        let at = format!("{}/type", child("/settings", name));
        let fix = Fix { span: compiler.span(&at), replacement: "secret".into() };
        let message = format!("`{name}` appears to be a credential");
        compiler.error(Code::CredentialNotSecret, &at, message, "requires type `secret`").fix = Some(fix);
    }
}

/// Validates that credentials are secrets, whatever their setting is called: passwords, keys, and values of headers and
/// parameters in `auth`. A user name may accompany them.
fn used_in_auth(compiler: &mut Compiler, profile: &Profile, http: Option<&HttpPlan>) {
    let values = http.into_iter().flat_map(|http| &http.auth).filter_map(|auth| match auth {
        AuthPlan::Basic(basic) => Some(&basic.password),
        AuthPlan::Header { value, .. } | AuthPlan::Query { value, .. } | AuthPlan::Body { value, .. } => Some(value),
        AuthPlan::Path { prefix } => Some(prefix),
        AuthPlan::Token(token) => token.basic.as_ref().map(|basic| &basic.password),
        AuthPlan::Signature(signature) => signature.key.as_ref(),
    });
    let values: Vec<&Template> = values.collect();
    let is_secret = |name: &str| profile.settings.get(name).is_some_and(|setting| setting.kind == SettingType::Secret);
    // A user name is the credential if nothing else is sent.
    let has_secret = values.iter().flat_map(|value| value.settings()).any(is_secret);
    for value in values {
        let used = || value.settings().filter_map(|name| Some((name, profile.settings.get(name)?)));
        if value.settings().any(is_secret) {
            continue;
        }
        let may_be_shown = |name: &str| is_credential(name) || has_secret && is_identity(name);
        for (name, setting) in used().filter(|(name, _)| !may_be_shown(name)) {
            used_as_credential(compiler, name, setting);
        }
    }
}

/// Validates that no other setting is sent under the name of a credential: of a header, parameter, field or path segment.
fn used_elsewhere(compiler: &mut Compiler, profile: &Profile) {
    let mut sent: Vec<(&str, &str)> = vec![];
    let mut texts = |texts| sent.extend(named_texts(texts));
    texts(&profile.http.headers);
    profile.lookups.values().for_each(|lookup| texts(&lookup.headers));
    for lookup in profile.lookups.values() {
        sent.push(("", &lookup.path.0));
        sent.extend(lookup.query.iter().chain(&lookup.form).filter_map(|(name, value)| match value {
            QueryValue::Text(text) => Some((name.as_str(), text.0.as_str())),
            _ => None,
        }));
        lookup.body.iter().for_each(|body| body_texts("", body, &mut sent));
    }
    let is_text =
        |setting: &Setting| matches!(setting.kind, SettingType::String | SettingType::Integer | SettingType::Url);
    for (name, setting) in profile.settings.iter().filter(|(name, setting)| is_text(setting) && !is_credential(name)) {
        let placeholder = format!("{{settings.{name}}}");
        if sent.iter().any(|(sent_as, text)| is_sent_as_credential(sent_as, text, &placeholder)) {
            used_as_credential(compiler, name, setting);
        }
    }
}

/// Whether a text sends the value of a placeholder as a credential: by its own name, or by the word before the placeholder,
/// as in `/keys/{settings.x}` and `Bearer {settings.x}`.
fn is_sent_as_credential(name: &str, text: &str, placeholder: &str) -> bool {
    text.match_indices(placeholder).any(|(at, _)| {
        let separates = |letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'));
        let before = text[..at].trim_end_matches(separates).rsplit(separates).next().unwrap_or_default();
        let is_scheme = ["bearer", "basic"].contains(&before.to_ascii_lowercase().as_str());
        is_credential(name) || is_scheme || is_credential(before)
    })
}

fn named_texts(texts: &BTreeMap<String, TemplateText>) -> impl Iterator<Item = (&str, &str)> {
    texts.iter().map(|(name, text)| (name.as_str(), text.0.as_str()))
}

/// Collects the texts of a body with the names of their fields.
fn body_texts<'p>(name: &'p str, value: &'p BodyValue, found: &mut Vec<(&'p str, &'p str)>) {
    match value {
        BodyValue::Text(text) => found.push((name, &text.0)),
        BodyValue::List(items) => items.iter().for_each(|item| body_texts(name, item, found)),
        BodyValue::Object(fields) => fields.iter().for_each(|(name, field)| body_texts(name, field, found)),
        BodyValue::Boolean(_) | BodyValue::Integer(_) => {}
    }
}

fn used_as_credential(compiler: &mut Compiler, name: &str, setting: &Setting) {
    let at = format!("{}/type", child("/settings", name));
    let message = format!("`{name}` is used as a credential");
    let fix = setting.choices.is_empty().then(|| Fix { span: compiler.span(&at), replacement: "secret".into() });
    compiler.error(Code::CredentialNotSecret, &at, message, "requires type `secret`").fix = fix;
}
