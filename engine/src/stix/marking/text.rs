//! Extracts TLP and PAP levels from text: `TLP:AMBER+STRICT`, `PAP: red`, or a sentence that contains such a word.

use super::{Marking, Protocol};

/// Words that are permitted between the name of a protocol and the level.
const FILLERS: [&str; 10] =
    ["LIGHT", "ACTION", "ACTIONS", "PROTOCOL", "LEVEL", "MARKING", "VERSION", "IS", "DEFINITION", "COLOR"];

/// Returns the levels in any text. A protocol without a known level yields an unreadable marking.
pub(super) fn named(text: &str) -> Vec<Marking> {
    Reader::new(text, None).read()
}

/// Returns the levels of a text that must consist of levels of this protocol: every word must be known.
pub(super) fn stated(protocol: Protocol, text: &str) -> Vec<Marking> {
    Reader::new(text, Some(protocol)).read()
}

/// Returns the protocol that the name of a type or key refers to, in any spelling, such as ` TLP2`, `T.L.P.` or
/// `Traffic Light Protocol`.
pub(super) fn protocol(name: &str) -> Option<Protocol> {
    let squeezed: String = folded(name).chars().filter(|letter| letter.is_alphanumeric()).collect();
    let words = folded(name);
    let of_words = words.split(is_separator).find_map(|word| mention(word).map(|(protocol, _)| protocol));
    of_words.or_else(|| match () {
        () if squeezed.contains("TLP") || squeezed.contains("TRAFFICLIGHT") => Some(Protocol::Tlp),
        () if squeezed.contains("PERMISSIBLEACTION") => Some(Protocol::Pap),
        () => mention(&squeezed).map(|(protocol, _)| protocol),
    })
}

struct Reader<'t> {
    text: &'t str,
    /// The protocol of the levels that follow.
    protocol: Option<Protocol>,
    /// Every word must be a level or a permitted filler.
    is_strict: bool,
    /// A level is expected next.
    wants_level: bool,
    found: Vec<Marking>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, protocol: Option<Protocol>) -> Self {
        let is_strict = protocol.is_some();
        Reader { text, protocol, is_strict, wants_level: is_strict, found: vec![] }
    }

    fn read(mut self) -> Vec<Marking> {
        let folded = folded(self.text);
        let words = joined(folded.split(is_separator).filter(|word| !word.is_empty()));
        for (place, word) in words.iter().enumerate() {
            let before = place.checked_sub(1).map(|before| words[before].as_str());
            let after = words.get(place + 1).map(String::as_str);
            if self.word(before, word, after).is_none() {
                return self.unreadable();
            }
        }
        match self.wants_level {
            true => self.unreadable(),
            false => self.found,
        }
    }

    /// Parses a word with its neighbors; `None` if it is not permitted.
    fn word(&mut self, before: Option<&str>, word: &str, after: Option<&str>) -> Option<()> {
        if let Some((protocol, rest)) = mention_before(word, after) {
            if self.wants_level && self.protocol != Some(protocol) && !self.is_strict {
                return None;
            }
            (self.protocol, self.wants_level) = (Some(protocol), true);
            return if is_version(rest) { Some(()) } else { self.level(protocol, rest) };
        }
        let Some(protocol) = self.protocol else { return Some(()) };
        if protocol.level(word).is_some() {
            return self.level(protocol, word);
        }
        // `AMBER STRICT` is not a level, but means one above AMBER.
        let is_split = before == Some("AMBER") && (word.starts_with('+') || word == "STRICT");
        let may_stand = is_version(word) || FILLERS.contains(&word) || !(self.is_strict || self.wants_level);
        (may_stand && !is_split).then_some(())
    }

    fn level(&mut self, protocol: Protocol, word: &str) -> Option<()> {
        self.found.push(protocol.level(word)?);
        self.wants_level = false;
        Some(())
    }

    fn unreadable(mut self) -> Vec<Marking> {
        self.found.push(self.protocol.unwrap_or(Protocol::Tlp).unknown(self.text));
        self.found
    }
}

/// Words in which letters that stand apart are one: `T-L-P`, `R E D`.
fn joined<'w>(words: impl Iterator<Item = &'w str>) -> Vec<String> {
    let (mut joined, mut was_letter): (Vec<String>, bool) = (vec![], false);
    for word in words {
        let is_letter = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
        match joined.last_mut().filter(|_| was_letter && is_letter) {
            Some(last) => last.push_str(word),
            None => joined.push(word.to_owned()),
        }
        was_letter = is_letter;
    }
    joined
}

/// A word that names a protocol, and what stands after the name in the same word.
fn mention(word: &str) -> Option<(Protocol, &str)> {
    if let Some(at) = word.find("TLP") {
        return Some((Protocol::Tlp, &word[at + 3..]));
    }
    // Other words begin so too: `PAPER`.
    for (long, protocol) in [("TRAFFICLIGHT", Protocol::Tlp), ("PERMISSIBLEACTION", Protocol::Pap)] {
        if let Some(at) = word.find(long) {
            let rest = word[at + long.len()..].trim_start_matches('S');
            return Some((protocol, rest.strip_prefix("PROTOCOL").unwrap_or(rest)));
        }
    }
    let rest = word.strip_prefix("PAP")?;
    (is_version(rest) || Protocol::Pap.level(rest).is_some()).then_some((Protocol::Pap, rest))
}

fn mention_before<'w>(word: &'w str, after: Option<&str>) -> Option<(Protocol, &'w str)> {
    match (word, after) {
        ("TRAFFIC", Some("LIGHT")) => Some((Protocol::Tlp, "")),
        ("PERMISSIBLE", Some("ACTION" | "ACTIONS")) => Some((Protocol::Pap, "")),
        _ => mention(word),
    }
}

/// Matches an empty text, `2` and `V2`.
fn is_version(word: &str) -> bool {
    word.strip_prefix('V').unwrap_or(word).bytes().all(|byte| byte.is_ascii_digit())
}

fn is_separator(letter: char) -> bool {
    !(letter.is_alphanumeric() || letter == '+')
}

/// Converts to upper case, removes invisible characters, and replaces characters that look like Latin letters.
fn folded(text: &str) -> String {
    text.chars().filter(|letter| !is_unseen(*letter)).map(wide).flat_map(char::to_uppercase).map(look_alike).collect()
}

/// What has no width, marks that combine, and the dots of an abbreviation.
fn is_unseen(letter: char) -> bool {
    matches!(letter, '.' | '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}')
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20d0}'..='\u{20f0}')
        || matches!(letter, '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The letter of a full-width, enclosed, squared or mathematical one.
fn wide(letter: char) -> char {
    /// Where alphabets begin that are in the order of ASCII, and how many letters they have: 26 or twice as many.
    const ALPHABETS: [(u32, u32); 8] = [
        (0x1d400, 13 * 52),
        (0x24b6, 52),
        (0x249c, 26),
        (0x1f110, 26),
        (0x1f130, 26),
        (0x1f150, 26),
        (0x1f170, 26),
        (0x1f1e6, 26),
    ];
    let number = u32::from(letter);
    if let '\u{ff01}'..='\u{ff5e}' = letter {
        return char::from_u32(number - 0xfee0).expect("ASCII");
    }
    let alphabet = ALPHABETS.iter().find(|(start, length)| (*start..start + length).contains(&number));
    alphabet.map_or(letter, |(start, _)| char::from(b'A' + u8::try_from((number - start) % 26).expect("a letter")))
}

/// Converts a Greek or Cyrillic capital to the Latin letter it looks like.
fn look_alike(letter: char) -> char {
    match letter {
        'Α' | 'А' | 'Ꭺ' | 'ᴀ' => 'A',
        'Β' | 'В' | 'Ᏼ' | 'ʙ' => 'B',
        'С' | 'Ⅽ' | 'Ꮯ' | 'ᴄ' | 'Ϲ' => 'C',
        'Ⅾ' | 'Ꭰ' | 'ᴅ' | 'Ԁ' => 'D',
        'Ε' | 'Е' | 'Ꭼ' | 'ᴇ' | 'ℰ' => 'E',
        'Ꮐ' | 'ɢ' | 'Ԍ' => 'G',
        'Η' | 'Н' => 'H',
        'Ι' | 'І' | 'Ⅰ' | 'ɪ' => 'I',
        'Ⅼ' | 'Ꮮ' | 'ʟ' | 'ℒ' => 'L',
        'Μ' | 'М' | 'Ⅿ' | 'ᴍ' => 'M',
        'Ν' | 'ɴ' => 'N',
        'Ρ' | 'Р' | 'Ꮲ' | 'ᴘ' | 'ℙ' => 'P',
        'Ꭱ' | 'Ʀ' | 'ʀ' | 'ℛ' | 'ℜ' | 'ℝ' => 'R',
        'Τ' | 'Т' | 'Ꭲ' | 'ᴛ' => 'T',
        'Ꮃ' | 'Ԝ' | 'ᴡ' => 'W',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pap, Tlp};
    use super::*;

    #[test]
    fn named_finds_levels_in_any_text() {
        let cases = [
            ("TLP:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("tlp: amber+strict", vec![Marking::Tlp(Tlp::AmberStrict)]),
            ("TLP2.0:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("TLP v2 AMBER", vec![Marking::Tlp(Tlp::Amber)]),
            ("Shared as TLP:GREEN. Thank you", vec![Marking::Tlp(Tlp::Green)]),
            ("TLP:GREEN/RED", vec![Marking::Tlp(Tlp::Green), Marking::Tlp(Tlp::Red)]),
            ("TLP:RED PAP:AMBER", vec![Marking::Tlp(Tlp::Red), Marking::Pap(Pap::Amber)]),
            ("Traffic Light Protocol: RED", vec![Marking::Tlp(Tlp::Red)]),
            ("T\u{200b}LP\u{ff1a}RED", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{422}LP:R\u{415}D", vec![Marking::Tlp(Tlp::Red)]),
            ("T-L-P:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("T L P R E D", vec![Marking::Tlp(Tlp::Red)]),
            ("TrafficLightProtocol: RED", vec![Marking::Tlp(Tlp::Red)]),
            ("PermissibleActionsProtocolRED", vec![Marking::Pap(Pap::Red)]),
            ("𝐓𝐋𝐏:𝐫𝐞𝐝", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{24c9}\u{24c1}\u{24c5}:\u{24e1}\u{24d4}\u{24d3}", vec![Marking::Tlp(Tlp::Red)]),
            ("T\u{34f}L\u{fe0f}P\u{301}:R\u{e0020}ED", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{1d1b}\u{29f}\u{1d18}:\u{280}\u{1d07}\u{1d05}", vec![Marking::Tlp(Tlp::Red)]),
            ("T\u{216c}P:RE\u{216e}", vec![Marking::Tlp(Tlp::Red)]),
            ("TLPRED", vec![Marking::Tlp(Tlp::Red)]),
            ("TLP-WHITE", vec![Marking::Tlp(Tlp::Clear)]),
            ("Permissible Actions Protocol RED", vec![Marking::Pap(Pap::Red)]),
            ("Copyright 2024, this paper is red", vec![]),
            ("", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(named(text), expected, "{text:?}");
        }
    }

    #[test]
    fn named_protocol_without_known_level_is_unreadable() {
        for text in [
            "TLP",
            "TLP:",
            "TLP:ORANGE",
            "TLP:AMBER STRICT",
            "TLP:AMBER + STRICT",
            "PAP:",
            "TLP PAP:RED",
            "TLP:REDDISH",
        ] {
            assert!(named(text).iter().any(|marking| matches!(marking, Marking::Unreadable(_))), "{text:?}");
        }
    }

    #[test]
    fn stated_accepts_level_without_protocol() {
        assert_eq!(stated(Protocol::Tlp, "red"), [Marking::Tlp(Tlp::Red)]);
        assert_eq!(stated(Protocol::Pap, "PAP:RED"), [Marking::Pap(Pap::Red)]);
        assert_eq!(stated(Protocol::Tlp, "PAP:RED"), [Marking::Pap(Pap::Red)]);
        for text in ["", "orange", "clear orange", "AMBER STRICT"] {
            assert!(matches!(stated(Protocol::Tlp, text).last(), Some(Marking::Unreadable(_))), "{text:?}");
        }
    }

    #[test]
    fn protocol_accepts_any_spelling() {
        for name in
            ["TLP", "tlp", " TLP", "TLP2", "tlp_2_0", "T.L.P.", "T L P", "TLP:AMBER", "Traffic-Light Protocol", "x-tlp"]
        {
            assert_eq!(protocol(name), Some(Protocol::Tlp), "{name:?}");
        }
        for name in ["PAP", " pap ", "PAP2", "p a p", "Permissible Actions Protocol"] {
            assert_eq!(protocol(name), Some(Protocol::Pap), "{name:?}");
        }
        for name in ["statement", "Company", "paper", ""] {
            assert_eq!(protocol(name), None, "{name:?}");
        }
    }
}
