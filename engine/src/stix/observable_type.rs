//! STIX Cyber-observable types, the relationship types between them, and the combinations that OpenCTI permits. A new
//! type needs a row here, and its parser in `observable`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A STIX Cyber-observable type that profiles can produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObservableType {
    /// A domain name (STIX 2.1 §6.4).
    #[serde(rename = "domain-name")]
    DomainName,
    /// An IPv4 address (STIX 2.1 §6.8).
    #[serde(rename = "ipv4-addr")]
    Ipv4Addr,
    /// An IPv6 address (STIX 2.1 §6.9).
    #[serde(rename = "ipv6-addr")]
    Ipv6Addr,
    /// An e-mail address (STIX 2.1 §6.5).
    #[serde(rename = "email-addr")]
    EmailAddr,
    /// A hostname, an OpenCTI extension next to domain names.
    Hostname,
    /// A URL (STIX 2.1 §6.15).
    Url,
    /// A text, an OpenCTI extension.
    Text,
    /// A MAC address (STIX 2.1 §6.10).
    MacAddr,
    /// An autonomous system (STIX 2.1 §6.2).
    AutonomousSystem,
}

struct Row {
    kind: ObservableType,
    stix: &'static str,
    opencti: &'static str,
}

const ROWS: &[Row] = &[
    Row { kind: ObservableType::DomainName, stix: "domain-name", opencti: "Domain-Name" },
    Row { kind: ObservableType::Ipv4Addr, stix: "ipv4-addr", opencti: "IPv4-Addr" },
    Row { kind: ObservableType::Ipv6Addr, stix: "ipv6-addr", opencti: "IPv6-Addr" },
    Row { kind: ObservableType::EmailAddr, stix: "email-addr", opencti: "Email-Addr" },
    Row { kind: ObservableType::Hostname, stix: "hostname", opencti: "Hostname" },
    Row { kind: ObservableType::Url, stix: "url", opencti: "Url" },
    Row { kind: ObservableType::Text, stix: "text", opencti: "Text" },
    Row { kind: ObservableType::MacAddr, stix: "mac-addr", opencti: "Mac-Addr" },
    Row { kind: ObservableType::AutonomousSystem, stix: "autonomous-system", opencti: "Autonomous-System" },
];

impl ObservableType {
    /// Iterates over all types in the order of the table.
    pub fn all() -> impl Iterator<Item = ObservableType> {
        ROWS.iter().map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.kind == self).expect("every kind has its row")
    }

    /// Returns the STIX `type` property, such as `ipv4-addr`.
    pub fn stix_type(self) -> &'static str {
        self.row().stix
    }

    /// Returns OpenCTI's entity type, such as `IPv4-Addr`.
    pub fn entity_type(self) -> &'static str {
        self.row().opencti
    }

    /// Parses the STIX type or OpenCTI's entity type, in any case.
    pub fn parse(text: &str) -> Option<ObservableType> {
        let row =
            ROWS.iter().find(|row| row.stix.eq_ignore_ascii_case(text) || row.opencti.eq_ignore_ascii_case(text))?;
        Some(row.kind)
    }
}

impl fmt::Display for ObservableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.stix_type())
    }
}

/// A STIX relationship type that is permitted between observables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipType {
    /// The source resolves to the target.
    ResolvesTo,
    /// The source and the target are related in a way that the description states.
    RelatedTo,
    /// The source was derived from the target.
    DerivedFrom,
    /// The source communicates with the target.
    CommunicatesWith,
    /// The source belongs to the target.
    BelongsTo,
}

impl RelationshipType {
    /// Iterates over all relationship types that profiles can create.
    pub fn all() -> impl Iterator<Item = RelationshipType> {
        [Self::ResolvesTo, Self::RelatedTo, Self::DerivedFrom, Self::CommunicatesWith, Self::BelongsTo].into_iter()
    }

    /// Returns the STIX `relationship_type` property, such as `resolves-to`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResolvesTo => "resolves-to",
            Self::RelatedTo => "related-to",
            Self::DerivedFrom => "derived-from",
            Self::CommunicatesWith => "communicates-with",
            Self::BelongsTo => "belongs-to",
        }
    }
}

impl RelationshipType {
    /// Returns the position of the type in alphabetical order.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::BelongsTo => 0,
            Self::CommunicatesWith => 1,
            Self::DerivedFrom => 2,
            Self::RelatedTo => 3,
            Self::ResolvesTo => 4,
        }
    }
}

impl fmt::Display for RelationshipType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether OpenCTI accepts a relationship; others are rejected when a bundle is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Accepted by every platform since 6.0.
    Always,
    /// Accepted by newer platforms only: permitted since a later version than 6.0.
    Newer,
    /// Rejected by every platform.
    Never,
}

/// Relationships that OpenCTI permits, except `related-to`, which is permitted between any two observables.
const PERMITTED: &[(ObservableType, RelationshipType, ObservableType, Permission)] = {
    use ObservableType::{AutonomousSystem, DomainName, Hostname, Ipv4Addr, Ipv6Addr, MacAddr, Text};
    use Permission::{Always, Newer};
    use RelationshipType::{BelongsTo, CommunicatesWith, DerivedFrom, ResolvesTo};
    &[
        (DomainName, ResolvesTo, DomainName, Always),
        (DomainName, ResolvesTo, Ipv4Addr, Always),
        (DomainName, ResolvesTo, Ipv6Addr, Always),
        (DomainName, ResolvesTo, Hostname, Always),
        (DomainName, DerivedFrom, DomainName, Always),
        (DomainName, DerivedFrom, Hostname, Always),
        (Hostname, ResolvesTo, DomainName, Newer),
        (Hostname, ResolvesTo, Ipv4Addr, Newer),
        (Hostname, ResolvesTo, Ipv6Addr, Newer),
        (Hostname, DerivedFrom, Hostname, Always),
        (Hostname, CommunicatesWith, DomainName, Newer),
        (Hostname, CommunicatesWith, Ipv4Addr, Newer),
        (Hostname, CommunicatesWith, Ipv6Addr, Newer),
        (Ipv4Addr, DerivedFrom, Ipv4Addr, Always),
        (Ipv4Addr, CommunicatesWith, Ipv4Addr, Newer),
        (Ipv6Addr, DerivedFrom, Ipv6Addr, Always),
        (Ipv4Addr, ResolvesTo, MacAddr, Always),
        (Ipv6Addr, ResolvesTo, MacAddr, Always),
        (Ipv4Addr, BelongsTo, AutonomousSystem, Always),
        (Ipv6Addr, BelongsTo, AutonomousSystem, Always),
        (Text, DerivedFrom, Text, Always),
    ]
};

/// Returns whether OpenCTI accepts this relationship.
pub fn permission(source: ObservableType, relationship: RelationshipType, target: ObservableType) -> Permission {
    if relationship == RelationshipType::RelatedTo {
        return Permission::Always;
    }
    let row = PERMITTED.iter().find(|(from, word, to, _)| (*from, *word, *to) == (source, relationship, target));
    row.map_or(Permission::Never, |(_, _, _, permission)| *permission)
}

/// Returns whether any platform accepts this relationship.
pub fn is_permitted(source: ObservableType, relationship: RelationshipType, target: ObservableType) -> bool {
    permission(source, relationship, target) != Permission::Never
}

/// Returns the target types that are permitted for a source type and relationship.
pub fn permitted_between(source: ObservableType, relationship: RelationshipType) -> Vec<ObservableType> {
    ObservableType::all().filter(|&target| is_permitted(source, relationship, target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_stix_and_opencti_types() {
        for kind in ObservableType::all() {
            assert_eq!(ObservableType::parse(kind.stix_type()), Some(kind));
            assert_eq!(ObservableType::parse(&kind.entity_type().to_uppercase()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.stix_type());
        }
    }

    #[test]
    fn rank_follows_alphabetical_order() {
        let mut by_rank: Vec<_> = RelationshipType::all().collect();
        by_rank.sort_by_key(|relationship| relationship.rank());
        assert!(by_rank.is_sorted_by(|one, other| one.as_str() < other.as_str()));
    }

    #[test]
    fn is_permitted_rejects_address_that_resolves_to_name() {
        assert!(!is_permitted(ObservableType::Ipv4Addr, RelationshipType::ResolvesTo, ObservableType::DomainName));
        assert!(is_permitted(ObservableType::DomainName, RelationshipType::ResolvesTo, ObservableType::Ipv4Addr));
        assert!(is_permitted(ObservableType::Ipv4Addr, RelationshipType::RelatedTo, ObservableType::DomainName));
        assert!(!is_permitted(ObservableType::DomainName, RelationshipType::ResolvesTo, ObservableType::EmailAddr));
    }
}
