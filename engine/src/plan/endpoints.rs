//! Observables of a record's two sides, for records and for record types. The latter validate rules before there is a
//! record; a property test proves that both agree.

use crate::dns::{Form, Name, Rdata, RrType};
use crate::stix::{Observable, ObservableType};

/// Returns the observables of the owner name: for a reverse name its address first, then the name itself.
pub fn sources(owner: &Name, rrtype: RrType) -> Vec<Observable> {
    let address = owner.reverse_address().filter(|_| rrtype == RrType::PTR).and_then(Observable::found_address);
    address.into_iter().chain(Observable::of_name(owner)).collect()
}

/// Returns the types that [`sources`] can return for a record type, or for any.
pub fn possible_sources(rrtype: Option<RrType>) -> &'static [ObservableType] {
    match rrtype {
        Some(RrType::PTR) | None => &[ObservableType::Ipv4Addr, ObservableType::Ipv6Addr, ObservableType::DomainName],
        Some(_) => &[ObservableType::DomainName],
    }
}

/// Returns the observables of the data. Each is matched against the rules separately.
pub fn targets(data: &Rdata) -> Vec<Observable> {
    match data {
        Rdata::Address(address) => Observable::found_address(*address).into_iter().collect(),
        Rdata::Name(name) => Observable::of_name(name).into_iter().collect(),
        Rdata::Mx { exchange: name, .. }
        | Rdata::Srv { target: name, .. }
        | Rdata::Svcb { target: name, .. }
        | Rdata::Naptr { replacement: name, .. } => Observable::of_name(name).into_iter().collect(),
        Rdata::Soa(soa) => {
            let mname = soa.mname.as_ref().and_then(Observable::of_name);
            mname.into_iter().chain(soa.rname.as_ref().and_then(Observable::of_mailbox)).collect()
        }
        Rdata::Rp { mailbox, .. } => Observable::of_mailbox(mailbox).into_iter().collect(),
        Rdata::Caa { tag, value, .. } => issuer(tag, value).into_iter().collect(),
        Rdata::Uri { target, .. } => Observable::parse(ObservableType::Url, target).into_iter().collect(),
        Rdata::Text(text) => Observable::parse(ObservableType::Text, text).into_iter().collect(),
        Rdata::Mac(_) => Observable::parse(ObservableType::MacAddr, &data.to_string()).into_iter().collect(),
        Rdata::Opaque(_) => vec![],
    }
}

/// Returns the authority that may issue certificates (RFC 8659); `;` alone denotes none.
fn issuer(tag: &str, value: &str) -> Option<Observable> {
    let name = value.split(';').next().unwrap_or_default().trim();
    let is_authority = matches!(tag, "issue" | "issuewild") && !name.is_empty();
    Observable::of_name(&Name::parse(name).ok().filter(|_| is_authority)?)
}

/// Returns the types that [`targets`] can return for data of this form.
pub fn possible_targets(form: Form) -> &'static [ObservableType] {
    match form {
        Form::Ipv4 => &[ObservableType::Ipv4Addr],
        Form::Ipv6 => &[ObservableType::Ipv6Addr],
        Form::Name | Form::Mx | Form::Srv | Form::Svcb | Form::Naptr => &[ObservableType::DomainName],
        Form::Soa => &[ObservableType::DomainName, ObservableType::EmailAddr],
        Form::Rp => &[ObservableType::EmailAddr],
        Form::Caa => &[ObservableType::DomainName],
        Form::Text => &[ObservableType::Text],
        Form::Uri => &[ObservableType::Url],
        Form::Mac => &[ObservableType::MacAddr],
        Form::Opaque => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Record data in presentation format of every form.
    fn data() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "192.0.2.1",
            "2001:db8::1",
            "example.com.",
            "10 mail.example.com.",
            "0 .",
            "0 5 5060 sip.example.com.",
            "ns1.example.com. hostmaster.example.com. 1 2 3 4 5",
            "hostmaster@example.com",
            "\"v=spf1 -all\"",
            "0 issue \"ca.example\"",
            "1 . alpn=h2",
            "100 10 \"u\" \"sip+E2U\" \"!^.*$!x!\" .",
            "10 1 \"https://example.com/\"",
            "00-00-5e-00-53-2a",
            "mail.example.com. text.example.com.",
            "*.example.com",
        ])
    }

    /// An independent implementation of OpenCTI's validation.
    fn is_accepted(observable: &Observable) -> bool {
        let domain = regex::Regex::new(r"^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9_]([a-z0-9_-]*[a-z0-9_])$");
        let domain = domain.expect("a pattern");
        match observable.kind() {
            ObservableType::DomainName => domain.is_match(observable.value()),
            ObservableType::EmailAddr => observable.value().split_once('@').is_some_and(|(local, name)| {
                !local.is_empty() && local.is_ascii() && domain.is_match(name) && !name.contains('_')
            }),
            _ => true,
        }
    }

    proptest! {
        #[test]
        fn observable_of_any_name_or_mailbox_is_accepted_by_the_platform(
            labels in proptest::collection::vec(r"[a-c_*/ü-]{1,3}|\\[0-9]{3}|\\\.|[0-9]{1,3}|localhost", 1..5),
            rrtype in proptest::sample::select(vec!["NS", "MX", "SOA", "RP", "SRV", "CAA", "PTR", "NAPTR", "HTTPS"]),
        ) {
            let name = labels.join(".");
            let rrtype = RrType::parse(rrtype).expect("a type");
            let spellings = [
                name.clone(),
                format!("10 {name}"),
                format!("1 2 3 {name}"),
                format!("0 issue \"{name}\""),
                format!("{name} {name}"),
                format!("{name} {name} 1 2 3 4 5"),
                format!("1 2 \"\" \"\" \"\" {name}"),
                format!("hostmaster@{name}"),
            ];
            for data in spellings.iter().filter_map(|text| Rdata::parse(rrtype, text).ok()) {
                for found in targets(&data) {
                    prop_assert!(is_accepted(&found), "{found} of {rrtype} {data}");
                }
            }
            for found in Name::parse(&name).iter().flat_map(|owner| sources(owner, rrtype)) {
                prop_assert!(is_accepted(&found), "{found}");
            }
        }

        #[test]
        fn record_endpoints_are_possible_for_its_type(number in 1_u16..300, data in data(), owner in data()) {
            let rrtype = RrType::parse(&number.to_string()).expect("a number");
            if let Ok(data) = Rdata::parse(rrtype, data) {
                let possible = possible_targets(rrtype.form());
                prop_assert!(targets(&data).iter().all(|target| possible.contains(&target.kind())), "{rrtype} {data}");
            }
            if let Ok(owner) = Name::parse(owner) {
                let possible = possible_sources(Some(rrtype));
                prop_assert!(sources(&owner, rrtype).iter().all(|source| possible.contains(&source.kind())), "{owner} {rrtype}");
            }
        }
    }
}
