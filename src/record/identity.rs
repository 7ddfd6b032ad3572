//! Who asks: secrets, names of users, servers of one's own. In a case all of them are made up.

use super::Received;
use anyhow::bail;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use std::collections::BTreeMap;
use stixmap_engine::plan::{BASE_URL, BaseUrl, Plan, SettingSpec, SettingValue, Settings};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::Secrets;
use url::form_urlencoded;

/// A shorter value stands in an answer by accident: it is not looked for, and a secret so short is refused.
const SHORTEST: usize = 4;

/// What says who asks, and what is written in its place.
pub(super) struct Identity {
    /// The settings of the case.
    settings: BTreeMap<String, String>,
    /// A text, in one of the forms it can stand in an answer, and its made-up one; the longest first.
    replaced: Vec<(String, String)>,
    /// Every form of every secret.
    secrets: Vec<String>,
    has_short_secret: bool,
    /// The same secrets and the tokens of the run, in spellings that have no made-up form.
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
        // Where an operator's server stands in for the provider's, the provider is meant.
        if let (BaseUrl::Literal(own), Some(given)) = (&plan.http.base_url, settings.url(BASE_URL)) {
            let trimmed = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
            pairs.push((trimmed(given), trimmed(own)));
        }
        identity.replaced = replaced(&pairs);
        identity
    }

    /// Hides what else the run came to know.
    pub(super) fn also_hide(&mut self, secrets: Secrets) {
        self.all_secrets = secrets;
    }

    /// The settings of the case.
    pub(super) fn made_up(&self) -> BTreeMap<String, String> {
        self.settings.clone()
    }

    /// Answers in which what says who asks is made up.
    pub(super) fn hidden(&self, answers: Vec<Received>) -> anyhow::Result<Vec<Received>> {
        if self.has_short_secret {
            bail!("nothing is written: a secret of fewer than {SHORTEST} signs cannot be told from other text");
        }
        let answers = answers.into_iter().map(|answer| {
            answer.map(|mut response| {
                // What is no text holds no text of ours.
                if let Ok(body) = std::str::from_utf8(&response.body) {
                    response.body = self.hidden_in(body).into_bytes();
                }
                for (_, value) in &mut response.headers {
                    *value = self.hidden_in(value);
                }
                response
            })
        });
        Ok(answers.collect())
    }

    fn hidden_in(&self, text: &str) -> String {
        let text = self.replaced.iter().fold(text.to_owned(), |text, (real, made_up)| text.replace(real, made_up));
        self.all_secrets.redact(&text)
    }

    /// Refuses files that hold a secret in spite of all.
    pub(super) fn refuse_in(&self, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
        for (name, bytes) in files {
            let text = String::from_utf8_lossy(bytes);
            let is_plain = self.secrets.iter().any(|secret| text.contains(secret.as_str()));
            if is_plain || self.all_secrets.are_in(&text) {
                bail!("nothing is written: {name} would hold a secret");
            }
        }
        Ok(())
    }
}

/// What stands for a value that says who asks; none for one that does not.
fn made_up(spec: &SettingSpec, value: &SettingValue) -> Option<String> {
    let word = spec.name.replace('_', "-");
    match value {
        SettingValue::Secret(_) => Some(format!("made-up-{word}")),
        SettingValue::Text(_) if spec.choices.is_empty() => Some(format!("made-up-{word}")),
        SettingValue::Url(_) => Some(format!("https://{word}.example.net")),
        _ => None,
    }
}

fn replaced(pairs: &[(String, String)]) -> Vec<(String, String)> {
    let long = pairs.iter().filter(|(real, _)| real.len() >= SHORTEST);
    let mut replaced: Vec<(String, String)> =
        long.flat_map(|(real, made_up)| forms(real).into_iter().zip(forms(made_up))).collect();
    // As HTTP's Basic scheme has a user and a password.
    let joined = pairs.iter().flat_map(|(user, made_up)| {
        pairs.iter().map(move |(password, other)| (format!("{user}:{password}"), format!("{made_up}:{other}")))
    });
    replaced.extend(joined.map(|(real, made_up)| (BASE64_STANDARD.encode(real), BASE64_STANDARD.encode(made_up))));
    replaced.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
    replaced.dedup();
    replaced
}

/// The forms in which a text can stand in an answer: as it is, in JSON, in a URL, in Base64.
fn forms(text: &str) -> [String; 6] {
    let quoted = serde_json::Value::from(text).to_string();
    let escaped = quoted[1..quoted.len() - 1].to_owned();
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let slashed = escaped.replace('/', "\\/");
    [text.to_owned(), escaped, slashed, encoded, BASE64_STANDARD.encode(text), BASE64_URL_SAFE_NO_PAD.encode(text)]
}
