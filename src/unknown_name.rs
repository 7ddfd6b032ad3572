//! Messages for unknown names: with the most similar known name, or with the known names.

use std::collections::BTreeSet;
use stixmap_engine::yaml::nearest;

/// Maximum number of known names in a message.
const LONGEST_LIST: usize = 30;

/// Returns the message for an unknown name, with the most similar known one or the list of known ones.
pub(crate) fn unknown(what: &str, name: &str, known: &BTreeSet<String>) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{near}`?"),
        None if known.len() > LONGEST_LIST => format!("unknown {what} `{name}`"),
        None => format!("unknown {what} `{name}`; available: {}", Vec::from_iter(known.iter().cloned()).join(", ")),
    }
}
