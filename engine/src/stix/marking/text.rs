//! Extracts TLP and PAP levels from text: `TLP:AMBER+STRICT`, `PAP: red`, or a sentence that contains such a word.

use super::{Marking, Protocol};
use crate::stix::tlp::Tlp;
use icu_normalizer::DecomposingNormalizerBorrowed;
use regex::Regex;
use std::sync::LazyLock;
use unicode_security::skeleton;

/// The level as FIRST spells it.
const AMBER_STRICT: &str = "AMBER+STRICT";

/// Words that are permitted between the name of a protocol and the level.
const FILLERS: [&str; 11] =
    ["LIGHTS", "LIGHT", "ACTIONS", "ACTION", "PROTOCOL", "LEVEL", "MARKING", "VERSION", "IS", "DEFINITION", "COLOR"];

/// Words that are recognized if their letters stand apart, in parts of one or two.
const SPACED: [&str; 11] =
    ["TLPS", "TLP", "PAPS", "PAP", "AMBERSTRICT", "AMBER", "STRICT", "CLEAR", "WHITE", "GREEN", "RED"];

/// A level after its protocol, in a text of letters and digits only.
static SQUEEZED: LazyLock<Regex> = LazyLock::new(|| {
    let (name, fillers) = ("(?:(?<tlp>TLP|TRAFFICLIGHT)|PAP|PERMISSIBLEACTION)S?", FILLERS.join("|"));
    let pattern = format!("{name}(?:{fillers}|V?[0-9]+)*(?<level>RED|AMBERSTRICT|AMBER|GREEN|CLEAR|WHITE)");
    Regex::new(&pattern).expect("a pattern")
});

/// A level after its protocol and a colon or equals sign, in a sentence or in JSON.
static IN_PROSE: LazyLock<Regex> = LazyLock::new(|| {
    let between = r#"[\s"'\[\]{}]*"#;
    let level = r"(?<strict>AMBER\s*\+\s*STRICT)|(?<level>AMBER|RED|GREEN|CLEAR|WHITE)";
    let pattern = format!(
        r"(?:^|[^A-Z0-9])(?:(?<tlp>TLP)|PAP)(?:\s*V?[0-9]{{1,2}})?{between}[:=]{between}(?:{level})(?:$|[^A-Z0-9])"
    );
    Regex::new(&pattern).expect("a pattern")
});

/// A plus sign after AMBER: part of a level above.
static AMBER_PLUS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"AMBER\s*\+").expect("a pattern"));

/// What has no width, marks that combine, and the dots of an abbreviation.
static UNSEEN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[.\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]").expect("a pattern"));

/// Returns the levels in any text. A protocol without a known level yields an unreadable marking.
pub(super) fn named(text: &str) -> Vec<Marking> {
    Reader::new(text, None).read()
}

/// Returns the levels that a text for people states as `TLP:RED`, or that it consists of, such as a label. Other mentions of a
/// protocol or of a color mean something else.
pub(super) fn in_prose(text: &str) -> Vec<Marking> {
    let folded = folded(text);
    if let [name, word] = &words(&folded)[..]
        && let Some(protocol) = [("TLP", Protocol::Tlp), ("PAP", Protocol::Pap)].iter().find(|(known, _)| known == name)
    {
        return level(protocol.1, word).into_iter().collect();
    }
    let found = IN_PROSE.captures_iter(&folded).filter_map(|captures| {
        let protocol = if captures.name("tlp").is_some() { Protocol::Tlp } else { Protocol::Pap };
        level(protocol, captures.name("level").map_or("AMBERSTRICT", |level| level.as_str()))
    });
    found.collect()
}

/// Returns the levels of a text that must consist of levels of this protocol: every word must be known.
pub(super) fn stated(protocol: Protocol, text: &str) -> Vec<Marking> {
    Reader::new(text, Some(protocol)).read()
}

/// Returns the level that a text is, in any spelling.
pub(super) fn alone(protocol: Protocol, text: &str) -> Option<Marking> {
    match &words(&folded(text))[..] {
        [word] => level(protocol, word),
        _ => None,
    }
}

/// Returns the protocol that the name of a type or key refers to, in any spelling, such as ` TLP2`, `T.L.P.`,
/// `papLevel` or `Traffic Light Protocol`.
pub(super) fn protocol(name: &str) -> Option<Protocol> {
    let squeezed = letters(name);
    let of_words = words(&folded(&spaced(name))).iter().find_map(|word| mention(word).map(|(protocol, _)| protocol));
    of_words.or_else(|| match () {
        () if squeezed.contains("TLP") || squeezed.contains("TRAFFICLIGHT") => Some(Protocol::Tlp),
        () if squeezed.contains("PERMISSIBLEACTION") => Some(Protocol::Pap),
        () => mention(&squeezed).map(|(protocol, _)| protocol).filter(|_| squeezed.starts_with("PAP")),
    })
}

/// Returns a name with a space before each word in camel case: `papTag`, `PAPTag`.
fn spaced(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let is_lower = |at: usize| letters.get(at).is_some_and(|letter| letter.is_lowercase());
    let begins = |at: usize| at > 0 && letters[at].is_uppercase() && (is_lower(at - 1) || is_lower(at + 1));
    let spaced = letters.iter().enumerate();
    spaced.flat_map(|(at, letter)| begins(at).then_some(' ').into_iter().chain([*letter])).collect()
}

/// Returns the letters and digits of a name in upper case, so that spellings can be compared.
pub(super) fn letters(name: &str) -> String {
    folded(name).chars().filter(|letter| letter.is_alphanumeric()).collect()
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
        let words = words(&folded);
        let is_whole = self.words(&words);
        // `AMBER STRICT` is not a level, but means one above AMBER.
        let is_split = self.found.contains(&Marking::Tlp(Tlp::Amber))
            && words.iter().any(|word| word.starts_with("STRICT") || word == "PLUS");
        if !is_whole || self.wants_level || is_split {
            self.found.push(self.protocol.unwrap_or(Protocol::Tlp).unknown(self.text));
        }
        self.squeezed(&words.concat());
        self.found
    }

    /// Parses the words up to the first that is not permitted; returns whether all are.
    fn words(&mut self, words: &[String]) -> bool {
        let mut pairs = words.iter().zip(words.iter().skip(1).map(Some).chain([None]));
        pairs.all(|(word, after)| self.word(word, after.map(String::as_str)).is_some())
    }

    /// Finds levels that are divided into words in any other way.
    fn squeezed(&mut self, text: &str) {
        for captures in SQUEEZED.captures_iter(text) {
            let protocol = if captures.name("tlp").is_some() { Protocol::Tlp } else { Protocol::Pap };
            let found = level(protocol, &captures["level"]).filter(|marking| !self.found.contains(marking));
            self.found.extend(found);
        }
    }

    /// Parses a word with the next one; `None` if it is not permitted.
    fn word(&mut self, word: &str, after: Option<&str>) -> Option<()> {
        if let Some((protocol, rest)) = mention_before(word, after) {
            if self.wants_level && self.protocol != Some(protocol) && !self.is_strict {
                return None;
            }
            (self.protocol, self.wants_level) = (Some(protocol), true);
            return if is_version(rest) { Some(()) } else { self.level(protocol, rest) };
        }
        let Some(protocol) = self.protocol else { return Some(()) };
        if level(protocol, word).is_some() {
            return self.level(protocol, word);
        }
        let may_stand = is_version(word) || FILLERS.contains(&word) || !(self.is_strict || self.wants_level);
        may_stand.then_some(())
    }

    fn level(&mut self, protocol: Protocol, word: &str) -> Option<()> {
        self.found.push(level(protocol, word)?);
        self.wants_level = false;
        Some(())
    }
}

fn level(protocol: Protocol, word: &str) -> Option<Marking> {
    protocol.level(if word == "AMBERSTRICT" { AMBER_STRICT } else { word })
}

/// Words of a folded text, in which every letter of a marking is Latin; those whose letters stand apart are joined: `T-L-P`,
/// `R E D`.
fn words(folded: &str) -> Vec<String> {
    let text = folded.replace(AMBER_STRICT, "AMBERSTRICT");
    let text = AMBER_PLUS.replace_all(&text, "AMBER STRICT ");
    let parts: Vec<&str> =
        text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let (mut words, mut left) = (vec![], &parts[..]);
    while let Some((first, rest)) = left.split_first() {
        let run = left.iter().take_while(|part| part.chars().count() <= 2).count();
        let spaced = SPACED.iter().find_map(|word| Some((*word, length_of(word, &left[..run])?)));
        let (word, after) = spaced.map_or((*first, rest), |(word, length)| (word, &left[length..]));
        words.push(word.to_owned());
        left = after;
    }
    words
}

/// Returns how many parts are this word.
fn length_of(word: &str, parts: &[&str]) -> Option<usize> {
    let mut rest = word;
    for (position, part) in parts.iter().enumerate() {
        rest = rest.strip_prefix(part)?;
        if rest.is_empty() {
            return Some(position + 1);
        }
    }
    None
}

/// A word that names a protocol, and what stands after the name in the same word.
fn mention(word: &str) -> Option<(Protocol, &str)> {
    if let Some(at) = word.find("TLP") {
        return Some((Protocol::Tlp, after_name(&word[at + 3..])));
    }
    for (long, protocol) in [("TRAFFICLIGHT", Protocol::Tlp), ("PERMISSIBLEACTION", Protocol::Pap)] {
        if let Some(at) = word.find(long) {
            return Some((protocol, after_name(&word[at + long.len()..])));
        }
    }
    // Other words contain it too: `PAPER`.
    let is_name = |rest: &&str| is_version(rest) || level(Protocol::Pap, rest).is_some();
    let rest = word.match_indices("PAP").map(|(at, _)| after_name(&word[at + 3..])).find(is_name)?;
    Some((Protocol::Pap, rest))
}

/// What stands after the name of a protocol, its plural and the words that may follow.
fn after_name(rest: &str) -> &str {
    let mut rest = rest.strip_prefix('S').unwrap_or(rest);
    while let Some(shorter) = FILLERS.iter().find_map(|filler| rest.strip_prefix(filler)) {
        rest = shorter;
    }
    rest
}

fn mention_before<'w>(word: &'w str, after: Option<&str>) -> Option<(Protocol, &'w str)> {
    match (word, after) {
        ("TRAFFIC", Some("LIGHT" | "LIGHTS")) => Some((Protocol::Tlp, "")),
        ("PERMISSIBLE", Some("ACTION" | "ACTIONS")) => Some((Protocol::Pap, "")),
        _ => mention(word),
    }
}

/// Matches an empty text, `2` and `V2`.
fn is_version(word: &str) -> bool {
    word.strip_prefix('V').unwrap_or(word).bytes().all(|byte| byte.is_ascii_digit())
}

/// Converts to upper case, removes invisible characters and accents, and replaces characters that look like Latin
/// letters.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.replace('.', "").to_ascii_uppercase();
    }
    let spelled: String = text.chars().map(enclosed).collect();
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(&spelled);
    let seen = UNSEEN.replace_all(&decomposed, "");
    // Some small letters look like a Latin one, but their capitals do not.
    let small = seen.chars().map(look_alike);
    small.flat_map(char::to_uppercase).map(look_alike).collect()
}

/// The letter of an enclosed one that Unicode does not decompose, or decomposes with its parentheses.
fn enclosed(letter: char) -> char {
    /// Where alphabets begin that are in the order of ASCII.
    const ALPHABETS: [u32; 5] = [0x249c, 0x1f110, 0x1f150, 0x1f170, 0x1f1e6];
    let number = u32::from(letter);
    let alphabet = ALPHABETS.iter().find(|start| (**start..**start + 26).contains(&number));
    alphabet.map_or(letter, |start| char::from(b'A' + u8::try_from(number - start).expect("a letter")))
}

/// Converts a capital or small capital of another script, or one with a stroke, to the Latin letter it looks like.
fn look_alike(letter: char) -> char {
    match letter {
        'Α' | 'А' | 'Ꭺ' | 'ᴀ' | 'ꓮ' | 'Ⱥ' | 'Ⲁ' => 'A',
        'Β' | 'В' | 'Ᏼ' | 'ʙ' | 'ꓐ' | 'Ƀ' => 'B',
        'С' | 'Ꮯ' | 'ᴄ' | 'Ϲ' | 'ꓚ' | 'Ȼ' => 'C',
        'Ꭰ' | 'ᴅ' | 'Ԁ' | 'ꓓ' | 'Đ' | 'Ɖ' => 'D',
        'Ε' | 'Е' | 'Ꭼ' | 'ᴇ' | 'ꓰ' | 'Ɇ' | 'Ⲉ' => 'E',
        'ꓝ' | 'Ϝ' => 'F',
        'Ꮐ' | 'ɢ' | 'Ԍ' | 'ꓖ' | 'Ǥ' => 'G',
        'Η' | 'Н' | 'ꓧ' | 'Ħ' => 'H',
        'Ι' | 'І' | 'Ӏ' | 'Ɪ' | 'Ɨ' | 'ꓲ' | 'Ⲓ' => 'I',
        'Κ' | 'К' | 'ᴋ' | 'ꓗ' => 'K',
        'Ꮮ' | 'ʟ' | 'ꓡ' | 'Ł' | 'Ƚ' | 'Ⱡ' | 'Ɫ' | 'Ꝉ' | 'Լ' => 'L',
        'Μ' | 'М' | 'Ꮇ' | 'ᴍ' | 'ꓟ' => 'M',
        'Ν' | 'ɴ' | 'ꓠ' => 'N',
        'Ο' | 'О' | 'ᴏ' | 'ꓳ' | 'Ø' => 'O',
        'Ρ' | 'Р' | 'Ꮲ' | 'ᴘ' | 'ꓑ' | 'Ᵽ' | 'Ꝑ' | 'Ꝓ' => 'P',
        'Ꭱ' | 'Ʀ' | 'ꓣ' | 'Ɍ' => 'R',
        'Ѕ' | 'ꜱ' | 'Ꮪ' | 'ꓢ' => 'S',
        'Τ' | 'Т' | 'Ꭲ' | 'ᴛ' | 'ꓔ' | 'Ŧ' | 'Ⱦ' => 'T',
        'Ꮩ' | 'ᴠ' | 'ꓦ' => 'V',
        'Ꮃ' | 'Ԝ' | 'ᴡ' | 'ꓪ' => 'W',
        other => confusable(other),
    }
}

/// Returns the ASCII letter that Unicode declares a letter to be confusable with (UTS 39 §4), or the letter itself.
fn confusable(letter: char) -> char {
    if letter.is_ascii() {
        return letter;
    }
    let text = letter.to_string();
    let prototype = skeleton(&text).find(char::is_ascii_alphanumeric);
    prototype.map_or(letter, |prototype| prototype.to_ascii_uppercase())
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
            ("PAPS RED", vec![Marking::Pap(Pap::Red)]),
            ("PAP+RED", vec![Marking::Pap(Pap::Red)]),
            ("myPAP:RED", vec![Marking::Pap(Pap::Red)]),
            ("papLevelRED", vec![Marking::Pap(Pap::Red)]),
            ("T+L+P:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("Traffic lights: RED", vec![Marking::Tlp(Tlp::Red)]),
            ("T L.P: R E D", vec![Marking::Tlp(Tlp::Red)]),
            ("TL P: RE D", vec![Marking::Tlp(Tlp::Red)]),
            ("T-LP-RED", vec![Marking::Tlp(Tlp::Red)]),
            ("t lpred", vec![Marking::Tlp(Tlp::Red)]),
            ("TLP: A M B E R + S T R I C T", vec![Marking::Tlp(Tlp::AmberStrict)]),
            ("\u{164}\u{139}P:R\u{c9}D", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{166}\u{141}\u{2c63}:\u{24c}\u{246}\u{110}", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{1d40}\u{1d38}\u{1d3e}:\u{1d3f}\u{1d31}\u{1d30}", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{a4d4}\u{a4e1}\u{a4d1}:\u{a4e3}\u{a4f0}\u{a4d3}", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{1f183}\u{1f17b}\u{1f17f}:\u{1f161}\u{1f154}\u{1f153}", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{24af}\u{24a7}\u{24ab}:\u{24ad}\u{24a0}\u{249f}", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{2ca2}\u{2c80}\u{2ca2}:RED", vec![Marking::Pap(Pap::Red)]),
            ("\u{2ca6}L\u{2ca2}:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("\u{a750}A\u{a750}:RED", vec![Marking::Pap(Pap::Red)]),
            ("T\u{2c62}P:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("T\u{a748}P:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("T\u{53c}P:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("p\u{251}p:red", vec![Marking::Pap(Pap::Red)]),
            ("PAP\u{2d0}RED", vec![Marking::Pap(Pap::Red)]),
            ("PAP\u{a4fd}RED", vec![Marking::Pap(Pap::Red)]),
            ("T\u{2bc}LP:RED", vec![Marking::Tlp(Tlp::Red)]),
            ("PAP\u{30fc}RED", vec![Marking::Pap(Pap::Red)]),
            ("PAP\u{4e00}RED", vec![Marking::Pap(Pap::Red)]),
            ("TLP:GREEN \u{2192} \u{433}e\u{501}", vec![Marking::Tlp(Tlp::Green), Marking::Tlp(Tlp::Red)]),
            ("Copyright 2024, this paper is red", vec![]),
            ("A red map of papal paperwork", vec![]),
            ("Set up AP, at lp", vec![]),
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
            "TLP:AMBER STRICTLY",
            "TLP:AMBER plus STRICT",
            "TLP:AMBER plus",
            "TLP:AMBER is STRICT",
            "TLP:AMBER, for us. Strict",
            "TLP:AMBER+",
            "TLP:AMBER +",
            "TLP:AMBER++STRICT",
            "Strict TLP:AMBER",
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
        for name in [
            "TLP",
            "tlp",
            " TLP",
            "TLP2",
            "tlp_2_0",
            "T.L.P.",
            "T L P",
            "TLP:AMBER",
            "Traffic-Light Protocol",
            "x-tlp",
            "tlpLevel",
            "TLPs",
        ] {
            assert_eq!(protocol(name), Some(Protocol::Tlp), "{name:?}");
        }
        for name in [
            "PAP",
            " pap ",
            "PAP2",
            "p a p",
            "Permissible Actions Protocol",
            "papLevel",
            "pap_level",
            "xPapColor",
            "paps",
            "PAPs",
            "myPAP",
            "papTag",
            "myPapScheme",
            "PAPScheme",
        ] {
            assert_eq!(protocol(name), Some(Protocol::Pap), "{name:?}");
        }
        for name in ["statement", "Company", "paper", "Group AP", "papal", ""] {
            assert_eq!(protocol(name), None, "{name:?}");
        }
    }
}
