//! Keys that are not mutated, since no recorded case can detect them: descriptions, and limits that need a real
//! connection.

use crate::profile_test::part::Part;

/// A key of a block that is not mutated, with the reason.
struct Excluded {
    block: &'static str,
    key: &'static str,
    /// The reason, for readers of this table.
    #[cfg_attr(not(test), expect(dead_code, reason = "documents the row"))]
    why: &'static str,
}

const fn row(block: &'static str, key: &'static str, why: &'static str) -> Excluded {
    Excluded { block, key, why }
}

const EXCLUDED: &[Excluded] = &[
    row("Profile", "profile", "the only version of the language"),
    row("Profile", "id", "a name"),
    row("Profile", "version", "a name"),
    row("Profile", "name", "a name"),
    row("Profile", "summary", "documentation"),
    row("Profile", "status", "documentation"),
    row("Profile", "links", "documentation"),
    row("Profile", "terms", "documentation"),
    row("Profile", "licence", "documentation"),
    row("Profile", "subscription", "documentation"),
    row("Setting", "description", "documentation"),
    row("Setting", "required", "cases supply every required setting"),
    row("Http", "base_url", "recorded requests do not contain it"),
    row("Http", "timeout", "recorded responses arrive at once"),
    row("Http", "max_body_mib", "recorded responses are of fixed size"),
    row("Probe", "every", "a case is a single run"),
];

/// Tests whether a part and everything in it are excluded.
pub(super) fn is_excluded(part: &Part) -> bool {
    let last = part.pointer.rsplit('/').next();
    let block = part.block();
    EXCLUDED.iter().any(|row| last == Some(row.key) && block.is_some_and(|block| block.names.contains(&row.block)))
}

#[cfg(test)]
mod tests {
    use super::EXCLUDED;
    use crate::profile_test::part::has_key;

    #[test]
    fn every_row_names_a_key_of_the_language() {
        for row in EXCLUDED {
            assert!(has_key(row.block, row.key), "{} has no `{}`, {}", row.block, row.key, row.why);
        }
    }
}
