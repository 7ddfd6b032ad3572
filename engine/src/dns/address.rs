//! IP addresses in text. Strict, because a provider's `010.0.0.1` or `192.0.2.0/24` means something else to everyone.
//! An address is written by the `Display` of `std::net`, which is RFC 5952.

use super::name::Name;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reads one address: no zone, brackets, port, network or blanks around it.
///
/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is the IPv4 address it stands for: it is how
/// sockets and databases write one, and both spellings must give one observable.
pub fn parse_address(text: &str) -> Result<IpAddr, AddressError> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(reason(text)),
    }
}

/// All eight groups with all four digits, as some providers want to be asked.
pub fn expanded(address: Ipv6Addr) -> String {
    address.segments().map(|group| format!("{group:04x}")).join(":")
}

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// Something else, such as `NXDOMAIN`.
    NotAnAddress,
    /// A network or a range of addresses.
    Network,
    /// Four numbers of which one is above 255, or starts with a zero and is octal to some readers.
    Octet,
    /// An address with a zone (`fe80::1%eth0`, RFC 4007 §11).
    Zone,
    /// An address in brackets, with a port, or both.
    Port,
    /// Blanks before or after it.
    Blanks,
    /// An IPv4-mapped IPv6 address where an IPv6 address is wanted.
    Mapped,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnAddress => "the text has the form of neither IPv4 nor IPv6",
            Self::Network => "the text is a network or a range of addresses",
            Self::Octet => "one of the four numbers is above 255 or starts with a zero",
            Self::Zone => "the address has a zone, which means something on one machine only",
            Self::Port => "the address stands in brackets or has a port",
            Self::Blanks => "blanks stand around the text",
            Self::Mapped => "it is IPv4-mapped: an IPv4 address, and no IPv6 address of a node",
        })
    }
}

impl std::error::Error for AddressError {}

fn reason(text: &str) -> AddressError {
    if text.trim() != text {
        AddressError::Blanks
    } else if is_network(text) || is_range(text) {
        AddressError::Network
    } else if is_quad(text) {
        AddressError::Octet
    } else if has_zone(text) {
        AddressError::Zone
    } else if has_port(text) {
        AddressError::Port
    } else {
        AddressError::NotAnAddress
    }
}

/// `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/32`, and `10/8` for short.
fn is_network(text: &str) -> bool {
    let Some((base, mask)) = text.split_once('/') else { return false };
    let is_base = are_numbers(base) && base.split('.').count() <= 4 || base.parse::<Ipv6Addr>().is_ok();
    is_base && (is_number(mask) || mask.parse::<IpAddr>().is_ok())
}

/// `192.0.2.1-192.0.2.9`, and `192.0.2.1-9` for short.
fn is_range(text: &str) -> bool {
    let Some((first, last)) = text.split_once('-') else { return false };
    first.trim_end().parse::<IpAddr>().is_ok()
        && (is_number(last.trim_start()) || last.trim_start().parse::<IpAddr>().is_ok())
}

fn is_quad(text: &str) -> bool {
    are_numbers(text) && text.split('.').count() == 4
}

/// Numbers with dots between them, as C's `inet_aton` reads an address.
pub(super) fn are_numbers(text: &str) -> bool {
    text.split('.').all(is_number)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn has_zone(text: &str) -> bool {
    text.split_once('%').is_some_and(|(address, _)| address.parse::<Ipv6Addr>().is_ok())
}

fn has_port(text: &str) -> bool {
    match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => text.split_once(':').is_some_and(|(address, _)| address.parse::<Ipv4Addr>().is_ok()),
    }
}

/// The name that has the PTR record of an address.
pub fn reverse_name(address: IpAddr) -> Name {
    let text = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address
                .octets()
                .iter()
                .rev()
                .map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4))
                .collect::<String>();
            format!("{nibbles}ip6.arpa")
        }
    };
    Name::parse(&text).expect("reverse names are names")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&str, AddressError>) {
        assert_eq!(parse_address(text).map(|address| address.to_string()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn one_spelling_for_each_address() {
        for (text, canonical) in [
            ("192.0.2.1", "192.0.2.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("2001:DB8::A", "2001:db8::a"),
            ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
            ("2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:db8::192.0.2.1", "2001:db8::c000:201"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:0201", "192.0.2.1"),
            ("::", "::"),
        ] {
            check(text, Ok(canonical));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        use AddressError::*;
        for (text, error) in [
            ("", NotAnAddress),
            ("NXDOMAIN", NotAnAddress),
            ("resolve ip", NotAnAddress),
            ("3221225985", NotAnAddress),
            ("0xc0000201", NotAnAddress),
            ("192.0.2", NotAnAddress),
            ("192.0.2.1.", NotAnAddress),
            ("2001:db8::1::2", NotAnAddress),
            ("192.000.002.001", Octet),
            ("192.0.2.01", Octet),
            ("192.0.2.256", Octet),
            ("192.0.2.0/24", Network),
            ("192.0.2.0/255.255.255.0", Network),
            ("2001:db8::/32", Network),
            ("10/8", Network),
            ("192.0.2.1-192.0.2.9", Network),
            ("192.0.2.1 - 9", Network),
            ("fe80::1%eth0", Zone),
            ("[2001:db8::1]", Port),
            ("[2001:db8::1]:53", Port),
            ("192.0.2.1:53", Port),
            (" 192.0.2.1", Blanks),
            ("2001:db8::1\n", Blanks),
        ] {
            check(text, Err(error));
        }
    }

    #[test]
    fn expanded_has_every_digit() {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        assert_eq!(expanded(address), "2001:0db8:0000:0000:0000:0000:0000:0001");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = parse_address(&text);
        }

        #[test]
        fn hostile_text_is_read_or_refused(text in "[0-9a-f:./%\\[\\] -]{0,40}") {
            if let Ok(address) = parse_address(&text) {
                prop_assert_eq!(parse_address(&address.to_string()), Ok(address));
            }
        }

        #[test]
        fn every_address_is_read_as_written(address in any::<IpAddr>()) {
            prop_assert_eq!(parse_address(&address.to_string()), Ok(address.to_canonical()));
        }

        #[test]
        fn expanded_is_the_same_address(address in any::<Ipv6Addr>()) {
            prop_assert_eq!(expanded(address).parse(), Ok(address));
        }
    }
}
