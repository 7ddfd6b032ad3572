//! The container image of a deployment: a name and a tag, as Docker and OpenCTI's catalogue write them.

use std::fmt;
use std::str::FromStr;

/// An image by name and tag. XTM Composer puts the two together itself, so a digest cannot stand for the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// `registry.example:5000/team/stixmap`.
    pub(crate) name: String,
    /// `1.0.0`; without one, `latest`.
    pub(crate) tag: String,
}

impl Default for Image {
    /// What `docker build --tag stixmap .` makes.
    fn default() -> Self {
        Self { name: "stixmap".to_owned(), tag: "latest".to_owned() }
    }
}

impl FromStr for Image {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('@') {
            return Err("an image is NAME or NAME:TAG here; XTM Composer knows no digests");
        }
        // A colon before a slash belongs to the registry's port.
        let (name, tag) = match text.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (text, "latest"),
        };
        let is_name = |sign: char| sign.is_ascii_alphanumeric() || "._-/:".contains(sign);
        let is_tag = |sign: char| sign.is_ascii_alphanumeric() || "._-".contains(sign);
        if name.is_empty() || tag.is_empty() || !name.chars().all(is_name) || !tag.chars().all(is_tag) {
            return Err("an image is NAME or NAME:TAG, such as registry.example:5000/stixmap:1.0.0");
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
    fn a_colon_separates_a_tag_or_a_port() {
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
