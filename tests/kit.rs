//! Tests of the author's tools: mock provider, new profiles, drafts from samples, recordings.

mod draft;
mod guide;
mod new;
mod record;
mod serve;

use crate::support::{ended, stixmap};
use std::path::Path;

/// Asserts that a profile passes `check` without diagnostics, and `test`.
fn passes(profile: &Path) {
    let path = profile.to_str().expect("text");
    let checked = ended(stixmap(&["check", path]));
    assert_eq!((checked.code, checked.out.trim()), (0, ""), "{path}: {}{}", checked.out, checked.err);
    let tested = ended(stixmap(&["test", path]));
    assert_eq!(tested.code, 0, "{path}: {}{}", tested.out, tested.err);
}
