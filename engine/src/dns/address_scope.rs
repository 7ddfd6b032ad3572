//! Scopes of IP addresses by IANA's special-purpose address registries (RFC 6890), for rules that drop records of
//! non-public addresses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Scope of an IP address, by the IANA special-purpose address registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Globally reachable addresses.
    Global,
    /// The unspecified addresses `0.0.0.0` and `::`.
    Unspecified,
    /// The local host: `127.0.0.0/8` and `::1`.
    Loopback,
    /// Private networks and shared address space (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// Addresses valid on one link (RFC 3927, RFC 4291 §2.5.6).
    LinkLocal,
    /// Multicast groups: `224.0.0.0/4` and `ff00::/8`.
    Multicast,
    /// Examples in documentation (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// The limited broadcast address `255.255.255.255`.
    Broadcast,
    /// Benchmarking, protocol assignments and unallocated addresses.
    Reserved,
}

impl Scope {
    /// All scopes, in order of declaration.
    pub const ALL: &[Scope] = &[
        Scope::Global,
        Scope::Unspecified,
        Scope::Loopback,
        Scope::Private,
        Scope::LinkLocal,
        Scope::Multicast,
        Scope::Documentation,
        Scope::Broadcast,
        Scope::Reserved,
    ];
}

/// Scopes that are not publicly reachable, without [`Scope::Documentation`].
pub const NOT_PUBLIC: &[Scope] = &[
    Scope::Unspecified,
    Scope::Loopback,
    Scope::Private,
    Scope::LinkLocal,
    Scope::Multicast,
    Scope::Broadcast,
    Scope::Reserved,
];

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "global",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Broadcast => "broadcast",
            Self::Reserved => "reserved",
        })
    }
}

/// Returns the scope of an address. An IPv6 address that embeds an IPv4 address has the scope of the latter.
pub fn scope(address: IpAddr) -> Scope {
    network_scope(address, if address.is_ipv4() { 32 } else { 128 })
}

/// Returns the scope of a network of this prefix length; [`Scope::Global`] if it is not within a special-purpose one.
pub(super) fn network_scope(network: IpAddr, length: u32) -> Scope {
    match network {
        IpAddr::V4(network) => scope_of_v4(network, length),
        IpAddr::V6(network) => match embedded_v4(network, length) {
            Some((network, length)) => scope_of_v4(network, length),
            None => scope_of_v6(network, length),
        },
    }
}

/// Networks of IPv6 addresses that embed an IPv4 address after the prefix: IPv4-mapped (RFC 4291 §2.5.5.2), NAT64 (RFC
/// 6052 §2.1) and 6to4 (RFC 3056 §2).
const EMBEDDING: &[(Ipv6Addr, u32)] =
    &[(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), (v6(0x64, 0xff9b, 0), 96), (v6(0x2002, 0, 0), 16)];

fn embedded_v4(network: Ipv6Addr, length: u32) -> Option<(Ipv4Addr, u32)> {
    let contains =
        |row: &&(Ipv6Addr, u32)| row.1 <= length && (network.to_bits() ^ row.0.to_bits()).leading_zeros() >= row.1;
    let prefix = EMBEDDING.iter().find(contains)?.1;
    let bits = u32::try_from(network.to_bits() << prefix >> 96).expect("32 bits remain");
    Some((bits.into(), (length - prefix).min(32)))
}

fn scope_of_v4(network: Ipv4Addr, length: u32) -> Scope {
    let contains = |row: &&(Ipv4Addr, u32, Scope)| {
        row.1 <= length && (network.to_bits() ^ row.0.to_bits()).leading_zeros() >= row.1
    };
    V4.iter().find(contains).map_or(Scope::Global, |row| row.2)
}

fn scope_of_v6(network: Ipv6Addr, length: u32) -> Scope {
    let contains = |row: &&(Ipv6Addr, u32, Scope)| {
        row.1 <= length && (network.to_bits() ^ row.0.to_bits()).leading_zeros() >= row.1
    };
    let other = if length == 0 { Scope::Global } else { Scope::Reserved };
    V6.iter().find(contains).map_or(other, |row| row.2)
}

const fn v4(a: u8, b: u8, c: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, 0)
}

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// Network, prefix length and scope. The first match decides; other addresses are global.
const V4: &[(Ipv4Addr, u32, Scope)] = &[
    (Ipv4Addr::UNSPECIFIED, 32, Scope::Unspecified),
    (v4(0, 0, 0), 8, Scope::Reserved),
    (v4(10, 0, 0), 8, Scope::Private),
    (v4(100, 64, 0), 10, Scope::Private),
    (v4(127, 0, 0), 8, Scope::Loopback),
    (v4(169, 254, 0), 16, Scope::LinkLocal),
    (v4(172, 16, 0), 12, Scope::Private),
    (v4(192, 0, 0), 24, Scope::Reserved),
    (v4(192, 0, 2), 24, Scope::Documentation),
    (v4(192, 168, 0), 16, Scope::Private),
    (v4(198, 18, 0), 15, Scope::Reserved),
    (v4(198, 51, 100), 24, Scope::Documentation),
    (v4(203, 0, 113), 24, Scope::Documentation),
    (v4(224, 0, 0), 4, Scope::Multicast),
    (Ipv4Addr::BROADCAST, 32, Scope::Broadcast),
    (v4(240, 0, 0), 4, Scope::Reserved),
];

/// Network, prefix length and scope. The first match decides; other addresses are unallocated.
const V6: &[(Ipv6Addr, u32, Scope)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Scope::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, Scope::Loopback),
    (v6(0x64, 0xff9b, 1), 48, Scope::Private),
    // Teredo (RFC 4380).
    (v6(0x2001, 0, 0), 32, Scope::Reserved),
    (v6(0x2001, 2, 0), 48, Scope::Reserved),
    (v6(0x2001, 0x10, 0), 28, Scope::Reserved),
    (v6(0x2001, 0xdb8, 0), 32, Scope::Documentation),
    (v6(0x3fff, 0, 0), 20, Scope::Documentation),
    (v6(0x2000, 0, 0), 3, Scope::Global),
    (v6(0xfc00, 0, 0), 7, Scope::Private),
    (v6(0xfe80, 0, 0), 10, Scope::LinkLocal),
    (v6(0xff00, 0, 0), 8, Scope::Multicast),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(address: &str, expected: &str) {
        assert_eq!(scope(address.parse().expect("an address")).to_string(), expected, "{address}");
    }

    #[test]
    fn scope_is_that_of_the_first_matching_network() {
        for (address, expected) in [
            ("0.0.0.0", "unspecified"),
            ("0.0.0.1", "reserved"),
            ("1.0.0.0", "global"),
            ("10.255.255.255", "private"),
            ("11.0.0.0", "global"),
            ("100.63.255.255", "global"),
            ("100.64.0.0", "private"),
            ("127.0.0.1", "loopback"),
            ("169.254.0.1", "link-local"),
            ("172.31.255.255", "private"),
            ("172.32.0.0", "global"),
            ("192.0.0.8", "reserved"),
            ("192.0.2.1", "documentation"),
            ("192.168.0.1", "private"),
            ("198.19.255.255", "reserved"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.254", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::2", "reserved"),
            ("::ffff:127.0.0.1", "loopback"),
            ("64:ff9b::c000:201", "documentation"),
            ("64:ff9b::808:808", "global"),
            ("64:ff9b::a00:1", "private"),
            ("64:ff9b::7f00:1", "loopback"),
            ("2002:808:808::1", "global"),
            ("2002:c0a8:1::1", "private"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"),
            ("64:ff9b:1::1", "private"),
            ("2001:db8::1", "documentation"),
            ("2001:db9::1", "global"),
            ("3fff:fff::1", "documentation"),
            ("4000::1", "reserved"),
            ("fd00::1", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "reserved"),
            ("ff02::1", "multicast"),
        ] {
            check(address, expected);
        }
    }

    #[test]
    fn names_of_scopes_are_unique() {
        let names: std::collections::BTreeSet<_> = Scope::ALL.iter().map(Scope::to_string).collect();
        assert_eq!(names.len(), Scope::ALL.len());
    }

    proptest! {
        #[test]
        fn scope_agrees_with_std(address in any::<Ipv4Addr>()) {
            let scope = scope(address.into());
            prop_assert_eq!(scope == Scope::Loopback, address.is_loopback());
            prop_assert_eq!(scope == Scope::LinkLocal, address.is_link_local());
            prop_assert_eq!(scope == Scope::Multicast, address.is_multicast());
            prop_assert!(!address.is_private() || scope == Scope::Private);
        }
    }
}
