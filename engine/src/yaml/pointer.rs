//! JSON pointers (RFC 6901).

/// Returns the JSON pointer to a field of a mapping.
pub(crate) fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Returns the key that a segment of a JSON pointer stands for.
pub(super) fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
