//! Compatibility with versions of OpenCTI: removes the parts of a GraphQL document that the platform does not support.
//! A line of an operation that requires a version newer than 6.0 ends with `# since VERSION`.

use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Version of the platform, such as `6.0.10` or `7.260309.0.8`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version(Vec<u64>);

impl Version {
    /// Parses the leading numbers; a suffix such as `-lts.1` does not affect the supported API.
    pub(super) fn parse(text: &str) -> Version {
        let numbers = text.split(['-', '+']).next().unwrap_or_default();
        Self(numbers.split('.').map_while(|part| part.trim().parse().ok()).collect())
    }

    /// Returns whether this version is `other` or newer.
    pub(super) fn has(&self, other: &str) -> bool {
        let other = Self::parse(other);
        let length = self.0.len().max(other.0.len());
        let part = |version: &Version, i: usize| version.0.get(i).copied().unwrap_or(0);
        let compared = (0..length).map(|i| part(self, i).cmp(&part(&other, i))).find(|order| order.is_ne());
        compared.unwrap_or(Ordering::Equal).is_ge()
    }
}

/// Fields of `RegisterConnectorInput` with the version that introduced each.
pub(super) const INPUTS: [(&str, &str); 6] = [
    ("listen_callback_uri", "6.5.7"),
    ("auto_update", "6.8.9"),
    ("enrichment_resolution", "6.8.9"),
    ("xtm_one_intent", "7.260529.0"),
    ("version", "7.261014.0"),
    ("slug", "7.261014.0"),
];

/// Returns the lines of a document that this version supports and that name nothing in `unknown`.
pub(super) fn document(text: &str, version: &Version, unknown: &BTreeSet<String>) -> String {
    let lines = text.lines().filter_map(|line| {
        let (line, since) = line.split_once(" # since ").map_or((line, None), |(line, since)| (line, Some(since)));
        let is_known = since.is_none_or(|since| version.has(since.trim()));
        (is_known && words(line).all(|word| !unknown.contains(word))).then_some(line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_')).filter(|word| !word.is_empty())
}

/// Extracts the unknown name from a GraphQL validation error: a field, an argument, a type or an input field.
pub(super) fn unknown_name(message: &str) -> Option<&str> {
    let quoted = |text: &'_ str| text.split('"').next().map(str::len);
    let after = |start: &str| message.split_once(start).map(|(_, rest)| rest);
    let direct =
        ["Cannot query field \"", "Unknown argument \"", "Unknown type \""].iter().find_map(|start| after(start));
    let input = || after("Field \"").filter(|rest| rest.contains("is not defined by type"));
    let rest = direct.or_else(input)?;
    quoted(rest).map(|length| &rest[..length]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_numerically() {
        let has = |version: &str, other: &str| Version::parse(version).has(other);
        assert!(has("6.2.12", "6.2.12") && has("6.10.0", "6.9.29") && has("7.260309.0.8", "7.260309.0"));
        assert!(!has("6.2.11", "6.2.12") && !has("6.0.10", "6.1.0"));
        assert!(has("7.261103.0-lts.2", "7.261014.0"));
    }

    #[test]
    fn newer_or_unknown_fields_are_removed() {
        let text = include_str!("operations/ping.graphql");
        let old = document(text, &Version::parse("6.0.10"), &BTreeSet::new());
        assert!(!old.contains("connectorInfo") && old.contains("connector_state"), "{old}");
        let new = Version::parse("7.261103.0");
        assert!(document(text, &new, &BTreeSet::new()).contains("connectorInfo: $connectorInfo"));
        let unknown: BTreeSet<String> = ["connectorInfo".to_owned()].into();
        assert!(!document(text, &new, &unknown).contains("connectorInfo"));
    }

    #[test]
    fn unknown_names_are_extracted_from_graphql_errors() {
        let check = |message: &str, name: Option<&str>| assert_eq!(unknown_name(message), name, "{message}");
        check(r#"Cannot query field "jwks" on type "Connector". Did you mean "id"?"#, Some("jwks"));
        check(r#"Unknown argument "connectorInfo" on field "Mutation.pingConnector"."#, Some("connectorInfo"));
        check(r#"Unknown type "ConnectorInfoInput"."#, Some("ConnectorInfoInput"));
        check(
            r#"Variable "$input" got invalid value {}; Field "slug" is not defined by type "RegisterConnectorInput"."#,
            Some("slug"),
        );
        check("You must be logged in to do this.", None);
    }
}
