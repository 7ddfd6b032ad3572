//! Reads record data, one function a form.

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

pub(super) fn rdata(rrtype: RrType, text: &str) -> Read {
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

/// `\# length octets`, which any type's data may be written as (RFC 3597 §5).
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
        address.map(Rdata::Address).ok_or_else(|| self.other_form())
    }

    /// In the family it is written in: an IPv4-mapped address in an AAAA record is an IPv6 address.
    fn ipv6(&self) -> Read {
        let address = self.text.parse::<Ipv6Addr>().map(IpAddr::from);
        address.map(Rdata::Address).map_err(|_| self.other_form())
    }

    fn mx(&self) -> Read {
        let (preference, exchange) = match self.tokens()[..] {
            [exchange] => (None, exchange),
            [preference, exchange] => (Some(self.number(preference)?), exchange),
            _ => return Err(self.other_form()),
        };
        Ok(Rdata::Mx { preference, exchange: self.name(exchange)? })
    }

    /// Whole, or what providers keep of it: both names, the mailbox alone (it has an `@`), or the server alone.
    fn soa(&self) -> Read<Soa> {
        match self.tokens()[..] {
            [mname, rname, ref numbers @ ..] => {
                let rest = self.soa_numbers(numbers)?;
                Ok(Soa { mname: self.mname_beside(mname)?, rname: self.rname_beside(rname)?, rest })
            }
            [one] if has_at(one) => Ok(Soa { mname: None, rname: self.rname(one)?, rest: None }),
            [one] => Ok(Soa { mname: self.mname(one)?, rname: None, rest: None }),
            [] => Err(self.other_form()),
        }
    }

    fn soa_numbers(&self, tokens: &[&str]) -> Read<Option<[u32; 5]>> {
        let numbers = tokens.iter().map(|token| self.number(token)).collect::<Read<Vec<u32>>>()?;
        match numbers[..] {
            [] => Ok(None),
            _ => numbers.try_into().map(Some).map_err(|_| self.other_form()),
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

    /// An address in place of the server is a valid name of no host, and costs the mailbox nothing.
    fn mname_beside(&self, token: &str) -> Read<Option<Name>> {
        if is_address(token) { Ok(None) } else { self.mname(token) }
    }

    /// A valid name that is no mailbox costs the server beside it nothing; so does a mailbox at an address.
    fn rname_beside(&self, token: &str) -> Read<Option<Mailbox>> {
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
            return Err(self.other_form());
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
        let target = Some(unquoted(target)).filter(|target| !target.is_empty()).ok_or_else(|| self.other_form())?;
        Ok(Rdata::Uri { priority: self.number(priority)?, weight: self.number(weight)?, target })
    }

    fn rp(&self) -> Read {
        let [mailbox, txt] = self.fields()?;
        Ok(Rdata::Rp { mailbox: self.mailbox(mailbox)?, txt: self.name(txt)? })
    }

    /// With `-` as in RFC 7043, or `:` as nearly everywhere else.
    fn mac(&self) -> Read {
        let octet = |text: &str| match text.len() {
            2 if text.bytes().all(|digit| digit.is_ascii_hexdigit()) => u8::from_str_radix(text, 16).ok(),
            _ => None,
        };
        let octets: Option<Vec<u8>> = self.text.split(['-', ':']).map(octet).collect();
        octets.and_then(|octets| octets.try_into().ok()).map(Rdata::Mac).ok_or_else(|| self.other_form())
    }

    fn tokens(&self) -> Vec<&str> {
        Tokens::of(self.text).collect()
    }

    /// Exactly so many tokens.
    fn fields<const N: usize>(&self) -> Read<[&str; N]> {
        self.tokens().try_into().map_err(|_| self.other_form())
    }

    /// So many tokens, and whatever follows.
    fn fields_and_rest<const N: usize>(&self) -> Read<([&str; N], &str)> {
        let mut tokens = Tokens::of(self.text);
        let fields: Vec<_> = tokens.by_ref().take(N).collect();
        let fields = fields.try_into().map_err(|_| self.other_form())?;
        Ok((fields, tokens.rest()))
    }

    fn number<T: FromStr>(&self, token: &str) -> Read<T> {
        // `FromStr` would take a plus sign.
        let is_number = token.bytes().all(|octet| octet.is_ascii_digit());
        token.parse().ok().filter(|_| is_number).ok_or_else(|| self.other_form())
    }

    /// Whether a name in it is written as an address, such as the exchange of `10 192.0.2.1.`: labels that DNS permits.
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

    fn other_form(&self) -> RdataError {
        RdataError::Form { rrtype: self.rrtype, found: excerpt(self.text) }
    }
}

fn is_address(token: &str) -> bool {
    token.strip_suffix('.').unwrap_or(token).parse::<IpAddr>().is_ok()
}

fn has_at(text: &str) -> bool {
    find_unescaped(text, b'@').is_some()
}
