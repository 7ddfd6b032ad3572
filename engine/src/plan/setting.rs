//! Settings of a plan, and the values that an operator supplies: typed, complete, with secrets protected.

use super::time::duration;
use crate::profile::SettingType;
use crate::stix::{Pap, Tlp};
use jiff::Span;
use std::collections::BTreeMap;
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// Common setting that replaces `http.base_url` with another server.
pub const BASE_URL: &str = "api_base_url";

/// Common setting that replaces the token endpoint, for profiles that have one.
pub const TOKEN_URL: &str = "api_token_url";

/// Common setting: whether records about non-public addresses are kept.
pub const PRIVATE_ADDRESSES: &str = "private_addresses";

/// Common setting: whether non-public addresses and names are queried.
pub const ASK_RESERVED: &str = "ask_reserved";

/// Settings that every profile has without a declaration.
pub const COMMON_SETTINGS: &[&str] = &[BASE_URL, TOKEN_URL, PRIVATE_ADDRESSES, ASK_RESERVED];

/// Minimum length of secrets that are redacted; shorter ones occur in other text by chance.
pub const SHORTEST_SECRET: usize = 8;

/// A declared setting with the names that it accepts.
#[derive(Debug, Clone)]
pub struct SettingSpec {
    /// Name of the setting in the profile.
    pub name: String,
    /// Type of the setting's value.
    pub kind: SettingType,
    /// What the setting is for, in one sentence.
    pub description: String,
    /// Whether the profile cannot run without a value.
    pub required: bool,
    /// Value that is used if the operator supplies none.
    pub default: Option<String>,
    /// Alternative names that are accepted too.
    pub also: Vec<String>,
    /// Minimum of a number, if there is one.
    pub at_least: Option<i64>,
    /// Maximum of a number, if there is one.
    pub at_most: Option<i64>,
    /// The permitted values; empty if there is no restriction.
    pub choices: Vec<String>,
}

impl SettingSpec {
    /// Returns all names of the setting, its own first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// Returns the error for a value that cannot be used.
    pub(super) fn unfit(&self, flaw: &'static str) -> SettingError {
        SettingError::Unfit { spec: Box::new(self.clone()), flaw }
    }

    fn has_in_bounds(&self, number: i64) -> bool {
        self.at_least.is_none_or(|least| least <= number) && self.at_most.is_none_or(|most| number <= most)
    }

    /// Returns a description of valid values with their bounds, for use after `expected`.
    pub fn wanted(&self) -> String {
        let kind = self.kind.wanted();
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
            (Some(least), None) => format!("{kind}, {least} or more"),
            (None, Some(most)) => format!("{kind}, {most} or less"),
            (None, None) => kind.to_owned(),
        }
    }

    /// Parses a value of the setting's type.
    ///
    /// # Errors
    ///
    /// The error does not contain the value, which may be a secret.
    pub fn read(&self, text: &str) -> Result<SettingValue, SettingError> {
        if let Some(flaw) = flaw(text).filter(|_| matches!(self.kind, SettingType::String | SettingType::Secret)) {
            return Err(self.unfit(flaw));
        }
        let value = SettingValue::read(self.kind, text);
        let allowed = self.choices.is_empty() || self.choices.iter().any(|choice| choice == text);
        let fits = |value: &SettingValue| match value {
            SettingValue::Integer(number) => self.has_in_bounds(*number),
            _ => true,
        };
        value
            .filter(|value| allowed && fits(value))
            .ok_or_else(|| SettingError::NotOfType { spec: Box::new(self.clone()) })
    }
}

/// Returns why a text cannot be sent: it was copied from a file or clipboard with more than the value.
fn flaw(text: &str) -> Option<&'static str> {
    if text.contains('\u{feff}') {
        return Some("contains a byte order mark");
    }
    if text.contains(char::is_control) {
        return Some("contains a line break or another control character");
    }
    (text.trim() != text).then_some("has leading or trailing white space")
}

/// A secret. It is stored once, wiped when dropped, and readable only where credentials are created.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Creates a secret from its text.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// Returns the secret, to create credentials and to find it in text that must not contain it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The typed value of a setting.
#[derive(Debug, Clone)]
pub enum SettingValue {
    /// A text without further structure.
    Text(String),
    /// A credential, which is never printed.
    Secret(Secret),
    /// A level of the Traffic Light Protocol.
    Tlp(Tlp),
    /// A level of the Permissible Actions Protocol.
    Pap(Pap),
    /// A duration, in calendar units or exact.
    Duration(Span),
    /// A whole number within the setting's bounds.
    Integer(i64),
    /// A boolean, `true` or `false`.
    Boolean(bool),
    /// A base URL without a query.
    Url(Url),
}

impl SettingValue {
    pub(super) fn read(kind: SettingType, text: &str) -> Option<SettingValue> {
        match kind {
            SettingType::String => Some(Self::Text(text.to_owned())),
            SettingType::Secret => (!text.is_empty()).then(|| Self::Secret(Secret::new(text))),
            SettingType::Tlp => Tlp::parse(text).map(Self::Tlp),
            SettingType::Pap => Pap::parse(text).map(Self::Pap),
            SettingType::Duration => days(text).or_else(|| duration(text)).map(Self::Duration),
            SettingType::Integer => text.trim().parse().ok().map(Self::Integer),
            SettingType::Boolean => boolean(text).map(Self::Boolean),
            SettingType::Url => web_server(text).map(Self::Url),
        }
    }

    /// Returns the value as text for a URL or header. A secret is exposed, so the caller must redact it.
    pub fn as_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Secret(secret) => secret.expose().to_owned(),
            Self::Tlp(tlp) => tlp.to_string(),
            Self::Pap(pap) => pap.to_string(),
            Self::Duration(span) => span.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Url(url) => url.to_string(),
        }
    }
}

/// Parses a number as days, for compatibility with earlier connectors.
fn days(text: &str) -> Option<Span> {
    let days: i64 = text.trim().parse().ok().filter(|days| *days >= 0)?;
    Span::new().try_days(days).ok()
}

/// A server of the operator may use HTTP without TLS.
fn web_server(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none() && is_plain).then_some(url)
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Reasons why a setting has no valid value.
#[derive(Debug, Clone)]
pub enum SettingError {
    /// The setting is required, and no value was supplied.
    Missing {
        /// Declaration of the setting without a value.
        spec: Box<SettingSpec>,
    },
    /// The value cannot be sent. The error does not repeat it.
    Unfit {
        /// Declaration of the setting with the invalid value.
        spec: Box<SettingSpec>,
        /// What is wrong with the value, as a predicate.
        flaw: &'static str,
    },
    /// The value is not of the setting's type. The error does not repeat it, because it may be a misplaced secret.
    NotOfType {
        /// Declaration of the setting with the invalid value.
        spec: Box<SettingSpec>,
    },
}

/// Values of all settings of a profile.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, SettingValue>,
}

impl Settings {
    /// Reads the supplied values by name. A setting without a value gets its default.
    ///
    /// # Errors
    ///
    /// Returns one error for each setting with a missing or invalid value.
    pub fn read(
        specs: &[SettingSpec],
        mut given: impl FnMut(&SettingSpec) -> Option<String>,
    ) -> Result<Settings, Vec<SettingError>> {
        let mut settings = Settings::default();
        let mut errors = vec![];
        for spec in specs {
            // An empty variable counts as absent, as in compose files with `KEY=`.
            let text = given(spec).filter(|text| !text.trim().is_empty()).or_else(|| spec.default.clone());
            match text.as_deref().map(|text| spec.read(text)) {
                Some(Ok(value)) => {
                    settings.values.insert(spec.name.clone(), value);
                }
                Some(Err(error)) => errors.push(error),
                None if spec.required => errors.push(SettingError::Missing { spec: Box::new(spec.clone()) }),
                None => {}
            }
        }
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// Returns the value of a setting, if it has one.
    pub fn value(&self, name: &str) -> Option<&SettingValue> {
        self.values.get(name)
    }

    /// Returns the value of a setting, if it is a URL.
    pub fn url(&self, name: &str) -> Option<&Url> {
        match self.value(name)? {
            SettingValue::Url(url) => Some(url),
            _ => None,
        }
    }

    /// Returns whether a setting is a secret that is too short to be redacted.
    pub fn has_short_secret(&self, name: &str) -> bool {
        self.secrets().any(|(known, secret)| known == name && secret.len() < SHORTEST_SECRET)
    }

    /// Returns the secrets with the names of their settings.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter_map(|(name, value)| match value {
            SettingValue::Secret(secret) => Some((name.as_str(), secret.expose())),
            _ => None,
        })
    }
}
