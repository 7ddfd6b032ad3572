//! A compiled profile.

use super::answers::AnswerPlan;
use super::auth::{AuthPlan, TokenEndpoint, TokenPlan};
use super::compiler::ValueOrSetting;
use super::expression::Prose;
use super::http::{BaseUrl, HttpPlan};
use super::lookups::LookupPlan;
use super::quota::QuotaPlan;
use super::records::RecordPlan;
use super::rules::{AlsoRelatePlan, RulesPlan};
use super::setting::{BASE_URL, SettingSpec, SettingValue, Settings, TOKEN_URL};
use super::template::Part;
use crate::diagnostic::{Source, Span};
use crate::profile::{Licence, Status, TimeField, Unmarked};
use crate::stix::{ObservableType, Pap, Policy, Tlp};
use jiff::Span as TimeSpan;
use std::collections::BTreeSet;
use std::sync::Arc;
use url::Url;

/// A compiled profile, ready to run.
#[derive(Debug)]
pub struct Plan {
    /// Source text, for the locations in diagnostics.
    pub source: Arc<Source>,
    /// Identifier of the profile, which is the name of its folder.
    pub id: String,
    /// Location of the identifier in the source.
    pub id_span: Span,
    /// Version of the profile, such as `1.0.0`.
    pub version: String,
    /// Display name of the provider.
    pub name: String,
    /// One sentence that describes the API.
    pub summary: String,
    /// How reliable the profile and the provider are.
    pub status: Status,
    /// URLs of the API documentation.
    pub links: Vec<String>,
    /// Summary of the provider's terms on sharing and use.
    pub terms: Option<String>,
    /// Whether access to the provider is free, if stated.
    pub licence: Option<Licence>,
    /// URL where an account can be obtained.
    pub subscription: Option<String>,
    /// Settings of the profile, and the common ones such as `api_base_url`.
    pub settings: Vec<SettingSpec>,
    /// Base URL, authentication, headers, limits and retries.
    pub http: HttpPlan,
    /// Request limits of the provider.
    pub quota: QuotaPlan,
    /// Meaning of responses; the first matching row applies.
    pub answers: Vec<AnswerPlan>,
    /// Time window of the records to return.
    pub window: Option<WindowPlan>,
    /// Lookups in the order of the file, in which they run.
    pub lookups: Vec<LookupPlan>,
    /// How rows are converted to records.
    pub record: RecordPlan,
    /// How records are converted to relationships.
    pub rules: RulesPlan,
    /// Additional relationships of mapped records.
    pub also_relate: Vec<AlsoRelatePlan>,
    /// Description, times and ids of relationships.
    pub relationship: RelationshipPlan,
    /// Permitted TLP levels, and the marking of results.
    pub tlp: TlpPlan,
    /// Highest PAP level that may be sent to the provider.
    pub pap_max: ValueOrSetting<Pap>,
    /// STIX identity of the author: name and `identity_class`.
    pub identity: (String, &'static str),
}

/// Time window of the records to return.
#[derive(Debug)]
pub struct WindowPlan {
    /// Length of the window, up to the start of the run.
    pub last: ValueOrSetting<TimeSpan>,
    /// Time field by which records before the window are dropped.
    pub filter: Option<TimeField>,
}

/// Description, times and ids of relationships.
#[derive(Debug)]
pub struct RelationshipPlan {
    /// Description of relationships whose rule has none.
    pub description: Option<Prose>,
    /// Field that becomes the `start_time`.
    pub start_time: Option<TimeField>,
    /// Field that becomes the `stop_time`.
    pub stop_time: Option<TimeField>,
    /// How records with the same relationship are merged.
    pub policy: Policy,
}

/// Permitted TLP levels, and the marking of results.
#[derive(Debug)]
pub struct TlpPlan {
    /// Highest TLP level of an observable that may be sent.
    pub max: ValueOrSetting<Tlp>,
    /// Whether an observable without a TLP marking may be sent.
    pub unmarked: Unmarked,
    /// Lowest TLP level of a result.
    pub at_least: ValueOrSetting<Tlp>,
    /// TLP level of records without a marking of their own.
    pub unmarked_records: Option<ValueOrSetting<Tlp>>,
}

impl Plan {
    /// Returns the base URL of requests with the given settings.
    pub fn base_url(&self, settings: &Settings) -> Url {
        let given = settings.url(BASE_URL);
        match &self.http.base_url {
            BaseUrl::Literal(url) => given.unwrap_or(url).clone(),
            BaseUrl::Setting(name) => {
                given.or_else(|| settings.url(name)).expect("a base URL's setting always has a value").clone()
            }
        }
    }

    /// Returns the URL of the token endpoint with the given settings, if tokens come from another server.
    pub fn token_url(&self, settings: &Settings) -> Option<String> {
        let TokenEndpoint::Url(url) = &self.token()?.from else { return None };
        let part = |part: &Part| match part {
            Part::Setting(name) => settings.value(name).map(SettingValue::as_text).unwrap_or_default(),
            Part::Literal(text) => text.clone(),
            _ => String::new(),
        };
        Some(url.parts().iter().map(part).collect())
    }

    /// Returns the origins that receive credentials with the given settings.
    pub fn origins_with(&self, settings: &Settings) -> BTreeSet<String> {
        let token = self.token_url(settings).and_then(|url| Url::parse(&url).ok());
        let given = settings.url(TOKEN_URL).cloned().or(token);
        let urls = std::iter::once(self.base_url(settings)).chain(given);
        urls.map(|url| url.origin().ascii_serialization()).collect()
    }

    /// Returns the origins that may receive credentials according to the profile: that of the base URL, and that of the
    /// token endpoint. Empty if the base URL is a setting without a default, because the operator chooses the server.
    pub fn origins(&self) -> BTreeSet<String> {
        let base = match &self.http.base_url {
            BaseUrl::Literal(url) => vec![url.clone()],
            BaseUrl::Setting(name) => {
                let spec = self.settings.iter().find(|spec| spec.name == *name);
                let texts = spec.into_iter().flat_map(|spec| spec.default.iter().chain(&spec.choices));
                texts.filter_map(|text| Url::parse(text).ok()).collect()
            }
        };
        let token = self.token().and_then(|token| match &token.from {
            TokenEndpoint::Url(url) => url.parts().first(),
            TokenEndpoint::Path(_) => None,
        });
        let token = token.and_then(|part| match part {
            Part::Literal(start) => Url::parse(start).ok(),
            _ => None,
        });
        base.into_iter().chain(token).map(|url| url.origin().ascii_serialization()).collect()
    }

    /// Returns how the access token is obtained, if requests carry one.
    pub fn token(&self) -> Option<&TokenPlan> {
        self.http.auth.iter().find_map(|auth| match auth {
            AuthPlan::Token(token) => Some(token.as_ref()),
            _ => None,
        })
    }

    /// Returns the observable types that at least one lookup accepts, in the order of [`ObservableType::all`].
    pub fn accepts(&self) -> Vec<ObservableType> {
        ObservableType::all().filter(|kind| self.lookups.iter().any(|lookup| lookup.accepts.contains(kind))).collect()
    }
}
