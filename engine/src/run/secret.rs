//! Secrets in what comes from outside, however they are spelt there: a provider may answer with what it was asked with. A row
//! that repeats one is bad, and none of it is kept; in a text for people its name stands in its place.

use super::Response;
use super::encodings::{NeededViews, SHORTEST, has_escapes, unescaped, views};
use super::extract::Slot;
use super::rows::{Pick, Row};
use crate::diagnostic::Diagnostic;
use crate::plan::Settings;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hashbrown::{DefaultHashBuilder, HashMap};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::cmp::Reverse;
use std::fmt;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why such a row is bad.
pub(super) const REPEATED: &str = "the row repeats a secret";

/// How many spellings around one another are undone.
const LAYERS: usize = 6;

/// In how many of them escapes of each kind are undone apart: their number is a power of it.
const LAYERS_APART: usize = 3;

/// How much of a text is looked at once.
const WINDOW: usize = 64 * 1024;

/// How much longer a spelling in three layers is than what it spells: each layer spells one sign by six, as `\u0026` does.
const LONGEST_SPELLING: usize = 216;

/// Everything that nobody else may learn, and the names it goes by.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Vec<Arc<KnownSecret>>,
    wanted: NeededViews,
}

/// One secret.
struct KnownSecret {
    name: String,
    /// What is searched for under every spelling, in lower case; nothing if the secret is too short.
    spelt: Vec<Finder<'static>>,
    /// What is taken out of texts as it stands, if the secret is too short for more.
    as_is: Vec<Zeroizing<String>>,
    length: usize,
}

/// The views of one text, by their hashes, and how many layers of each were undone: in whichever order kinds of escapes are
/// undone, the same is left mostly.
#[derive(Default)]
struct Seen {
    hasher: DefaultHashBuilder,
    known: HashMap<u64, usize>,
}

impl Seen {
    fn is_new(&mut self, octets: &[u8], layers: usize) -> bool {
        let known = self.known.entry(self.hasher.hash_one(octets)).or_default();
        let is_new = *known <= layers;
        *known = layers + 1;
        is_new
    }
}

/// A part of a text that may be shown, or the name of a secret that stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Name(String),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|known| &known.name)).finish()
    }
}

impl Secrets {
    /// The secrets among settings.
    pub fn of(settings: &Settings) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_all(settings);
        secrets
    }

    /// Adds the secrets among settings.
    pub(super) fn add_all(&mut self, settings: &Settings) {
        settings.secrets().for_each(|(name, secret)| self.add(name, secret));
    }

    /// Adds one, with the parts of it that are credentials by themselves.
    pub(super) fn add(&mut self, name: &str, secret: &str) {
        self.wanted.has_other_signs |= !secret.is_ascii();
        self.wanted.has_escapes |= has_escapes(secret.as_bytes());
        for secret in parts(secret) {
            self.known.push(Arc::new(KnownSecret::new(name, &secret)));
        }
    }

    /// Those that an answer repeats; mostly none, and then no row is searched.
    pub(super) fn repeated(&self, response: &Response) -> Secrets {
        let mut texts = vec![response.body.as_slice()];
        texts.extend(response.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        let mut is_there = vec![false; self.known.len()];
        for text in texts {
            self.find(text).iter().for_each(|(_, number)| is_there[*number] = true);
        }
        let known = self.known.iter().zip(is_there).filter(|(_, is_there)| *is_there).map(|(known, _)| known);
        Secrets { known: known.cloned().collect(), wanted: self.wanted }
    }

    /// Those that are long enough to be searched for in any text.
    pub fn searchable(&self) -> Secrets {
        let known = self.known.iter().filter(|known| !known.spelt.is_empty()).cloned().collect();
        Secrets { known, wanted: self.wanted }
    }

    /// Whether a text holds one that is long enough to be searched for.
    pub fn are_in(&self, text: &str) -> bool {
        let is_in = |text: &str| text.len() >= SHORTEST && !self.find(text.as_bytes()).is_empty();
        // Whoever shows the text escapes it, and may make a secret of it that it was before it was read.
        let is_escaped = text.contains(|sign: char| matches!(sign, '\\' | '"') || sign.is_control());
        is_in(text) || is_escaped && is_in(&Value::from(text).to_string())
    }

    /// A text with their names in their place.
    pub fn redact(&self, text: &str) -> String {
        self.pieces(text).iter().map(Piece::to_string).collect()
    }

    /// A diagnostic of which no text holds one. The sources it shows are redacted as they are made.
    pub(super) fn redact_in(&self, mut told: Diagnostic) -> Diagnostic {
        let labels = told.labels.iter_mut().map(|label| &mut label.text);
        for text in labels.chain(&mut told.notes).chain([&mut told.message]) {
            *text = self.redact(text);
        }
        told
    }

    pub(super) fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut found = self.find(text.as_bytes());
        for (number, known) in self.known.iter().enumerate() {
            let places = known.as_is.iter().flat_map(|secret| text.match_indices(secret.as_str()));
            found.extend(places.map(|(at, secret)| (at..at + secret.len(), number)));
        }
        // Of two that begin alike the longer is meant.
        found.sort_by_key(|(range, number)| (range.start, Reverse(range.end), *number));
        let (mut pieces, mut shown) = (vec![], 0);
        for (range, number) in found {
            let Range { start, end } = whole_characters(text, range);
            if start >= shown {
                pieces.push(Piece::Text(text[shown..start].to_owned()));
                pieces.push(Piece::Name(self.known[number].name.clone()));
            }
            shown = shown.max(end);
        }
        pieces.push(Piece::Text(text[shown..].to_owned()));
        pieces.retain(|piece| *piece != Piece::Text(String::new()));
        pieces
    }

    /// Where they stand, by number. A long text is looked at piece by piece, each long enough for any spelling to be whole in one.
    fn find(&self, text: &[u8]) -> Vec<(Range<usize>, usize)> {
        let longest = self.known.iter().filter(|known| !known.spelt.is_empty()).map(|known| known.length).max();
        let Some(longest) = longest else { return vec![] };
        let overlap = longest * LONGEST_SPELLING;
        let window = WINDOW.max(4 * overlap);
        let (mut found, mut start) = (vec![], 0);
        loop {
            let end = text.len().min(start + window);
            let inside = self.find_in(&text[start..end], LAYERS, &mut Seen::default());
            found.extend(inside.into_iter().map(|(range, number)| (start + range.start..start + range.end, number)));
            if end == text.len() {
                return found;
            }
            start = end - overlap;
        }
    }

    fn find_in(&self, text: &[u8], layers: usize, seen: &mut Seen) -> Vec<(Range<usize>, usize)> {
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let mut found = vec![];
        for (number, known) in self.known.iter().enumerate() {
            for finder in &known.spelt {
                let length = finder.needle().len();
                found.extend(finder.find_iter(&lower).map(|at| (at..at + length, number)));
            }
        }
        let Some(layers) = layers.checked_sub(1) else { return found };
        let has_escapes = self.wanted.has_escapes && layers + LAYERS_APART >= LAYERS;
        for view in views(text, NeededViews { has_escapes, ..self.wanted }) {
            let inside = match view.is_whole {
                true if !seen.is_new(&view.octets, layers) => continue,
                true => self.find_in(&view.octets, layers, seen),
                false => self.find_in(&view.octets, layers, &mut Seen::default()),
            };
            found.extend(inside.into_iter().map(|(range, number)| (view.source(range), number)));
        }
        found
    }

    /// Whether a row, or what is read beside it, holds one.
    pub(super) fn are_in_row(&self, slots: &[Slot], fields: &[Vec<Pick>]) -> bool {
        let fixed = fields.iter().flatten().filter_map(|pick| match pick {
            Pick::Fixed(slot) => Some(slot),
            Pick::Slot(_) => None,
        });
        !self.known.is_empty() && slots.iter().chain(fixed).any(|slot| self.are_in_slot(slot))
    }

    fn are_in_slot(&self, slot: &Slot) -> bool {
        match slot {
            Slot::Text(text) => self.are_in(text),
            Slot::Texts(texts) => texts.iter().any(|text| self.are_in(text)) || self.are_in(&texts.join(" ")),
            Slot::Node(value) => self.are_in_value(value),
            Slot::Integer(number) => self.are_in(&number.to_string()),
            Slot::Number(number) => self.are_in(&number.to_string()),
            Slot::Absent | Slot::Null | Slot::Boolean(_) => false,
        }
    }

    fn are_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.are_in(text),
            Value::Number(number) => self.are_in(&number.to_string()),
            Value::Array(items) => items.iter().any(|item| self.are_in_value(item)),
            Value::Object(entries) => entries.iter().any(|(key, item)| self.are_in(key) || self.are_in_value(item)),
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// Where a row stands, for people: the keys of an object are a provider's words too.
    pub(super) fn place(&self, row: &Row) -> String {
        let shown = row.place.shown();
        if self.known.is_empty() { shown } else { self.redact(&shown) }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Name(name) => write!(f, "{{{name}}}"),
        }
    }
}

impl KnownSecret {
    fn new(name: &str, secret: &str) -> KnownSecret {
        let known = KnownSecret { name: name.to_owned(), spelt: vec![], as_is: vec![], length: secret.len() };
        if secret.is_empty() {
            return known;
        }
        if secret.len() < SHORTEST {
            let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            let as_is = [secret.to_owned(), encoded].map(Zeroizing::new).into();
            return KnownSecret { as_is, ..known };
        }
        // A secret that has escapes itself is undone by whatever undoes the text around it.
        let mut spellings = vec![secret.as_bytes().to_vec(), secret.replace(' ', "+").into_bytes(), undone(secret)];
        spellings.extend(in_other_sets(secret));
        spellings.iter_mut().for_each(|spelling| spelling.make_ascii_lowercase());
        spellings.retain(|spelling| spelling.len() >= SHORTEST);
        spellings.sort();
        spellings.dedup();
        KnownSecret { spelt: spellings.iter().map(|spelling| Finder::new(spelling).into_owned()).collect(), ..known }
    }
}

/// A text that is not ASCII in Latin-1, in UTF-16 without zeros, and as UTF-8 becomes that is taken for Latin-1.
fn in_other_sets(text: &str) -> Vec<Vec<u8>> {
    if text.is_ascii() {
        return vec![];
    }
    let wide = |octets: fn(u16) -> [u8; 2]| {
        text.encode_utf16().flat_map(octets).filter(|octet| *octet != 0).collect::<Vec<u8>>()
    };
    let latin = text.chars().map(|sign| u8::try_from(u32::from(sign)).ok()).collect::<Option<Vec<u8>>>();
    let twice = text.bytes().map(char::from).collect::<String>().into_bytes();
    [wide(u16::to_le_bytes), wide(u16::to_be_bytes), twice].into_iter().chain(latin).collect()
}

/// The same part, with the whole of the characters that it begins and ends in.
fn whole_characters(text: &str, part: Range<usize>) -> Range<usize> {
    let start = (0..=part.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = (part.end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    start..end
}

/// A text without any of its escapes.
fn undone(text: &str) -> Vec<u8> {
    let mut octets = text.as_bytes().to_vec();
    while let Some(view) = unescaped(&octets) {
        octets = view.octets;
    }
    octets
}

/// A secret, and what is a secret in it: the credentials behind a scheme (RFC 9110 §11.4), the password of the Basic scheme
/// however short it is, and the values of parameters and cookies.
fn parts(secret: &str) -> Vec<Zeroizing<String>> {
    let mut parts = vec![Zeroizing::new(secret.to_owned())];
    let values =
        secret.split([' ', ';', ',', '"']).flat_map(|part| [Some(part), part.split_once('=').map(|(_, value)| value)]);
    parts.extend(values.flatten().filter(|part| part.len() >= SHORTEST).map(|part| Zeroizing::new(part.to_owned())));
    parts.extend(basic_password(secret));
    parts.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    parts.dedup();
    parts
}

/// The password in `Basic …`, with or without padding, in either alphabet (RFC 7617 §2).
fn basic_password(secret: &str) -> Option<Zeroizing<String>> {
    let (scheme, text) = secret.trim().split_once(' ')?;
    let text = text.trim().trim_end_matches('=');
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| {
        let engines = [STANDARD_NO_PAD, URL_SAFE_NO_PAD];
        engines.iter().find_map(|engine| engine.decode(text).ok())
    })??;
    let pair = Zeroizing::new(String::from_utf8_lossy(&pair).into_owned());
    pair.split_once(':')
        .map(|(_, password)| Zeroizing::new(password.to_owned()))
        .filter(|password| !password.is_empty())
}
