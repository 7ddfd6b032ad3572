//! Container image reference of a deployment: name and tag.

use std::fmt;
use std::str::FromStr;

/// An image reference. Digests are not supported, because XTM Composer requires name and tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// Name with an optional registry, such as `registry.example:5000/team/stixmap`.
    pub(crate) name: String,
    /// Tag, such as `1.0.0`; `latest` by default.
    pub(crate) tag: String,
}

impl Default for Image {
    /// The image that `docker build --tag stixmap .` creates.
    fn default() -> Self {
        Self { name: "stixmap".to_owned(), tag: "latest".to_owned() }
    }
}

impl FromStr for Image {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            return Err("expected NAME or NAME:TAG; XTM Composer does not support digests");
        }
        // A colon before a slash belongs to the port of the registry.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, "latest"),
        };
        let is_name = |character: char| character.is_ascii_alphanumeric() || "._-/:".contains(character);
        let is_tag = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        if name.is_empty() || tag.is_empty() || !name.chars().all(is_name) || !tag.chars().all(is_tag) {
            return Err("expected NAME or NAME:TAG, such as registry.example:5000/stixmap:1.0.0");
        }
        Ok(Self { name: name.to_owned(), tag: tag.to_owned() })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let image = text.parse::<Image>().ok();
        assert_eq!(image.as_ref().map(|image| (image.name.as_str(), image.tag.as_str())), expected, "{text}");
    }

    #[test]
    fn colon_separates_tag_or_port() {
        check("stixmap", Some(("stixmap", "latest")));
        check("stixmap:1.0.0", Some(("stixmap", "1.0.0")));
        check("registry.example:5000/team/stixmap", Some(("registry.example:5000/team/stixmap", "latest")));
        check("registry.example:5000/stixmap:1", Some(("registry.example:5000/stixmap", "1")));
        check("stixmap@sha256:0123", None);
        check("stixmap:", None);
        check(":1", None);
        check("stix map", None);
        check("stixmap\nprivileged: true", None);
    }
}
