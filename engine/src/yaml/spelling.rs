//! Words that a misspelled one was probably intended as.

/// Returns the known word that was probably intended: the only one with the unknown word as a prefix, or the closest
/// one. A word is close if at most a third of its characters, and at most three, differ; case, `-` and `_` are ignored,
/// and two swapped neighbors are one difference.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    unique_with_prefix(word, &known).or_else(|| closest(word, &known))
}

/// Returns the `few` known words with the smallest edit distance (optimal string alignment), the closest first.
pub fn closest_few<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, few: usize) -> Vec<&'a str> {
    let mut found: Vec<(usize, &str)> =
        known.into_iter().map(|other| (strsim::osa_distance(word, other), other)).collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().take(few).map(|(_, other)| other).collect()
}

fn unique_with_prefix<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut starting = known.iter().filter(|other| word.len() >= 3 && other.starts_with(word));
    starting.next().filter(|_| starting.next().is_none()).copied()
}

fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let (word, length) = (plain(word), word.chars().count());
    let distance = |other: &'a str| {
        let longer = other.chars().count().max(length);
        let most = (longer / 3).min(3);
        // A larger difference in length implies a larger distance.
        (other.chars().count().abs_diff(length) <= most)
            .then(|| strsim::osa_distance(&word, &plain(other)))
            .filter(|found| *found <= most)
    };
    let near = known.iter().copied().filter_map(|other| distance(other).map(|found| (found, other)));
    near.min_by_key(|(found, _)| *found).map(|(_, other)| other)
}
