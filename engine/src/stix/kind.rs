//! The STIX Cyber-observable types we make, the relationship types between them, and which pairs OpenCTI permits.
//! A further type is a row here, and what it is made from in `observable`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A STIX Cyber-observable type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A domain name (STIX 2.1 §6.4).
    #[serde(rename = "domain-name")]
    DomainName,
    /// An IPv4 address (STIX 2.1 §6.9).
    #[serde(rename = "ipv4-addr")]
    Ipv4Addr,
    /// An IPv6 address (STIX 2.1 §6.10).
    #[serde(rename = "ipv6-addr")]
    Ipv6Addr,
    /// An e-mail address (STIX 2.1 §6.5).
    #[serde(rename = "email-addr")]
    EmailAddr,
    /// The name of a host, as OpenCTI has it beside domain names.
    Hostname,
    /// A URL (STIX 2.1 §6.16).
    Url,
    /// A text, as OpenCTI has it.
    Text,
    /// A MAC address (STIX 2.1 §6.11).
    MacAddr,
    /// An autonomous system (STIX 2.1 §6.2).
    AutonomousSystem,
}

struct Row {
    kind: Kind,
    stix: &'static str,
    opencti: &'static str,
}

const ROWS: &[Row] = &[
    Row { kind: Kind::DomainName, stix: "domain-name", opencti: "Domain-Name" },
    Row { kind: Kind::Ipv4Addr, stix: "ipv4-addr", opencti: "IPv4-Addr" },
    Row { kind: Kind::Ipv6Addr, stix: "ipv6-addr", opencti: "IPv6-Addr" },
    Row { kind: Kind::EmailAddr, stix: "email-addr", opencti: "Email-Addr" },
    Row { kind: Kind::Hostname, stix: "hostname", opencti: "Hostname" },
    Row { kind: Kind::Url, stix: "url", opencti: "Url" },
    Row { kind: Kind::Text, stix: "text", opencti: "Text" },
    Row { kind: Kind::MacAddr, stix: "mac-addr", opencti: "Mac-Addr" },
    Row { kind: Kind::AutonomousSystem, stix: "autonomous-system", opencti: "Autonomous-System" },
];

impl Kind {
    /// Every kind, in the order of the table.
    pub fn all() -> impl Iterator<Item = Kind> {
        ROWS.iter().map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.kind == self).expect("every kind has its row")
    }

    /// The STIX `type`.
    pub fn stix_type(self) -> &'static str {
        self.row().stix
    }

    /// The name OpenCTI's platform and its users know it by.
    pub fn entity_type(self) -> &'static str {
        self.row().opencti
    }

    /// Reads either spelling, in any case.
    pub fn parse(text: &str) -> Option<Kind> {
        let row =
            ROWS.iter().find(|row| row.stix.eq_ignore_ascii_case(text) || row.opencti.eq_ignore_ascii_case(text))?;
        Some(row.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.stix_type())
    }
}

/// A STIX relationship type that can stand between observables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipType {
    /// The source name leads to the target.
    ResolvesTo,
    /// They have something to do with each other; the description says what.
    RelatedTo,
    /// The source was made from the target.
    DerivedFrom,
    /// The source talks to the target.
    CommunicatesWith,
    /// The source is part of the target.
    BelongsTo,
}

impl RelationshipType {
    /// All of them.
    pub fn all() -> impl Iterator<Item = RelationshipType> {
        [Self::ResolvesTo, Self::RelatedTo, Self::DerivedFrom, Self::CommunicatesWith, Self::BelongsTo].into_iter()
    }

    /// The STIX `relationship_type`.
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
    /// Its place among the words in the order of the alphabet.
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

/// Whether OpenCTI takes a relationship; others are refused when a bundle is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Every platform since 6.0 takes it.
    Always,
    /// Only newer platforms take it: it was added to the table after 6.0.
    Newer,
    /// No platform takes it.
    Never,
}

/// What OpenCTI permits besides `related-to`, which it permits between any two.
const PERMITTED: &[(Kind, RelationshipType, Kind, Permission)] = {
    use Kind::{AutonomousSystem, DomainName, Hostname, Ipv4Addr, Ipv6Addr, MacAddr, Text};
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

/// Whether OpenCTI takes this relationship.
pub fn permission(source: Kind, relationship: RelationshipType, target: Kind) -> Permission {
    if relationship == RelationshipType::RelatedTo {
        return Permission::Always;
    }
    let row = PERMITTED.iter().find(|(from, word, to, _)| (*from, *word, *to) == (source, relationship, target));
    row.map_or(Permission::Never, |(_, _, _, permission)| *permission)
}

/// Whether some platform takes it.
pub fn is_permitted(source: Kind, relationship: RelationshipType, target: Kind) -> bool {
    permission(source, relationship, target) != Permission::Never
}

/// The kinds that `source` may have this relationship to.
pub fn permitted_between(source: Kind, relationship: RelationshipType) -> Vec<Kind> {
    Kind::all().filter(|&target| is_permitted(source, relationship, target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row_and_reads_both_spellings() {
        for kind in Kind::all() {
            assert_eq!(Kind::parse(kind.stix_type()), Some(kind));
            assert_eq!(Kind::parse(&kind.entity_type().to_uppercase()), Some(kind));
            assert_eq!(serde_json::to_value(kind).expect("a word"), kind.stix_type());
        }
    }

    #[test]
    fn relationships_rank_as_their_words() {
        let mut by_rank: Vec<_> = RelationshipType::all().collect();
        by_rank.sort_by_key(|relationship| relationship.rank());
        assert!(by_rank.is_sorted_by(|one, other| one.as_str() < other.as_str()));
    }

    #[test]
    fn an_address_never_resolves_to_a_name() {
        assert!(!is_permitted(Kind::Ipv4Addr, RelationshipType::ResolvesTo, Kind::DomainName));
        assert!(is_permitted(Kind::DomainName, RelationshipType::ResolvesTo, Kind::Ipv4Addr));
        assert!(is_permitted(Kind::Ipv4Addr, RelationshipType::RelatedTo, Kind::DomainName));
        assert!(!is_permitted(Kind::DomainName, RelationshipType::ResolvesTo, Kind::EmailAddr));
    }
}
