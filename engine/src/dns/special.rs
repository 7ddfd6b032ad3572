//! Special-use domain names and addresses, which passive DNS does not cover.
//!
//! The table follows IANA's registry of special-use domain names (RFC 6761 and the RFCs of each row) and ICANN's
//! reservation of `internal`. It omits `example` names, which are for documentation and are queried like any other.

use super::address::parse_address;
use super::name::Name;
use super::scope::{NOT_PUBLIC, scope};
use std::net::IpAddr;

/// Suffix, and what it is reserved for.
const SUFFIXES: &[(&str, &str)] = &[
    ("localhost", "the local host (RFC 6761)"),
    ("test", "testing (RFC 6761)"),
    ("invalid", "names that do not exist (RFC 6761)"),
    ("local", "multicast DNS (RFC 6762)"),
    ("onion", "Tor (RFC 7686)"),
    ("alt", "naming systems other than DNS (RFC 9476)"),
    ("internal", "private networks (ICANN, 2024)"),
    ("home.arpa", "home networks (RFC 8375)"),
    ("service.arpa", "local services (RFC 9665)"),
    ("resolver.arpa", "resolver discovery (RFC 9462)"),
    ("6tisch.arpa", "6TiSCH networks (RFC 9031)"),
    ("eap.arpa", "EAP network access (RFC 9965)"),
    ("10.in-addr.arpa", PRIVATE),
    ("16.172.in-addr.arpa", PRIVATE),
    ("17.172.in-addr.arpa", PRIVATE),
    ("18.172.in-addr.arpa", PRIVATE),
    ("19.172.in-addr.arpa", PRIVATE),
    ("20.172.in-addr.arpa", PRIVATE),
    ("21.172.in-addr.arpa", PRIVATE),
    ("22.172.in-addr.arpa", PRIVATE),
    ("23.172.in-addr.arpa", PRIVATE),
    ("24.172.in-addr.arpa", PRIVATE),
    ("25.172.in-addr.arpa", PRIVATE),
    ("26.172.in-addr.arpa", PRIVATE),
    ("27.172.in-addr.arpa", PRIVATE),
    ("28.172.in-addr.arpa", PRIVATE),
    ("29.172.in-addr.arpa", PRIVATE),
    ("30.172.in-addr.arpa", PRIVATE),
    ("31.172.in-addr.arpa", PRIVATE),
    ("168.192.in-addr.arpa", PRIVATE),
    ("254.169.in-addr.arpa", LINK_LOCAL),
    ("8.e.f.ip6.arpa", LINK_LOCAL),
    ("9.e.f.ip6.arpa", LINK_LOCAL),
    ("a.e.f.ip6.arpa", LINK_LOCAL),
    ("b.e.f.ip6.arpa", LINK_LOCAL),
    // RFC 6303 §4: locally served zones.
    ("0.in-addr.arpa", "the local network (RFC 6303)"),
    ("127.in-addr.arpa", "loopback addresses (RFC 6303)"),
    ("255.255.255.255.in-addr.arpa", "the broadcast address (RFC 6303)"),
    ("d.f.ip6.arpa", "private addresses (RFC 6303)"),
];

const PRIVATE: &str = "private addresses (RFC 6761)";
const LINK_LOCAL: &str = "link-local addresses (RFC 6762)";

/// Returns why a name or address has no public meaning: its special use, with the RFC that reserves it; `None` for
/// public ones.
pub fn special_use(text: &str) -> Option<String> {
    if let Ok(address) = parse_address(text) {
        return special_address(address);
    }
    let name = Name::parse(text).ok()?;
    match name.reverse_address().and_then(special_address) {
        Some(reason) => Some(reason),
        None => SUFFIXES
            .iter()
            .find(|(suffix, _)| is_below(name.as_str(), suffix))
            .map(|(suffix, meaning)| format!("`{suffix}` is reserved for {meaning}")),
    }
}

fn special_address(address: IpAddr) -> Option<String> {
    let scope = scope(address);
    NOT_PUBLIC.contains(&scope).then(|| format!("{address} is {} {scope} address", article(&scope.to_string())))
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Whether a name equals the suffix or is a subdomain of it.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn special_use_returns_the_reason() {
        for (text, reason) in [
            ("10.0.0.1", "10.0.0.1 is a private address"),
            ("100.64.0.1", "100.64.0.1 is a private address"),
            ("127.0.0.1", "127.0.0.1 is a loopback address"),
            ("::ffff:127.0.0.1", "127.0.0.1 is a loopback address"),
            ("0.0.0.0", "0.0.0.0 is an unspecified address"),
            ("169.254.1.1", "169.254.1.1 is a link-local address"),
            ("240.0.0.1", "240.0.0.1 is a reserved address"),
            ("fe80::1", "fe80::1 is a link-local address"),
            ("fd00::1", "fd00::1 is a private address"),
            ("1.0.0.10.in-addr.arpa", "10.0.0.1 is a private address"),
            ("10.in-addr.arpa", "`10.in-addr.arpa` is reserved for private addresses (RFC 6761)"),
            ("printer.local", "`local` is reserved for multicast DNS (RFC 6762)"),
            ("LOCALHOST.", "`localhost` is reserved for the local host (RFC 6761)"),
            ("www.some.onion", "`onion` is reserved for Tor (RFC 7686)"),
            ("nas.home.arpa", "`home.arpa` is reserved for home networks (RFC 8375)"),
            ("db.prod.internal", "`internal` is reserved for private networks (ICANN, 2024)"),
        ] {
            assert_eq!(special_use(text).as_deref(), Some(reason), "{text}");
        }
    }

    #[test]
    fn public_and_example_names_have_no_special_use() {
        for text in [
            "example.com",
            "example",
            "www.example.net",
            "198.51.100.7",
            "192.0.2.1",
            "2001:db8::1",
            "8.8.8.8",
            "7.100.51.198.in-addr.arpa",
            "110.in-addr.arpa",
            "local.example.com",
            "mylocal",
            "notlocalhost",
            "internal.example.com",
            "test.com",
            "arpa",
            "",
        ] {
            assert_eq!(special_use(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn address_and_reverse_name_agree(address in any::<std::net::Ipv4Addr>()) {
            let reverse = super::super::reverse_name(address.into());
            let is_public = !NOT_PUBLIC.contains(&scope(address.into()));
            prop_assert_eq!(special_use(&address.to_string()).is_none(), is_public);
            prop_assert_eq!(special_use(reverse.as_str()).is_none(), is_public);
        }
    }
}
