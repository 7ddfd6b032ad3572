//! The request that a sample answers, as a lookup: the observable's place, the parameters, the key.

use anyhow::{Context, bail};
use stixmap_engine::stix::Observable;
use url::{Url, form_urlencoded};

/// What providers call the parameter of a key.
const KEYS: [&str; 8] = ["key", "apikey", "api_key", "api-key", "token", "access_token", "auth", "authkey"];

/// What stands where the observable stood.
const OBSERVABLE: &str = "{observable.value}";

/// A request, as a lookup says it.
pub(super) struct Asked {
    pub(super) base_url: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// The parameter of the key, and the key, which is not kept.
    pub(super) key: Option<(String, String)>,
}

impl Asked {
    /// Reads the URL that was asked.
    pub(super) fn read(url: &str, observable: &Observable) -> anyhow::Result<Asked> {
        let url = Url::parse(url).with_context(|| format!("`{url}` is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            bail!("`{url}` is no URL of a server");
        }
        let segments: Vec<String> =
            url.path_segments().into_iter().flatten().map(|segment| of(segment, observable)).collect();
        let is_shared = |segment: &&String| {
            let is_version =
                segment.strip_prefix('v').unwrap_or(segment).starts_with(|sign: char| sign.is_ascii_digit());
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
            bail!("`{}` does not stand in the URL: give the one that was asked for it", observable.value());
        }
        Ok(asked)
    }

    /// The request for an observable, as a case has it.
    pub(super) fn request(&self, observable: &Observable) -> String {
        let encoded: String = form_urlencoded::byte_serialize(observable.value().as_bytes()).collect();
        let put = |text: &str| text.replace(OBSERVABLE, observable.value());
        let pairs = self.query.iter().map(|(name, value)| (name, put(value)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("GET {}{separator}{query}", self.path.replace(OBSERVABLE, &encoded))
    }
}

/// A piece of a URL, with the observable's place instead of its value.
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
