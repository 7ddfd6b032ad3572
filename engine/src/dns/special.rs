//! Names that mean nothing to a passive-DNS provider: special-use domain names, which no public resolver looks up. The table
//! follows IANA's registry of special-use domain names (RFC 6761 and the RFCs that each row names) and ICANN's reservation of
//! `internal`. `example` names are no part of it: they are for documentation, and are asked about as any other.

use super::address::parse_address;
use super::name::Name;
use super::scope::{NOT_PUBLIC, scope};
use std::net::IpAddr;

/// A suffix, and what names below it are.
const SUFFIXES: &[(&str, &str)] = &[
    ("localhost", "the machine itself (RFC 6761)"),
    ("test", "tests (RFC 6761)"),
    ("invalid", "names that do not exist (RFC 6761)"),
    ("local", "multicast DNS (RFC 6762)"),
    ("onion", "Tor (RFC 7686)"),
    ("alt", "systems other than DNS (RFC 9476)"),
    ("internal", "private networks (ICANN, 2024)"),
    ("home.arpa", "home networks (RFC 8375)"),
    ("service.arpa", "services of a local network (RFC 9665)"),
    ("resolver.arpa", "the resolver itself (RFC 9462)"),
    ("6tisch.arpa", "networks of devices (RFC 9031)"),
    ("eap.arpa", "access to networks (RFC 9965)"),
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
    // RFC 6303 §4: zones that resolvers answer for themselves.
    ("0.in-addr.arpa", "no network (RFC 6303)"),
    ("127.in-addr.arpa", "the machine itself (RFC 6303)"),
    ("255.255.255.255.in-addr.arpa", "everyone on the link (RFC 6303)"),
    ("d.f.ip6.arpa", "private addresses (RFC 6303)"),
];

const PRIVATE: &str = "private addresses (RFC 6761)";
const LINK_LOCAL: &str = "addresses of one link (RFC 6762)";

/// Why a name or an address has no meaning outside of a network, if it has none: `private`, or what its suffix is for.
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
            .map(|(suffix, meaning)| format!("`{suffix}` stands for {meaning}")),
    }
}

fn special_address(address: IpAddr) -> Option<String> {
    let scope = scope(address);
    NOT_PUBLIC.contains(&scope).then(|| format!("{address} is {} {scope} address", article(&scope.to_string())))
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Whether a name is this suffix, or ends in it at a dot.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_meaning_on_the_internet_says_why() {
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
            ("10.in-addr.arpa", "`10.in-addr.arpa` stands for private addresses (RFC 6761)"),
            ("printer.local", "`local` stands for multicast DNS (RFC 6762)"),
            ("LOCALHOST.", "`localhost` stands for the machine itself (RFC 6761)"),
            ("www.some.onion", "`onion` stands for Tor (RFC 7686)"),
            ("nas.home.arpa", "`home.arpa` stands for home networks (RFC 8375)"),
            ("db.prod.internal", "`internal` stands for private networks (ICANN, 2024)"),
        ] {
            assert_eq!(special_use(text).as_deref(), Some(reason), "{text}");
        }
    }

    #[test]
    fn what_is_public_or_an_example_has_a_meaning() {
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
        fn an_address_and_its_reverse_name_are_told_alike(address in any::<std::net::Ipv4Addr>()) {
            let reverse = super::super::reverse_name(address.into());
            let is_public = !NOT_PUBLIC.contains(&scope(address.into()));
            prop_assert_eq!(special_use(&address.to_string()).is_none(), is_public);
            prop_assert_eq!(special_use(reverse.as_str()).is_none(), is_public);
        }
    }
}
