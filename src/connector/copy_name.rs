//! Names of the copies of bundles in the archive: connector, date, and seconds since 1970.

use super::configuration::Configuration;

/// Returns the prefix of the connector's file names.
pub(super) fn own_name(own: &Configuration) -> String {
    own.name.to_lowercase().replace([' ', '/'], "_")
}

/// Returns a new file name: connector, date, and seconds since 1970.
pub(super) fn file_name(own: &Configuration) -> String {
    let (now, name) = (jiff::Zoned::now(), own_name(own));
    let (seconds, rest) = (now.timestamp().as_second(), now.timestamp().subsec_nanosecond());
    format!("{name}-{}{seconds}.{rest:09}.json", now.strftime("%Y%m%d-%H%M%S-"))
}

/// Returns whether `file_name` gives such names for the connector, or the file is an unfinished copy. Other files in the same
/// folder are kept.
pub(super) fn is_own(name: &str, own: &str) -> bool {
    let part = name.strip_prefix('.').and_then(|part| part.strip_suffix(".part")?.rsplit_once('.'));
    let name = part.map_or(name, |(name, _)| name);
    let rest = name.strip_prefix(own).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".json"));
    let Some(parts) = rest.map(|rest| rest.split('-').collect::<Vec<_>>()) else { return false };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let [date, time, seconds] = parts[..] else { return false };
    date.len() == 8 && time.len() == 6 && [date, time].into_iter().chain(seconds.splitn(2, '.')).all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_copies_are_recognized_by_name_and_date() {
        for (name, expected) in [
            ("acme-20260101-000000-1767225600.000000001.json", true),
            ("acme-20260101-000000-1767225600.json", true),
            (".acme-20260101-000000-1767225600.5.json.4711-0.part", true),
            ("acme-two-20260101-000000-1767225600.5.json", false),
            ("acm-20260101-000000-1767225600.5.json", false),
            ("acme-20260101-000000-1767225600.5.json.bak", false),
            ("acme-20260101-000000-.json", false),
            ("acme-20260101-000000-1.2.3.json", false),
            ("acme-2026010x-000000-1767225600.5.json", false),
            ("acme-notes.json", false),
            ("acme-.json", false),
            ("acme.json", false),
            (".part", false),
            ("", false),
        ] {
            assert_eq!(is_own(name, "acme"), expected, "{name}");
        }
    }
}
