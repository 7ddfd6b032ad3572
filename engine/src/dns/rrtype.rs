//! Record types in one table, from the IANA registry "Resource Record (RR) TYPEs" (RFC 6895). A row states the format
//! of a type's data; profiles state which objects a type becomes.

use super::text::excerpt;
use std::fmt;

/// A DNS record type by its number on the wire.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub struct RrType(u16);

impl RrType {
    /// Parses a name in any case, a number (`28`), or the generic form of RFC 3597 §5 (`TYPE65400`).
    pub fn parse(text: &str) -> Result<RrType, RrTypeError> {
        if let Some(row) = TABLE.iter().find(|row| row.name.eq_ignore_ascii_case(text)) {
            return Ok(RrType(row.number));
        }
        if let Some((_, rrtype)) = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(text)) {
            return Ok(*rrtype);
        }
        match digits(text) {
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|&number| number != 0)
                .map(RrType)
                .ok_or_else(|| RrTypeError::Number(excerpt(text))),
            None => Err(RrTypeError::Unknown(excerpt(text))),
        }
    }

    /// Iterates over the types of the table in order of their numbers.
    pub fn known() -> impl Iterator<Item = RrType> {
        TABLE.iter().map(|row| RrType(row.number))
    }

    /// Returns the type with this number in wire format; 0 is reserved and is no type.
    pub fn of_number(number: u16) -> Option<RrType> {
        (number != 0).then_some(RrType(number))
    }

    /// Returns the type's number in wire format.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Returns the format of the type's data; [`Form::Opaque`] for a type outside the table.
    pub fn form(self) -> Form {
        self.row().map_or(Form::Opaque, |row| row.form)
    }

    /// Returns a short description of the type, or `None` for a type outside the table.
    pub fn meaning(self) -> Option<&'static str> {
        self.row().map(|row| row.meaning)
    }

    /// Returns the registered name, such as `AAAA`, or `None` for a type outside the table.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.binary_search_by_key(&self.0, |row| row.number).ok().map(|index| &TABLE[index])
    }
}

impl fmt::Display for RrType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => f.write_str(row.name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

impl fmt::Debug for RrType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Format of the data of a record type in presentation format.
#[derive(Debug, Copy, Clone, Eq, PartialEq, Hash)]
pub enum Form {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A domain name.
    Name,
    /// A preference or subtype, and a domain name.
    Mx,
    /// Primary name server, mailbox of the zone, and five numbers (RFC 1035 §3.3.13).
    Soa,
    /// Priority, weight, port, and a domain name (RFC 2782).
    Srv,
    /// One or more character strings (RFC 1035 §3.3.14).
    Text,
    /// Flags, tag, and value (RFC 8659).
    Caa,
    /// Priority, domain name, and parameters (RFC 9460).
    Svcb,
    /// Order, preference, flags, service, regular expression, and a domain name (RFC 3403).
    Naptr,
    /// Priority, weight, and a URI (RFC 7553).
    Uri,
    /// A mailbox, and a domain name (RFC 1183).
    Rp,
    /// A 48-bit MAC address (RFC 7043).
    Mac,
    /// Any other format: the data is kept as text.
    Opaque,
}

impl Form {
    /// Returns a noun phrase for messages: "expected an IPv4 address".
    pub fn description(self) -> &'static str {
        match self {
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Name => "a domain name",
            Self::Mx => "a preference and a domain name",
            Self::Soa => "a domain name, a mailbox and five numbers",
            Self::Srv => "priority, weight, port and a domain name",
            Self::Text => "text",
            Self::Caa => "flags, tag and value",
            Self::Svcb => "priority, domain name and parameters",
            Self::Naptr => "two numbers, three strings and a domain name",
            Self::Uri => "priority, weight and a URI",
            Self::Rp => "a mailbox and a domain name",
            Self::Mac => "six hexadecimal octets",
            Self::Opaque => "any text that is not empty",
        }
    }
}

/// Reason why a text is not a record type; each variant has an excerpt of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RrTypeError {
    /// A text that is neither a name of the table nor a number.
    Unknown(String),
    /// Zero, or a number of more than 16 bits.
    Number(String),
}

impl fmt::Display for RrTypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(text) => write!(f, "unknown DNS record type `{text}`"),
            Self::Number(text) => write!(f, "invalid DNS record type `{text}`: expected 1 to 65535"),
        }
    }
}

impl std::error::Error for RrTypeError {}

/// Returns the digits of `28` or `TYPE28`.
fn digits(text: &str) -> Option<&str> {
    let digits = match text.split_at_checked(4) {
        Some((prefix, digits)) if prefix.eq_ignore_ascii_case("TYPE") => digits,
        _ => text,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then_some(digits)
}

struct Row {
    number: u16,
    name: &'static str,
    form: Form,
    meaning: &'static str,
}

/// Alternative names of record types.
const ALIASES: &[(&str, RrType)] = &[("ANAME", RrType::ALIAS)];

macro_rules! rrtypes {
    ($($number:literal $name:ident $form:ident $meaning:literal,)+) => {
        impl RrType {
            $(
                #[doc = concat!("Type ", $number, ": ", $meaning, ".")]
                pub const $name: RrType = RrType($number);
            )+
        }

        /// Sorted by number, for binary search.
        const TABLE: &[Row] =
            &[$(Row { number: $number, name: stringify!($name), form: Form::$form, meaning: $meaning },)+];
    };
}

rrtypes! {
    1 A Ipv4 "IPv4 address of the owner",
    2 NS Name "name server of the zone",
    3 MD Name "mail destination, obsolete",
    4 MF Name "mail forwarder, obsolete",
    5 CNAME Name "name that the owner is an alias of",
    6 SOA Soa "start of a zone of authority",
    7 MB Name "host of a mailbox, experimental",
    8 MG Name "member of a mail group, experimental",
    9 MR Name "new name of a mailbox, experimental",
    10 NULL Opaque "any octets, experimental",
    11 WKS Opaque "well-known services of an address, obsolete",
    12 PTR Name "domain name of an address",
    13 HINFO Opaque "hardware and operating system",
    14 MINFO Opaque "mailboxes of a mailing list, experimental",
    15 MX Mx "mail exchanger",
    16 TXT Text "text",
    17 RP Rp "responsible person",
    18 AFSDB Mx "server of an AFS cell",
    19 X25 Opaque "X.25 address",
    20 ISDN Opaque "ISDN number",
    21 RT Mx "host that routes for the owner",
    22 NSAP Opaque "OSI address, historic",
    24 SIG Opaque "signature, replaced by RRSIG",
    25 KEY Opaque "public key, replaced by DNSKEY",
    26 PX Opaque "X.400 mapping",
    27 GPOS Opaque "geographical position, replaced by LOC",
    28 AAAA Ipv6 "IPv6 address of the owner",
    29 LOC Opaque "geographical position",
    30 NXT Opaque "next name, replaced by NSEC",
    31 EID Opaque "Nimrod endpoint",
    32 NIMLOC Opaque "Nimrod locator",
    33 SRV Srv "host and port of a service",
    34 ATMA Opaque "ATM address",
    35 NAPTR Naptr "rewriting rule for names and URIs",
    36 KX Mx "key exchanger",
    37 CERT Opaque "certificate",
    38 A6 Opaque "IPv6 address in parts, historic",
    39 DNAME Name "name that the subtree below the owner is an alias of",
    40 SINK Opaque "kitchen sink",
    41 OPT Opaque "EDNS options",
    42 APL Opaque "list of networks",
    43 DS Opaque "digest of a delegated zone's key",
    44 SSHFP Opaque "fingerprint of an SSH key",
    45 IPSECKEY Opaque "IPsec key",
    46 RRSIG Opaque "signature of a record set",
    47 NSEC Opaque "next name in the zone",
    48 DNSKEY Opaque "public key of the zone",
    49 DHCID Opaque "DHCP client",
    50 NSEC3 Opaque "next hashed name in the zone",
    51 NSEC3PARAM Opaque "parameters of hashed names",
    52 TLSA Opaque "certificate of a TLS server",
    53 SMIMEA Opaque "certificate of a mail user",
    55 HIP Opaque "host identity",
    56 NINFO Text "status of the zone",
    57 RKEY Opaque "key to encrypt NAPTR records",
    58 TALINK Opaque "link of a trust anchor list",
    59 CDS Opaque "DS that the child zone wants",
    60 CDNSKEY Opaque "DNSKEY that the child zone wants a DS of",
    61 OPENPGPKEY Opaque "OpenPGP key of a mail user",
    62 CSYNC Opaque "delegation that the child zone wants",
    63 ZONEMD Opaque "digest of the zone",
    64 SVCB Svcb "endpoint of a service and how to reach it",
    65 HTTPS Svcb "endpoint of an HTTPS origin and how to reach it",
    66 DSYNC Opaque "where to send notifications of delegation changes",
    67 HHIT Opaque "hierarchical host identity",
    68 BRID Opaque "broadcast remote identity",
    99 SPF Text "sender policy, replaced by TXT",
    100 UINFO Opaque "user information",
    101 UID Opaque "user number",
    102 GID Opaque "group number",
    103 UNSPEC Opaque "unspecified",
    104 NID Opaque "ILNP node",
    105 L32 Opaque "ILNP locator of 32 bits",
    106 L64 Opaque "ILNP locator of 64 bits",
    107 LP Mx "name that has ILNP locators",
    108 EUI48 Mac "MAC address of 48 bits",
    109 EUI64 Opaque "MAC address of 64 bits",
    128 NXNAME Opaque "marker of a name that does not exist",
    249 TKEY Opaque "transaction key",
    250 TSIG Opaque "transaction signature",
    251 IXFR Opaque "incremental zone transfer, query type only",
    252 AXFR Opaque "zone transfer, query type only",
    253 MAILB Opaque "mailbox records, query type only",
    254 MAILA Opaque "mail agent records, query type only",
    255 ANY Opaque "all types, query type only",
    256 URI Uri "URI of a service",
    257 CAA Caa "authority that may certify the owner",
    258 AVC Text "application visibility and control",
    259 DOA Opaque "digital object",
    260 AMTRELAY Opaque "multicast relay",
    261 RESINFO Text "capabilities of a resolver",
    262 WALLET Text "public wallet address",
    263 CLA Text "convergence layer of BP",
    264 IPN Opaque "node number of BP",
    32768 TA Opaque "trust anchor",
    32769 DLV Opaque "look-aside validation, obsolete",
    // ALIAS has no assigned number, because it never occurs on the wire. This number is in the range for private use
    // (RFC 6895 §3.1); PowerDNS uses the same.
    65401 ALIAS Name "name whose addresses the owner has, never on the wire",
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let parsed = RrType::parse(text).map(|rrtype| rrtype.to_string()).map_err(|error| error.to_string());
        assert_eq!(parsed, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }

    #[test]
    fn parse_name_or_number_returns_type() {
        for (text, name) in [
            ("A", "A"),
            ("aaaa", "AAAA"),
            ("28", "AAAA"),
            ("257", "CAA"),
            ("TYPE65", "HTTPS"),
            ("type65400", "TYPE65400"),
            ("65535", "TYPE65535"),
            ("54", "TYPE54"),
            ("alias", "ALIAS"),
            ("ANAME", "ALIAS"),
            ("99", "SPF"),
            ("TYPE0028", "AAAA"),
        ] {
            check(text, Ok(name));
        }
    }

    #[test]
    fn parse_unknown_type_returns_reason() {
        for (text, message) in [
            ("", "unknown DNS record type ``"),
            ("TXT (SPF1)", "unknown DNS record type `TXT (SPF1)`"),
            ("TYPE", "unknown DNS record type `TYPE`"),
            ("TYPE+1", "unknown DNS record type `TYPE+1`"),
            ("-1", "unknown DNS record type `-1`"),
            (" A", "unknown DNS record type ` A`"),
            ("\u{e9}t\u{e9}1", "unknown DNS record type `été1`"),
            ("0", "invalid DNS record type `0`: expected 1 to 65535"),
            ("TYPE65536", "invalid DNS record type `TYPE65536`: expected 1 to 65535"),
        ] {
            check(text, Err(message));
        }
    }

    #[test]
    fn table_is_sorted_and_each_row_round_trips() {
        assert!(TABLE.is_sorted_by(|one, next| one.number < next.number));
        for rrtype in RrType::known() {
            check(&rrtype.to_string(), Ok(&rrtype.to_string()));
            check(&rrtype.number().to_string(), Ok(&rrtype.to_string()));
            check(&format!("TYPE{}", rrtype.number()), Ok(&rrtype.to_string()));
            assert!(rrtype.meaning().is_some_and(|meaning| !meaning.is_empty()), "{rrtype}");
        }
    }

    #[test]
    fn form_depends_on_type() {
        assert_eq!(RrType::AFSDB.form(), Form::Mx);
        assert_eq!(RrType::HTTPS.form(), Form::Svcb);
        let private = RrType::parse("TYPE65400").expect("a record type");
        assert_eq!((private.form(), private.meaning()), (Form::Opaque, None));
    }

    proptest! {
        #[test]
        fn parse_any_text_does_not_panic(text in ".*") {
            let _ = RrType::parse(&text);
        }

        #[test]
        fn parse_hostile_text_round_trips_if_valid(text in "(TYPE|type)?[0-9A-Z+ \u{fc}-]{0,8}") {
            if let Ok(rrtype) = RrType::parse(&text) {
                prop_assert_eq!(RrType::parse(&rrtype.to_string()), Ok(rrtype));
            }
        }

        #[test]
        fn parse_every_number_returns_type(number in 1..=u16::MAX) {
            let rrtype = RrType::parse(&number.to_string()).expect("a record type");
            prop_assert_eq!(rrtype.number(), number);
            prop_assert_eq!(RrType::parse(&rrtype.to_string()), Ok(rrtype));
        }
    }
}
