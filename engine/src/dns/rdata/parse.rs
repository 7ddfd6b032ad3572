//! Parsers of record data, one function for each form.

use super::{Rdata, RdataError};
use crate::dns::address::parse_address;
use crate::dns::escape::find_unescaped;
use crate::dns::mailbox::Mailbox;
use crate::dns::name::{Name, NameError};
use crate::dns::rrtype::{Form, RrType};
use crate::dns::soa::Soa;
use crate::dns::text::{Tokens, excerpt, unquoted};
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

type Read<T = Rdata> = Result<T, RdataError>;

impl Rdata {
    /// Parses the data of a record of this type; ignores leading and trailing whitespace.
    pub fn parse(rrtype: RrType, text: &str) -> Result<Rdata, RdataError> {
        let data = Data { rrtype, text: text.trim() };
        if data.text.is_empty() {
            return Err(RdataError::Empty { rrtype });
        }
        if is_generic(data.text) {
            return Ok(Rdata::Opaque(data.text.to_owned()));
        }
        let read = match rrtype.form() {
            Form::Ipv4 => data.address(IpAddr::is_ipv4),
            Form::Ipv6 => data.ipv6(),
            Form::Name => data.name(data.text).map(Rdata::Name),
            Form::Mx => data.mx(),
            Form::Soa => data.soa().map(Rdata::Soa),
            Form::Srv => data.srv(),
            Form::Text => Ok(Rdata::Text(unquoted(data.text))),
            Form::Caa => data.caa(),
            Form::Svcb => data.svcb(),
            Form::Naptr => data.naptr(),
            Form::Uri => data.uri(),
            Form::Rp => data.rp(),
            Form::Mac => data.mac(),
            Form::Opaque => Ok(Rdata::Opaque(data.text.to_owned())),
        };
        match read {
            Err(RdataError::Name { error: NameError::Address, .. }) if data.holds_address() => {
                Ok(Rdata::Opaque(data.text.to_owned()))
            }
            read => read,
        }
    }
}

/// Matches the generic form `\# length octets`, which is permitted for every type (RFC 3597 §5).
fn is_generic(text: &str) -> bool {
    text.strip_prefix(r"\#").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

struct Data<'a> {
    rrtype: RrType,
    text: &'a str,
}

impl Data<'_> {
    fn address(&self, is_family: fn(&IpAddr) -> bool) -> Read {
        let address = parse_address(self.text).ok().filter(is_family);
        address.map(Rdata::Address).ok_or_else(|| self.form_error())
    }

    /// Keeps the family as written: an IPv4-mapped address in an AAAA record is an IPv6 address.
    fn ipv6(&self) -> Read {
        let address = self.text.parse::<Ipv6Addr>().map(IpAddr::from);
        address.map(Rdata::Address).map_err(|_| self.form_error())
    }

    fn mx(&self) -> Read {
        let (preference, exchange) = match self.tokens()[..] {
            [exchange] => (None, exchange),
            [preference, exchange] => (Some(self.number(preference)?), exchange),
            _ => return Err(self.form_error()),
        };
        Ok(Rdata::Mx { preference, exchange: self.name(exchange)? })
    }

    /// Parses a complete SOA, or the parts that providers keep: both names, only the mailbox (it contains `@`), or only
    /// the server.
    fn soa(&self) -> Read<Soa> {
        match self.tokens()[..] {
            [mname, rname, ref numbers @ ..] => {
                let rest = self.soa_numbers(numbers)?;
                Ok(Soa { mname: self.lenient_mname(mname)?, rname: self.lenient_rname(rname)?, rest })
            }
            [one] if contains_at(one) => Ok(Soa { mname: None, rname: self.rname(one)?, rest: None }),
            [one] => Ok(Soa { mname: self.mname(one)?, rname: None, rest: None }),
            [] => Err(self.form_error()),
        }
    }

    fn soa_numbers(&self, tokens: &[&str]) -> Read<Option<[u32; 5]>> {
        let numbers = tokens.iter().map(|token| self.number(token)).collect::<Read<Vec<u32>>>()?;
        match numbers[..] {
            [] => Ok(None),
            _ => numbers.try_into().map(Some).map_err(|_| self.form_error()),
        }
    }

    fn mname(&self, token: &str) -> Read<Option<Name>> {
        self.name(token).map(|name| Some(name).filter(|name| !name.is_root()))
    }

    fn rname(&self, token: &str) -> Read<Option<Mailbox>> {
        match token {
            "." => Ok(None),
            _ => self.mailbox(token).map(Some),
        }
    }

    /// Parses MNAME. An address is a valid name that belongs to no host: it is ignored, so that RNAME is kept.
    fn lenient_mname(&self, token: &str) -> Read<Option<Name>> {
        if is_address(token) { Ok(None) } else { self.mname(token) }
    }

    /// Parses RNAME. A valid name that is not a mailbox, or a mailbox at an address, is ignored, so that MNAME is kept.
    fn lenient_rname(&self, token: &str) -> Read<Option<Mailbox>> {
        let domain = find_unescaped(token, b'@').map_or(token, |at| &token[at + 1..]);
        match self.rname(token) {
            Err(_) if is_address(domain) || Name::parse(domain).is_ok() => Ok(None),
            read => read,
        }
    }

    fn srv(&self) -> Read {
        let [priority, weight, port, target] = self.fields()?;
        let (priority, weight, port) = (self.number(priority)?, self.number(weight)?, self.number(port)?);
        Ok(Rdata::Srv { priority, weight, port, target: self.name(target)? })
    }

    fn caa(&self) -> Read {
        let ([flags, tag], value) = self.fields_and_rest()?;
        let is_tag = tag.bytes().all(|octet| octet.is_ascii_alphanumeric());
        if !is_tag || value.is_empty() {
            return Err(self.form_error());
        }
        Ok(Rdata::Caa { flags: self.number(flags)?, tag: tag.to_ascii_lowercase(), value: unquoted(value) })
    }

    fn svcb(&self) -> Read {
        let ([priority, target], params) = self.fields_and_rest()?;
        Ok(Rdata::Svcb { priority: self.number(priority)?, target: self.name(target)?, params: params.to_owned() })
    }

    fn naptr(&self) -> Read {
        let [order, preference, flags, service, regexp, replacement] = self.fields()?;
        Ok(Rdata::Naptr {
            order: self.number(order)?,
            preference: self.number(preference)?,
            flags: unquoted(flags),
            service: unquoted(service),
            regexp: unquoted(regexp),
            replacement: self.name(replacement)?,
        })
    }

    fn uri(&self) -> Read {
        let ([priority, weight], target) = self.fields_and_rest()?;
        let target = Some(unquoted(target)).filter(|target| !target.is_empty()).ok_or_else(|| self.form_error())?;
        Ok(Rdata::Uri { priority: self.number(priority)?, weight: self.number(weight)?, target })
    }

    fn rp(&self) -> Read {
        let [mailbox, txt] = self.fields()?;
        Ok(Rdata::Rp { mailbox: self.mailbox(mailbox)?, txt: self.name(txt)? })
    }

    /// Accepts `-` as the separator (RFC 7043), and the more common `:`.
    fn mac(&self) -> Read {
        let octet = |text: &str| match text.len() {
            2 if text.bytes().all(|digit| digit.is_ascii_hexdigit()) => u8::from_str_radix(text, 16).ok(),
            _ => None,
        };
        let octets: Option<Vec<u8>> = self.text.split(['-', ':']).map(octet).collect();
        octets.and_then(|octets| octets.try_into().ok()).map(Rdata::Mac).ok_or_else(|| self.form_error())
    }

    fn tokens(&self) -> Vec<&str> {
        Tokens::of(self.text).collect()
    }

    /// Returns the tokens; their number must be `N`.
    fn fields<const N: usize>(&self) -> Read<[&str; N]> {
        self.tokens().try_into().map_err(|_| self.form_error())
    }

    /// Returns `N` tokens and the remaining text.
    fn fields_and_rest<const N: usize>(&self) -> Read<([&str; N], &str)> {
        let mut tokens = Tokens::of(self.text);
        let fields: Vec<_> = tokens.by_ref().take(N).collect();
        let fields = fields.try_into().map_err(|_| self.form_error())?;
        Ok((fields, tokens.rest()))
    }

    fn number<T: FromStr>(&self, token: &str) -> Read<T> {
        // `FromStr` would accept a plus sign.
        let is_number = token.bytes().all(|octet| octet.is_ascii_digit());
        token.parse().ok().filter(|_| is_number).ok_or_else(|| self.form_error())
    }

    /// Returns whether a token is an address in place of a name, such as the exchange of `10 192.0.2.1.`: its labels
    /// are valid in DNS.
    fn holds_address(&self) -> bool {
        Tokens::of(self.text).any(is_address)
    }

    fn name(&self, token: &str) -> Read<Name> {
        let rrtype = self.rrtype;
        Name::parse(token).map_err(|error| RdataError::Name { rrtype, found: excerpt(token), error })
    }

    fn mailbox(&self, token: &str) -> Read<Mailbox> {
        let rrtype = self.rrtype;
        Mailbox::from_rname(token).map_err(|error| RdataError::Mailbox { rrtype, found: excerpt(token), error })
    }

    fn form_error(&self) -> RdataError {
        RdataError::Form { rrtype: self.rrtype, found: excerpt(self.text) }
    }
}

fn is_address(token: &str) -> bool {
    token.strip_suffix('.').unwrap_or(token).parse::<IpAddr>().is_ok()
}

fn contains_at(text: &str) -> bool {
    find_unescaped(text, b'@').is_some()
}
