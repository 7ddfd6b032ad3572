//! What is not changed, since no recorded case could tell: words for people, and what only a real connection shows.

use crate::profile_test::part::Part;

/// A key of a block of the language, and why a change of it is none.
struct LeftOut {
    block: &'static str,
    key: &'static str,
    /// Told in the documentation of the scores.
    #[cfg_attr(not(test), expect(dead_code, reason = "a row says why it is there"))]
    why: &'static str,
}

const fn row(block: &'static str, key: &'static str, why: &'static str) -> LeftOut {
    LeftOut { block, key, why }
}

const LEFT_OUT: &[LeftOut] = &[
    row("Profile", "profile", "the language, of which there is one"),
    row("Profile", "id", "a name"),
    row("Profile", "version", "a name"),
    row("Profile", "name", "a name"),
    row("Profile", "summary", "words for people"),
    row("Profile", "status", "words for people"),
    row("Profile", "links", "words for people"),
    row("Profile", "terms", "words for people"),
    row("Profile", "licence", "words for people"),
    row("Profile", "subscription", "words for people"),
    row("Setting", "description", "words for people"),
    row("Setting", "required", "a case gives every setting that is required"),
    row("Http", "base_url", "the requests of a case start after it"),
    row("Http", "timeout", "a recorded answer takes no time"),
    row("Http", "max_body_mib", "a recorded answer is as long as it is"),
    row("Probe", "every", "a case is one run"),
];

/// Whether a part, with all that is in it, is left out.
pub(super) fn is_left_out(part: &Part) -> bool {
    let last = part.pointer.rsplit('/').next();
    let block = part.block();
    LEFT_OUT.iter().any(|row| last == Some(row.key) && block.is_some_and(|block| block.names.contains(&row.block)))
}

#[cfg(test)]
mod tests {
    use super::LEFT_OUT;
    use crate::profile_test::part::has_key;

    #[test]
    fn every_row_names_a_key_of_the_language() {
        for row in LEFT_OUT {
            assert!(has_key(row.block, row.key), "{} has no `{}`, {}", row.block, row.key, row.why);
        }
    }
}
