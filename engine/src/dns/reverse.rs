//! Reverse names of IP addresses.

use super::name::Name;
use std::net::IpAddr;

/// Returns the domain name of the PTR records of an address (RFC 1035 §3.5, RFC 3596 §2.5).
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
    Name::parse(&text).expect("a reverse name is a valid domain name")
}
