//! Replaces secrets, usernames and private servers in recorded cases by placeholders.

use crate::driver::Received;
use anyhow::bail;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use stixmap_engine::plan::{BASE_URL, BaseUrl, Plan, SettingSpec, SettingValue, Settings};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::Secrets;
use url::form_urlencoded;

/// Minimum length to search for: shorter values occur by chance, and recordings with shorter secrets are refused.
const SHORTEST: usize = 4;

/// The settings of a recording and their replacements.
pub(super) struct Identity {
    /// The settings of the case.
    settings: BTreeMap<String, String>,
    /// Texts in all their encodings, with replacements; the longest first.
    replaced: Vec<(String, String)>,
    /// All encodings of all secrets.
    secrets: Vec<String>,
    has_short_secret: bool,
    /// The same secrets and the tokens of the run, for encodings without a replacement.
    all_secrets: Secrets,
}

impl Identity {
    pub(super) fn new(plan: &Plan, settings: &Settings) -> Identity {
        let mut identity = Identity {
            settings: BTreeMap::new(),
            replaced: vec![],
            secrets: vec![],
            has_short_secret: false,
            all_secrets: Secrets::of(settings).searchable(),
        };
        let mut pairs = vec![];
        for spec in &plan.settings {
            let Some(value) = settings.value(&spec.name) else { continue };
            let text = value.as_text();
            let made_up = made_up(spec, value);
            let is_default = spec.default.as_ref().and_then(|default| spec.read(default).ok());
            if is_default.is_none_or(|default| default.as_text() != text) && spec.name != BASE_URL {
                identity.settings.insert(spec.name.clone(), made_up.clone().unwrap_or_else(|| text.clone()));
            }
            let Some(made_up) = made_up else { continue };
            if spec.kind == SettingType::Secret {
                identity.has_short_secret |= text.len() < SHORTEST;
                identity.secrets.extend(forms(&text));
            }
            pairs.push((text.trim_end_matches('/').to_owned(), made_up));
        }
        // If the operator set a base URL, it is replaced by the one of the profile.
        if let (BaseUrl::Literal(own), Some(given)) = (&plan.http.base_url, settings.url(BASE_URL)) {
            let trimmed = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
            pairs.push((trimmed(given), trimmed(own)));
        }
        identity.replaced = replaced(&pairs);
        identity
    }

    /// Adds secrets that the run obtained, such as access tokens.
    pub(super) fn add_secrets(&mut self, secrets: Secrets) {
        self.all_secrets = secrets;
    }

    /// Returns the settings of the case.
    pub(super) fn made_up(&self) -> BTreeMap<String, String> {
        self.settings.clone()
    }

    /// Returns the responses with replacements.
    pub(super) fn redacted(&self, answers: Vec<Received>) -> anyhow::Result<Vec<Received>> {
        if self.has_short_secret {
            bail!("nothing written: secrets shorter than {SHORTEST} characters cannot be redacted");
        }
        let answers = answers.into_iter().map(|answer| {
            answer.map(|mut response| {
                // Binary bodies are not searched.
                if let Ok(body) = std::str::from_utf8(&response.body) {
                    response.body = self.redact(body).into_bytes();
                }
                for (_, value) in &mut response.headers {
                    *value = self.redact(value);
                }
                response
            })
        });
        Ok(answers.collect())
    }

    fn redact(&self, text: &str) -> String {
        let text = self.replaced.iter().fold(text.to_owned(), |text, (real, made_up)| text.replace(real, made_up));
        self.all_secrets.redact(&text)
    }

    /// Fails if a file still contains a secret.
    pub(super) fn refuse_in(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        for (name, bytes) in files {
            let text = String::from_utf8_lossy(bytes);
            let is_plain = self.secrets.iter().any(|secret| text.contains(secret.as_str()));
            if is_plain || self.all_secrets.occur_in(&text) {
                bail!("nothing written: {name} would contain a secret");
            }
        }
        Ok(())
    }
}

/// Returns the replacement of a private value; `None` if the value is not private.
fn made_up(spec: &SettingSpec, value: &SettingValue) -> Option<String> {
    let name = spec.name.replace('_', "-");
    match value {
        SettingValue::Secret(_) => Some(format!("made-up-{name}")),
        SettingValue::Text(_) if spec.choices.is_empty() => Some(format!("made-up-{name}")),
        SettingValue::Url(_) => Some(format!("https://{name}.example.net")),
        _ => None,
    }
}

fn replaced(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let long = pairs.iter().filter(|(real, _)| real.len() >= SHORTEST);
    let mut replaced: Vec<(String, String)> =
        long.flat_map(|(real, made_up)| forms(real).into_iter().zip(forms(made_up))).collect();
    // Credentials of HTTP Basic authentication.
    let joined = pairs.iter().flat_map(|(user, made_up)| {
        pairs.iter().map(move |(password, other)| (format!("{user}:{password}"), format!("{made_up}:{other}")))
    });
    replaced.extend(joined.map(|(real, made_up)| (BASE64_STANDARD.encode(real), BASE64_STANDARD.encode(made_up))));
    replaced.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
    replaced.dedup();
    replaced
}

/// Returns the encodings of a text: plain, JSON, URL, Base64.
fn forms(text: &str) -> [String; 6] {
    let quoted = serde_json::Value::from(text).to_string();
    let escaped = quoted[1..quoted.len() - 1].to_owned();
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let slashed = escaped.replace('/', "\\/");
    [text.to_owned(), escaped, slashed, encoded, BASE64_STANDARD.encode(text), BASE64_URL_SAFE_NO_PAD.encode(text)]
}
