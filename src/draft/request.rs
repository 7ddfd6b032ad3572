//! The request of a sample as a lookup: the position of the observable, the parameters, the API key.

use anyhow::{Context, bail};
use stixmap_engine::stix::Observable;
use url::{Url, form_urlencoded};

/// Common names of an API key's parameter.
const KEYS: [&str; 8] = ["key", "apikey", "api_key", "api-key", "token", "access_token", "auth", "authkey"];

/// Template that replaces the observable's value.
const OBSERVABLE: &str = "{observable.value}";

/// A request, as the fields of a lookup.
pub(super) struct Asked {
    pub(super) base_url: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// The name of the key's parameter, and the key, which is not written.
    pub(super) key: Option<(String, String)>,
}

impl Asked {
    /// Parses the request's URL.
    pub(super) fn read(url: &str, observable: &Observable) -> anyhow::Result<Asked> {
        let url = Url::parse(url).with_context(|| format!("invalid URL `{url}`"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            bail!("invalid URL `{url}`: expected `http` or `https` with a host");
        }
        let segments: Vec<String> =
            url.path_segments().into_iter().flatten().map(|segment| of(segment, observable)).collect();
        let is_shared = |segment: &&String| {
            let is_version = segment.strip_prefix('v').unwrap_or(segment).starts_with(|c: char| c.is_ascii_digit());
            segment.as_str() == "api" || (is_version && segment.as_str() != OBSERVABLE)
        };
        let shared = segments.iter().take_while(is_shared).count().min(segments.len().saturating_sub(1));
        let origin = url.origin().ascii_serialization();
        let (before, after) = segments.split_at(shared);
        let base_url = std::iter::once(origin).chain(before.iter().cloned()).collect::<Vec<_>>().join("/");
        let is_key = |name: &str| KEYS.contains(&name.to_lowercase().as_str());
        let query: Vec<(String, String)> = url.query_pairs().map(|(name, value)| (name.into(), value.into())).collect();
        let key = query.iter().find(|(name, _)| is_key(name)).cloned();
        let query: Vec<(String, String)> = query
            .into_iter()
            .filter(|(name, _)| !is_key(name))
            .map(|(name, value)| (name, of(&value, observable)))
            .collect();
        let asked = Asked { base_url, path: format!("/{}", after.join("/")), query, key };
        if !asked.path.contains(OBSERVABLE) && !asked.query.iter().any(|(_, value)| value.contains(OBSERVABLE)) {
            bail!("`{}` does not occur in the URL: use the URL of its request", observable.value());
        }
        Ok(asked)
    }

    /// Returns the request for an observable, as a case contains it.
    pub(super) fn request(&self, observable: &Observable) -> String {
        let encoded: String = form_urlencoded::byte_serialize(observable.value().as_bytes()).collect();
        let put = |text: &str| text.replace(OBSERVABLE, observable.value());
        let pairs = self.query.iter().map(|(name, value)| (name, put(value)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("GET {}{separator}{query}", self.path.replace(OBSERVABLE, &encoded))
    }
}

/// Replaces the observable's value in a part of a URL by the template.
fn of(text: &str, observable: &Observable) -> String {
    let decoded = form_urlencoded::parse(text.replace('+', "%2B").as_bytes()).map(|(name, _)| name.into_owned()).next();
    let text = decoded.unwrap_or_default();
    let value = observable.value();
    let is_there = text.to_lowercase().find(value);
    match is_there {
        Some(start) if text.is_char_boundary(start) && text.is_char_boundary(start + value.len()) => {
            format!("{}{OBSERVABLE}{}", &text[..start], &text[start + value.len()..])
        }
        _ => text,
    }
}
