//! IP addresses in text form. Parsing is strict, because programs disagree about the meaning of `010.0.0.1` or
//! `192.0.2.0/24`. Addresses are written by `Display` of `std::net`, in the form of RFC 5952.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parses one address without zone, brackets, port, prefix length or surrounding whitespace.
///
/// Converts an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) to the IPv4 address: sockets and
/// databases write addresses in this form, and both forms must give the same observable.
pub fn parse_address(text: &str) -> Result<IpAddr, AddressError> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(reason(text)),
    }
}

/// Returns the address with all eight groups of four digits, as some providers require it in requests.
pub fn expanded(address: Ipv6Addr) -> String {
    address.segments().map(|group| format!("{group:04x}")).join(":")
}

/// Reason why a text is not an address. Completes a message such as "invalid address `x`: …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// A text that is not in IPv4 or IPv6 notation, such as `NXDOMAIN`.
    NotAnAddress,
    /// A network (`192.0.2.0/24`) or an address range.
    Network,
    /// Four numbers of which one is above 255 or has a leading zero, which some parsers read as octal.
    Octet,
    /// An address with a zone (`fe80::1%eth0`, RFC 4007 §11).
    Zone,
    /// An address in brackets, with a port, or both.
    Port,
    /// Leading or trailing whitespace.
    Blanks,
    /// An IPv4-mapped IPv6 address where an IPv6 address is expected.
    Mapped,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnAddress => "not in IPv4 or IPv6 notation",
            Self::Network => "it is a network or an address range",
            Self::Octet => "an octet is above 255 or has a leading zero",
            Self::Zone => "it has a zone, which is local to one host",
            Self::Port => "it has brackets or a port",
            Self::Blanks => "leading or trailing whitespace",
            Self::Mapped => "it is IPv4-mapped; use the IPv4 address",
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

/// Matches `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/32` and the short form `10/8`.
fn is_network(text: &str) -> bool {
    let Some((base, mask)) = text.split_once('/') else { return false };
    let is_base = are_numbers(base) && base.split('.').count() <= 4 || base.parse::<Ipv6Addr>().is_ok();
    is_base && (is_number(mask) || mask.parse::<IpAddr>().is_ok())
}

/// Matches `192.0.2.1-192.0.2.9` and the short form `192.0.2.1-9`.
fn is_range(text: &str) -> bool {
    let Some((first, last)) = text.split_once('-') else { return false };
    first.trim_end().parse::<IpAddr>().is_ok()
        && (is_number(last.trim_start()) || last.trim_start().parse::<IpAddr>().is_ok())
}

fn is_quad(text: &str) -> bool {
    are_numbers(text) && text.split('.').count() == 4
}

/// Returns whether the text consists of numbers separated by dots, which `inet_aton` of the C library parses as an
/// address.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&str, AddressError>) {
        assert_eq!(parse_address(text).map(|address| address.to_string()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn parse_valid_address_returns_canonical_form() {
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
    fn parse_invalid_address_returns_reason() {
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
    fn expanded_contains_every_digit() {
        let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        assert_eq!(expanded(address), "2001:0db8:0000:0000:0000:0000:0000:0001");
    }

    proptest! {
        #[test]
        fn parse_any_text_does_not_panic(text in ".*") {
            let _ = parse_address(&text);
        }

        #[test]
        fn parse_hostile_text_round_trips_if_valid(text in "[0-9a-f:./%\\[\\] -]{0,40}") {
            if let Ok(address) = parse_address(&text) {
                prop_assert_eq!(parse_address(&address.to_string()), Ok(address));
            }
        }

        #[test]
        fn parse_any_address_round_trips(address in any::<IpAddr>()) {
            prop_assert_eq!(parse_address(&address.to_string()), Ok(address.to_canonical()));
        }

        #[test]
        fn expanded_parses_as_the_same_address(address in any::<Ipv6Addr>()) {
            prop_assert_eq!(expanded(address).parse(), Ok(address));
        }
    }
}
