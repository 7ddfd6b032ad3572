//! Generates responses of any length in the formats of three providers. Equal lengths yield equal bytes.

use std::fmt::Write;

/// The format of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One JSON document about a name; profile `riskiq`.
    PassiveTotal,
    /// SAF lines about a name; profile `dnsdb`.
    Saf,
    /// COF lines about an address; profile `cof`.
    Cof,
}

/// The domain name that is looked up.
pub(crate) const NAME: &str = "example.com";

/// The address that is looked up.
pub(crate) const ADDRESS: &str = "192.0.2.80";

impl Shape {
    pub(crate) const ALL: [Shape; 3] = [Shape::PassiveTotal, Shape::Saf, Shape::Cof];

    /// Returns the id of the profile for this format.
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Self::PassiveTotal => "riskiq",
            Self::Saf => "dnsdb",
            Self::Cof => "cof",
        }
    }

    /// Returns the value of the observable.
    pub(crate) fn asked(self) -> &'static str {
        match self {
            Self::PassiveTotal | Self::Saf => NAME,
            Self::Cof => ADDRESS,
        }
    }

    /// Generates a response with this number of records.
    pub(crate) fn answer(self, records: u64) -> Vec<u8> {
        let mut text = String::with_capacity(usize::try_from(records).expect("it fits memory") * 300 + 300);
        let mut rows = (0..records).map(row);
        let written = match self {
            Self::PassiveTotal => passive_total(&mut text, rows, records),
            Self::Saf => saf(&mut text, rows),
            Self::Cof => rows.try_for_each(|row| cof(&mut text, &row)),
        };
        written.expect("writing to memory succeeds");
        text.into_bytes()
    }
}

/// A row, independent of format.
struct Row {
    rrtype: &'static str,
    /// Index of a host or an address.
    which: u64,
    first: i64,
    last: i64,
    count: u64,
}

/// Record types and their percentages.
const TYPES: [(&str, u64); 7] = [("A", 62), ("AAAA", 9), ("NS", 8), ("MX", 7), ("CNAME", 6), ("SOA", 4), ("TXT", 4)];

/// One percent of the rows repeat the data of another row at another time.
fn row(number: u64) -> Row {
    let which = if mixed(number, 0).is_multiple_of(100) { number / 2 } else { number };
    let mut share = mixed(which, 1) % 100;
    let of_share = |(_, of_hundred): &&(&str, u64)| match share.checked_sub(*of_hundred) {
        Some(rest) => {
            share = rest;
            false
        }
        None => true,
    };
    let (rrtype, _) = TYPES.iter().find(of_share).expect("the shares make a hundred");
    let first = 1_300_000_000 + i64::try_from(mixed(number, 2) % 300_000_000).expect("it is small");
    let seen_for = if mixed(number, 3).is_multiple_of(10) { 0 } else { mixed(number, 4) % 90_000_000 };
    let last = first + i64::try_from(seen_for).expect("it is small");
    Row { rrtype, which, first, last, count: 1 + mixed(number, 5) % 5_000 }
}

/// SplitMix64 of a row's number and a property of it.
fn mixed(number: u64, of: u64) -> u64 {
    let mut mixed = number.wrapping_mul(8).wrapping_add(of).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Row {
    /// Returns a host name; hosts are repeated, also in records of other types.
    fn host(&self) -> String {
        format!("{}-{}.example.net", ["ns", "mail", "www", "cdn-edge"][(self.which % 4) as usize], self.which / 4 * 3)
    }

    /// Returns a public IPv4 address.
    fn ipv4(&self) -> String {
        let [b, c, d] = [16, 8, 0].map(|shift| (self.which >> shift) & 255);
        format!("{}.{b}.{c}.{d}", 1 + mixed(self.which >> 8, 6) % 8)
    }

    fn ipv6(&self) -> String {
        format!("2001:db8:{:x}:{:x}::{:x}", mixed(self.which, 6) & 0xffff, (self.which >> 16) + 1, self.which & 0xffff)
    }

    /// Tests whether the row is bad; one in a thousand is.
    fn is_bad(&self) -> bool {
        mixed(self.which, 7).is_multiple_of(1_000) && matches!(self.rrtype, "A" | "AAAA")
    }
}

fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).expect("a time").to_string();
    time[..19].replace('T', " ")
}

fn passive_total(text: &mut String, rows: impl Iterator<Item = Row>, records: u64) -> std::fmt::Result {
    write!(text, r#"{{"totalRecords":{records},"queryValue":"{NAME}","queryType":"domain","results":["#)?;
    for (number, row) in rows.enumerate() {
        let (kind, resolve) = match row.rrtype {
            "A" | "AAAA" if row.is_bad() => ("ip", "NXDOMAIN".to_owned()),
            "A" => ("ip", row.ipv4()),
            "AAAA" => ("ip", row.ipv6()),
            "SOA" => ("email", format!("hostmaster@{}", row.host())),
            "TXT" => ("text", format!("v=spf1 ip4:{} -all", row.ipv4())),
            _ => ("domain", row.host()),
        };
        let (rrtype, first, last) = (row.rrtype, time(row.first), time(row.last));
        let (comma, hash) = (if number == 0 { "" } else { "," }, mixed(row.which, 8));
        write!(
            text,
            r#"{comma}{{"firstSeen":"{first}","lastSeen":"{last}","source":["riskiq","pingly"],"value":"{NAME}","collected":"2024-02-29 11:21:07","recordType":"{rrtype}","resolve":"{resolve}","resolveType":"{kind}","recordHash":"{hash:016x}"}}"#
        )?;
    }
    text.write_str("]}")
}

fn saf(text: &mut String, rows: impl Iterator<Item = Row>) -> std::fmt::Result {
    text.write_str("{\"cond\":\"begin\"}\n")?;
    for row in rows {
        let data = match row.rrtype {
            "A" | "AAAA" if row.is_bad() => "NXDOMAIN".to_owned(),
            "A" => row.ipv4(),
            "AAAA" => row.ipv6(),
            "MX" => format!("10 {}.", row.host()),
            "SOA" => format!("{0}. hostmaster.{0}. 2024010101 7200 1800 1209600 3600", row.host()),
            "TXT" => format!("\\\"v=spf1 ip4:{} -all\\\"", row.ipv4()),
            _ => format!("{}.", row.host()),
        };
        let Row { rrtype, first, last, count, .. } = row;
        writeln!(
            text,
            r#"{{"obj":{{"count":{count},"time_first":{first},"time_last":{last},"rrname":"{NAME}.","rrtype":"{rrtype}","bailiwick":"{NAME}.","rdata":["{data}"]}}}}"#
        )?;
    }
    text.write_str("{\"cond\":\"succeeded\"}\n")
}

/// For an address, a server returns names with this address, names from its PTR records, and records of other
/// addresses.
fn cof(text: &mut String, row: &Row) -> std::fmt::Result {
    let host = row.host();
    let (rrname, rrtype, rdata) = match row.rrtype {
        "A" if row.is_bad() => (host, "A", "NXDOMAIN".to_owned()),
        "A" => (host, "A", ADDRESS.to_owned()),
        "NS" => ("80.2.0.192.in-addr.arpa".to_owned(), "PTR", host),
        "AAAA" => (host, "AAAA", row.ipv6()),
        other => (host, other, "ns1.example.org".to_owned()),
    };
    let Row { first, last, count, .. } = row;
    writeln!(
        text,
        r#"{{"time_first":{first},"time_last":{last},"count":{count},"rrtype":"{rrtype}","rrname":"{rrname}","rdata":"{rdata}","origin":"origin not configured"}}"#
    )
}
