//! Hosts of observables: whether they have a public meaning. Fails closed: a host that cannot be determined has none.

use crate::dns::{Name, Scope, parse_address, reverse_scope, scope, special_use};
use crate::stix::{Observable, ObservableType};
use url::{Host, Url};

/// Returns why no provider has data on the host of an observable; `None` if it has a public meaning, or if observables
/// of its type have no host.
pub(super) fn special_use_of(observable: &Observable) -> Option<String> {
    let value = observable.value();
    match observable.kind() {
        ObservableType::DomainName | ObservableType::Hostname => special_use(value),
        // The first address of a network.
        ObservableType::Ipv4Addr | ObservableType::Ipv6Addr => special_use(value.split('/').next().unwrap_or_default()),
        ObservableType::EmailAddr => {
            let domain = value.rsplit_once('@').map_or("", |(_, domain)| domain);
            special_use(domain).or_else(|| dotless(domain))
        }
        ObservableType::Url => special_use_of_url(value),
        ObservableType::Text => special_use_of_text(value),
        ObservableType::MacAddr | ObservableType::AutonomousSystem => None,
    }
}

fn special_use_of_url(text: &str) -> Option<String> {
    match Url::parse(text).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => special_use_of_host(name).or_else(|| dotless(name)),
        Some(Host::Ipv4(address)) => special_use(&address.to_string()),
        Some(Host::Ipv6(address)) => special_use(&address.to_string()),
        None => Some("the URL has no host".to_owned()),
    }
}

/// Refuses a host of one label: it is completed by the search list of a local resolver, and top-level domains have no
/// hosts (SSAC's SAC053).
fn dotless(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_dotless = !host.contains('.') && !host.starts_with('[');
    is_dotless.then(|| format!("`{host}` is a host name of one label, which is local"))
}

/// Judges a host as it is written and as browsers read it, with percent-encoding and numbers decoded: URLs of unknown
/// schemes are not normalized.
fn special_use_of_host(text: &str) -> Option<String> {
    special_use(text).or_else(|| match Host::parse(text) {
        Ok(Host::Domain(name)) => special_use(&name),
        Ok(address) => special_use(&address.to_string()),
        Err(error) => Some(format!("unknown host: {error}")),
    })
}

/// Judges a text as a whole if it is one word, and each word that may be a host.
fn special_use_of_text(text: &str) -> Option<String> {
    if special_use(text).is_none() && Host::parse(text).is_ok() {
        return special_use_of_host(text);
    }
    let separates = |character: char| character.is_whitespace() || "/\\,;\"'`<>()[]{}|=@?&#!+".contains(character);
    let words: Vec<&str> = text.split(separates).filter(|word| !word.is_empty()).collect();
    let is_one = words.len() == 1;
    let is_plain = |word: &str| word.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet));
    words.iter().filter(|word| is_one || !is_plain(word)).find_map(|word| special_use_of_word(word))
}

/// Judges a word: an IPv6 address, or parts separated by colons, as in `ip4:192.0.2.1` or `example.com:443`.
fn special_use_of_word(word: &str) -> Option<String> {
    if word.parse::<std::net::IpAddr>().is_ok() {
        return special_use(word);
    }
    // A full stop or colon ends a sentence.
    let parts = word.split(':').map(|part| part.strip_suffix('.').unwrap_or(part)).filter(|part| !part.is_empty());
    let is_number = |part: &str| part.bytes().all(|octet| octet.is_ascii_digit());
    parts.filter(|part| !is_number(part)).find_map(special_use_of_host)
}

/// Returns the scope of the address of an observable: its value, the host of a URL, or the network that a reverse name
/// stands for; `None` for other names and types.
pub(super) fn scope_of(observable: &Observable) -> Option<Scope> {
    let value = observable.value();
    match observable.kind() {
        ObservableType::Ipv4Addr | ObservableType::Ipv6Addr => parse_address(value).ok().map(scope),
        ObservableType::DomainName | ObservableType::Hostname => scope_of_name(value),
        ObservableType::EmailAddr => scope_of_name(value.rsplit_once('@')?.1),
        ObservableType::Url => match Host::parse(Url::parse(value).ok()?.host_str()?).ok()? {
            Host::Domain(name) => scope_of_name(&name),
            Host::Ipv4(address) => Some(scope(address.into())),
            Host::Ipv6(address) => Some(scope(address.into())),
        },
        ObservableType::Text | ObservableType::MacAddr | ObservableType::AutonomousSystem => None,
    }
}

fn scope_of_name(text: &str) -> Option<Scope> {
    let is_reverse = text.ends_with(".arpa") || text.ends_with(".int");
    // Most names are no reverse names, and parsing allocates.
    is_reverse.then(|| Name::parse(text).ok())?.and_then(|name| reverse_scope(&name))
}

/// Returns whether two observables stand for the same address, one of them possibly by its reverse name.
pub(super) fn have_same_address(one: &Observable, other: &Observable) -> bool {
    let address = |observable: &Observable| match observable.kind() {
        ObservableType::Ipv4Addr | ObservableType::Ipv6Addr => parse_address(observable.value()).ok(),
        ObservableType::DomainName | ObservableType::Hostname => {
            Name::parse(observable.value()).ok()?.reverse_address()
        }
        _ => None,
    };
    address(one).is_some_and(|one| address(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(kind: ObservableType, text: &str) -> Option<String> {
        special_use_of(&Observable::parse(kind, text).expect(text))
    }

    #[test]
    fn observable_with_special_or_unknown_host_is_refused() {
        let long = format!("http://{}.example.com/", "a".repeat(64));
        for url in [
            "http://printer.local/",
            "http://printer.local../",
            "http://a..printer.local/",
            &long,
            "http://127.1/",
            "http://0x7f.1/",
            "http://[::1]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://printer%2elocal/",
            "foo://printer%2elocal/",
            "foo://127.1/",
            "foo://0x7f.1/",
            "foo://[fe80::1]/",
            "ssh://010.0.0.1/",
            "mailto:a@printer.local",
            "blob:http://printer.local/x",
            "jdbc:mysql://10.0.0.1/db",
            "view-source:http://10.0.0.1/",
            "file:///etc/passwd",
            "foo:///x",
            "urn:uuid:1",
            "http://intranet/",
            "https://fileserver.:8443/x",
        ] {
            assert!(refusal(ObservableType::Url, url).is_some(), "{url}");
        }
        for text in [
            "10.0.0.1",
            "printer.local",
            "PRINTER.LOCAL.",
            "localhost",
            "127.1",
            "fe80::1",
            "10.0.0.1:80",
            "10.0.0.0/8",
            "http://printer.local/x",
            "a@printer.local",
            "v=spf1 ip4:10.0.0.1 -all",
            "v=spf1 ip4:10.0.0.0/8 -all",
            "see printer%2elocal",
            "hosts: a.example.com, db.prod.internal.",
            "[::1]",
            "a..printer.local",
        ] {
            assert!(refusal(ObservableType::Text, text).is_some(), "{text}");
        }
    }

    #[test]
    fn scope_of_observable_is_that_of_its_address() {
        for (kind, text, scope) in [
            (ObservableType::Ipv4Addr, "10.0.0.1", Some(Scope::Private)),
            (ObservableType::Ipv6Addr, "64:ff9b::10.0.0.1", Some(Scope::Private)),
            (ObservableType::Url, "http://10.0.0.1/x", Some(Scope::Private)),
            (ObservableType::Url, "foo://127.1/x", Some(Scope::Loopback)),
            (ObservableType::Url, "http://[fe80::1]/", Some(Scope::LinkLocal)),
            (ObservableType::Url, "http://example.com/", None),
            (ObservableType::DomainName, "1.0.0.10.in-addr.arpa", Some(Scope::Private)),
            (ObservableType::DomainName, "5.64.100.in-addr.arpa", Some(Scope::Private)),
            (ObservableType::DomainName, "8.8.8.8.in-addr.arpa", Some(Scope::Global)),
            (ObservableType::DomainName, "example.com", None),
            (ObservableType::Text, "10.0.0.1", None),
        ] {
            assert_eq!(scope_of(&Observable::parse(kind, text).expect(text)), scope, "{text}");
        }
    }

    #[test]
    fn observable_with_public_host_is_permitted() {
        for (kind, text) in [
            (ObservableType::Url, "https://example.com/a?b=http://10.0.0.1/"),
            (ObservableType::Url, "https://user@8.8.8.8:8080/"),
            (ObservableType::Url, "ssh://git.example.com/"),
            (ObservableType::Url, "https://[2001:4860:4860::8888]/"),
            (ObservableType::EmailAddr, "a@example.com"),
            (ObservableType::Hostname, "www.example.com"),
            (ObservableType::Text, "Acme Corporation"),
            (ObservableType::Text, "A sentence: this one."),
            (ObservableType::Text, "v=spf1 include:_spf.example.com ip4:8.8.8.8 -all"),
            (ObservableType::Text, "8.8.8.8"),
            (ObservableType::Text, "2001:4860:4860::8888"),
            (ObservableType::Text, "an internal test"),
            (ObservableType::MacAddr, "00:00:5e:00:53:01"),
            (ObservableType::AutonomousSystem, "64500"),
        ] {
            assert_eq!(refusal(kind, text), None, "{text}");
        }
    }
}
