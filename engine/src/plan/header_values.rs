//! The values of header fields that settings supply.

use super::auth::AuthPlan;
use super::compiled::Plan;
use super::setting::{SettingError, SettingValue, Settings};
use super::template::Template;
use std::collections::BTreeSet;
use zeroize::Zeroizing;

impl Plan {
    /// Returns an error for each setting whose value cannot be sent: header values consist of printable ASCII
    /// characters (RFC 9110 §5.5).
    pub fn unsendable(&self, settings: &Settings) -> Vec<SettingError> {
        let is_fit = |name: &str| {
            let text = Zeroizing::new(settings.value(name).map(SettingValue::as_text).unwrap_or_default());
            text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        let names: BTreeSet<&str> = self.header_templates().flat_map(Template::settings).collect();
        let specs = self.settings.iter().filter(|spec| names.contains(&*spec.name) && !is_fit(&spec.name));
        specs.map(|spec| spec.unfit("contains characters that are not permitted in HTTP headers")).collect()
    }

    fn header_templates(&self) -> impl Iterator<Item = &Template> {
        let of_auth = self.http.auth.iter().flat_map(|auth| match auth {
            AuthPlan::Header { value, .. } => vec![value],
            AuthPlan::Signature(signature) => signature.headers.iter().map(|(_, value)| value).collect(),
            AuthPlan::Token(token) => token.headers.iter().map(|(_, value)| value).chain([&token.value]).collect(),
            AuthPlan::Basic(_) | AuthPlan::Query { .. } | AuthPlan::Path { .. } | AuthPlan::Body { .. } => vec![],
        });
        let lookups = self.lookups.iter().flat_map(|lookup| &lookup.headers);
        of_auth.chain(self.http.headers.iter().chain(lookups).map(|(_, value)| value))
    }
}
