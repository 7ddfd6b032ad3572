//! Completes the names of profiles in a shell.

use crate::catalog;
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use std::ffi::OsStr;
use std::path::PathBuf;

/// Completes the name or path of a profile. An unreadable folder of profiles offers nothing.
pub(crate) fn complete(current: &OsStr) -> Vec<CompletionCandidate> {
    let folder = std::env::var_os("STIXMAP_PROFILES").map(PathBuf::from);
    let start = current.to_string_lossy();
    let known = catalog::known(folder.as_deref()).ok();
    let names = known.iter().flat_map(|known| known.names()).filter(|name| name.starts_with(&*start));
    let mut candidates: Vec<_> = names.map(CompletionCandidate::new).collect();
    if candidates.is_empty() {
        candidates = PathCompleter::any().complete(current);
    }
    candidates
}
