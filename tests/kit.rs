//! What an author of a profile works with: a stand-in of the provider, a beginning, a draft from a sample, a recording.

mod draft;
mod guide;
mod new;
mod record;
mod serve;

use crate::support::{ended, stixmap};
use std::path::Path;

/// A profile's folder passes `check` without a remark, and `test`.
fn passes(profile: &Path) {
    let path = profile.to_str().expect("text");
    let checked = ended(stixmap(&["check", path]));
    assert_eq!((checked.code, checked.out.trim()), (0, ""), "{path}: {}{}", checked.out, checked.err);
    let tested = ended(stixmap(&["test", path]));
    assert_eq!(tested.code, 0, "{path}: {}{}", tested.out, tested.err);
}
