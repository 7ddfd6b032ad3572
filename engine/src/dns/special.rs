//! Special-use domain names and addresses, which passive DNS does not cover.
//!
//! The table follows IANA's registry of special-use domain names (RFC 6761 and the RFCs of each row) and ICANN's
//! reservation of `internal`. It omits `example` names, which are for documentation and are queried like any other.

use super::address::parse_address;
use super::address_scope::{NOT_PUBLIC, Scope, network_scope, scope};
use super::name::Name;
use crate::printable;
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
];

/// Returns why a name or address has no public meaning: its special use, with the RFC that reserves it, or that it is
/// neither a name nor an address; `None` for public ones.
pub fn special_use(text: &str) -> Option<String> {
    if let Ok(address) = parse_address(text) {
        return special_address(address);
    }
    match Name::parse(text) {
        Ok(name) => special_reverse(&name).or_else(|| special_suffix(&name)),
        Err(error) => Some(format!("unknown host `{}`: {error}", printable::line(text))),
    }
}

fn special_suffix(name: &Name) -> Option<String> {
    let (suffix, meaning) = SUFFIXES.iter().find(|(suffix, _)| is_below(name.as_str(), suffix))?;
    Some(format!("`{suffix}` is reserved for {meaning}"))
}

fn special_reverse(name: &Name) -> Option<String> {
    let Some((network, length)) = reverse_network(name)? else {
        return Some(format!("`{name}` is not a reverse name of a network"));
    };
    if length == if network.is_ipv4() { 32 } else { 128 } {
        return special_address(network.to_canonical());
    }
    let scope = network_scope(network, length);
    let article = article(&scope.to_string());
    NOT_PUBLIC.contains(&scope).then(|| format!("`{name}` stands for {network}/{length}, {article} {scope} network"))
}

/// Returns the scope of the network of a reverse name; `None` for other names.
pub fn reverse_scope(name: &Name) -> Option<Scope> {
    let network = reverse_network(name)?;
    Some(network.map_or(Scope::Reserved, |(network, length)| network_scope(network, length)))
}

/// Network, with its prefix length.
type Network = (IpAddr, u32);

/// Returns the network that a reverse name stands for; `None` within if its labels are not those of an address.
/// Labels below those of the network, such as `_dns-sd`, are ignored.
fn reverse_network(name: &Name) -> Option<Option<Network>> {
    if !name.as_str().ends_with("arpa") && !name.as_str().ends_with(".int") {
        return None;
    }
    let labels: Vec<&str> = name.labels().collect();
    match labels.as_slice() {
        [labels @ .., "in-addr", "arpa"] => Some(reverse_v4(labels)),
        // `ip6.int` preceded `ip6.arpa` (RFC 4159).
        [labels @ .., "ip6", "arpa" | "int"] => Some(reverse_v6(labels)),
        _ => None,
    }
}

/// Reads octets from right to left (RFC 1035 §3.5). A classless delegation such as `64/26` (RFC 2317) counts as its
/// first octet.
fn reverse_v4(labels: &[&str]) -> Option<Network> {
    let (mut octets, mut length) = ([0; 4], 0);
    for (octet, label) in octets.iter_mut().zip(labels.iter().rev()) {
        let digits = label.trim_start_matches(|character: char| character.is_ascii_digit());
        let (number, rest) = label.split_at(label.len() - digits.len());
        if number.is_empty() {
            break;
        }
        *octet = number.parse().ok().filter(|_| number == "0" || !number.starts_with('0'))?;
        length += 8;
        if !rest.is_empty() {
            break;
        }
    }
    Some((IpAddr::from(octets), length))
}

/// Reads hexadecimal digits from right to left (RFC 3596 §2.5).
fn reverse_v6(labels: &[&str]) -> Option<Network> {
    let (mut bits, mut length) = (0_u128, 0);
    for label in labels.iter().rev().take(32) {
        let digits = label.trim_start_matches(|character: char| character.is_ascii_hexdigit());
        let (number, rest) = label.split_at(label.len() - digits.len());
        match (number.len(), rest) {
            (1, _) => bits |= u128::from_str_radix(number, 16).ok()? << (124 - length),
            (2.., "") => return None,
            _ => break,
        }
        length += 4;
        if !rest.is_empty() {
            break;
        }
    }
    Some((IpAddr::from(bits.to_be_bytes()), length))
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
            ("10.in-addr.arpa", "`10.in-addr.arpa` stands for 10.0.0.0/8, a private network"),
            ("64.100.in-addr.arpa", "`64.100.in-addr.arpa` stands for 100.64.0.0/16, a private network"),
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
            "in-addr.arpa",
            "ip6.arpa",
            "172.in-addr.arpa",
            "63.100.in-addr.arpa",
            "0/25.113.0.203.in-addr.arpa",
            "8.b.d.0.1.0.0.2.ip6.arpa",
            "b._dns-sd._udp.8.8.in-addr.arpa",
            "64:ff9b::808:808",
        ] {
            assert_eq!(special_use(text), None, "{text}");
        }
    }

    #[test]
    fn special_networks_and_unknown_hosts_are_refused() {
        for text in [
            "",
            "a..printer.local",
            "printer.local..",
            "127.1",
            "010.0.0.1",
            "5.64.100.in-addr.arpa",
            "64/10.100.in-addr.arpa",
            "16.172.in-addr.arpa",
            "31.172.in-addr.arpa",
            "b._dns-sd._udp.1.168.192.in-addr.arpa",
            "5.0.239.in-addr.arpa",
            "010.in-addr.arpa",
            "0.in-addr.arpa",
            "127.in-addr.arpa",
            "255.255.255.255.in-addr.arpa",
            "1.c.f.ip6.arpa",
            "d.f.ip6.arpa",
            "d.f.ip6.int",
            "8.e.f.ip6.arpa",
            "0.0.f.f.ip6.arpa",
            "fc.ip6.arpa",
            "0.1.2.0.0.2.ip6.arpa.1.168.192.in-addr.arpa",
            "8.a.0.c.2.0.0.2.ip6.arpa",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "2001:0:1::1",
        ] {
            assert!(special_use(text).is_some(), "{text}");
        }
        let long = format!("{}.example.com", "a".repeat(64));
        assert!(special_use(&long).is_some());
    }

    proptest! {
        #[test]
        fn reverse_zone_of_special_network_is_refused(address in any::<std::net::Ipv4Addr>(), length in 1_usize..4) {
            let octets = address.octets();
            let labels: Vec<String> = octets[..length].iter().rev().map(u8::to_string).collect();
            let zone = format!("{}.in-addr.arpa", labels.join("."));
            let (mut first, mut last) = ([0; 4], [255; 4]);
            first[..length].copy_from_slice(&octets[..length]);
            last[..length].copy_from_slice(&octets[..length]);
            let are_special = [first, last].map(|octets| NOT_PUBLIC.contains(&scope(IpAddr::from(octets))));
            if special_use(&zone).is_some() {
                prop_assert_eq!(are_special, [true, true], "{}", zone);
            } else if are_special == [true, true] {
                prop_assert_eq!(length, 1, "{}", zone);
            }
        }

        #[test]
        fn address_and_reverse_name_agree(address in any::<std::net::Ipv4Addr>()) {
            let reverse = super::super::reverse_name(address.into());
            let is_public = !NOT_PUBLIC.contains(&scope(address.into()));
            prop_assert_eq!(special_use(&address.to_string()).is_none(), is_public);
            prop_assert_eq!(special_use(reverse.as_str()).is_none(), is_public);
        }
    }
}
