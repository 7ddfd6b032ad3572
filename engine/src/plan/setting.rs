//! Settings as a plan knows them, and the values an operator gave: typed, complete, secrets kept apart.

use super::time::duration;
use crate::profile::SettingType;
use crate::stix::{Pap, Tlp};
use jiff::Span;
use std::collections::BTreeMap;
use std::fmt;
use url::Url;
use zeroize::Zeroizing;

/// The setting that every profile has: where requests go instead of `http.base_url`.
pub const BASE_URL: &str = "api_base_url";

/// The setting of profiles that fetch tokens elsewhere: where they are fetched instead.
pub const TOKEN_URL: &str = "api_token_url";

/// The setting that every profile has: what becomes of records about addresses that are not public.
pub const PRIVATE_ADDRESSES: &str = "private_addresses";

/// The setting that every profile has: whether it is asked about addresses and names that are not public.
pub const ASK_RESERVED: &str = "ask_reserved";

/// The settings that are not declared by profiles.
pub const COMMON_SETTINGS: &[&str] = &[BASE_URL, TOKEN_URL, PRIVATE_ADDRESSES, ASK_RESERVED];

/// A shorter secret stands in other text by accident: it is not searched for.
pub const SHORTEST_SECRET: usize = 8;

/// A setting, and the names it can be given by.
#[derive(Debug, Clone)]
pub struct SettingSpec {
    /// Its name in the profile.
    pub name: String,
    /// What kind of value it is.
    pub kind: SettingType,
    /// What it is for.
    pub description: String,
    /// Whether nothing can be asked without it.
    pub required: bool,
    /// The value when none is given.
    pub default: Option<String>,
    /// Other names it is understood by.
    pub also: Vec<String>,
    /// The least number it can be, where it is a number.
    pub at_least: Option<i64>,
    /// The greatest.
    pub at_most: Option<i64>,
    /// The only values it can have.
    pub choices: Vec<String>,
}

impl SettingSpec {
    /// Every name it is understood by, its own first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.also.iter().map(String::as_str))
    }

    /// Why its value cannot be used.
    pub(super) fn unfit(&self, flaw: &'static str) -> SettingError {
        SettingError::Unfit { spec: Box::new(self.clone()), flaw }
    }

    fn has_in_bounds(&self, number: i64) -> bool {
        self.at_least.is_none_or(|least| least <= number) && self.at_most.is_none_or(|most| number <= most)
    }

    /// What a value must look like, in words, bounds included.
    pub fn wanted(&self) -> String {
        let kind = self.kind.wanted();
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
            (Some(least), None) => format!("{kind}, {least} or more"),
            (None, Some(most)) => format!("{kind}, {most} or less"),
            (None, None) => kind.to_owned(),
        }
    }

    /// Reads a value of its type.
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

/// Why a text cannot be meant to be sent: it came from a file or a clipboard with more than the value in it.
fn flaw(text: &str) -> Option<&'static str> {
    if text.contains('\u{feff}') {
        return Some("holds a byte order mark");
    }
    if text.contains(char::is_control) {
        return Some("holds a line end or another control character");
    }
    (text.trim() != text).then_some("has blanks at its ends")
}

/// A secret: held once, wiped when dropped, readable only where credentials are made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The secret itself. For credentials, and for finding it in what must not hold it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A value of a setting.
#[derive(Debug, Clone)]
pub enum SettingValue {
    /// Text.
    Text(String),
    /// A secret.
    Secret(Secret),
    /// A TLP level.
    Tlp(Tlp),
    /// A PAP level.
    Pap(Pap),
    /// A duration.
    Duration(Span),
    /// A whole number.
    Integer(i64),
    /// A flag.
    Boolean(bool),
    /// A base URL.
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

    /// As it stands in a URL or a header. A secret only shows its caller that it is one.
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

/// `30` are days, as earlier connectors had it.
fn days(text: &str) -> Option<Span> {
    let days: i64 = text.trim().parse().ok().filter(|days| *days >= 0)?;
    Span::new().try_days(days).ok()
}

/// An operator may name a server without TLS, on a network of their own.
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

/// Why a setting has no value.
#[derive(Debug, Clone)]
pub enum SettingError {
    /// It is required, and was not given.
    Missing {
        /// The setting.
        spec: Box<SettingSpec>,
    },
    /// What was given cannot be sent. The value is not repeated.
    Unfit {
        /// The setting.
        spec: Box<SettingSpec>,
        /// What is wrong with the value, as a predicate.
        flaw: &'static str,
    },
    /// What was given is not of its type. The value itself is not repeated: it may be a secret in the wrong place.
    NotOfType {
        /// The setting.
        spec: Box<SettingSpec>,
    },
}

/// The values of all settings of a profile.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    values: BTreeMap<String, SettingValue>,
}

impl Settings {
    /// Reads what was given, by name; what was not given has its default. Every setting that has no value is told.
    pub fn read(
        specs: &[SettingSpec],
        mut given: impl FnMut(&SettingSpec) -> Option<String>,
    ) -> Result<Settings, Vec<SettingError>> {
        let mut settings = Settings::default();
        let mut errors = vec![];
        for spec in specs {
            // An empty variable is one that was not given, as in compose files with `KEY=`.
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

    /// A setting's value, if it has one.
    pub fn value(&self, name: &str) -> Option<&SettingValue> {
        self.values.get(name)
    }

    /// A setting's value, if it is a URL.
    pub fn url(&self, name: &str) -> Option<&Url> {
        match self.value(name)? {
            SettingValue::Url(url) => Some(url),
            _ => None,
        }
    }

    /// Whether a setting is a secret that is too short to be told from other text.
    pub fn has_short_secret(&self, name: &str) -> bool {
        self.secrets().any(|(known, secret)| known == name && secret.len() < SHORTEST_SECRET)
    }

    /// The secrets, by the names of their settings.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().filter_map(|(name, value)| match value {
            SettingValue::Secret(secret) => Some((name.as_str(), secret.expose())),
            _ => None,
        })
    }
}
