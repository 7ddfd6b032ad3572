//! Words that a misspelled one was probably intended as.

/// Returns the known word that was probably intended: the only one with the unknown word as a prefix, or the closest
/// one. A word is close if at most a third of its characters, and at most three, differ; case, `-` and `_` are ignored,
/// and two swapped neighbors are one difference.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    unique_with_prefix(word, &known).or_else(|| closest(word, &known))
}

/// Returns the known word that was certainly intended: the only one that differs by a slip of the keyboard (one letter
/// too few, too many or different, two letters swapped, case, `-` or `_`). Any other similar word is only a suggestion:
/// `min_tlp` is similar to `max_tlp`, but has another meaning.
pub fn unmistakable<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut slips = known.into_iter().filter(|other| is_slip(word, other));
    slips.next().filter(|_| slips.next().is_none())
}

/// Returns whether two names differ only in case and separators, or in one part by a letter or two swapped neighbors.
/// Not a slip, because both can be names of their own: another first letter (`host`, `post`), a longer ending (`json`,
/// `jsonl`), other digits, and parts of one or two letters.
fn is_slip(word: &str, other: &str) -> bool {
    let (word, other) = (word.to_lowercase(), other.to_lowercase());
    if word.replace(SEPARATORS, "") == other.replace(SEPARATORS, "") {
        return true;
    }
    let (parts, others): (Vec<&str>, Vec<&str>) = (word.split(SEPARATORS).collect(), other.split(SEPARATORS).collect());
    let mut different = parts.iter().zip(&others).filter(|(part, other)| part != other);
    let first = different.next();
    parts.len() == others.len()
        && first.is_some_and(|(part, other)| is_slip_of_part(part, other))
        && different.next().is_none()
}

fn is_slip_of_part(part: &str, other: &str) -> bool {
    let (part, other): (Vec<char>, Vec<char>) = (part.chars().collect(), other.chars().collect());
    let common = part.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let tail = part[common..].iter().rev().zip(other[common..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (changed, into) = (&part[common..part.len() - tail], &other[common..other.len() - tail]);
    let is_slip = match (changed, into) {
        ([one], []) | ([], [one]) => tail > 0 && one.is_alphabetic(),
        ([one], [another]) => part.len() >= 4 && one.is_alphabetic() && another.is_alphabetic(),
        ([a, b], [c, d]) => (a, b) == (d, c) && a.is_alphabetic() && b.is_alphabetic(),
        _ => false,
    };
    is_slip && common > 0 && part.len().min(other.len()) >= 3
}

/// Characters between the parts of a name.
const SEPARATORS: [char; 4] = ['-', '_', '.', ' '];

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
