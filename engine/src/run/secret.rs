//! Detects and redacts secrets in external data, in any encoding: a provider may repeat the request in its response. A
//! row that contains a secret is bad and discarded; in texts for people its name replaces it.

use super::Response;
use super::encodings::{NeededViews, SHORTEST, has_escapes, unescaped, views};
use super::extract::Slot;
use super::reader::Pick;
use super::record::{Record, Typed};
use super::redacted::Piece;
use super::row::Row;
use crate::diagnostic::Diagnostic;
use crate::dns::{Rdata, Soa};
use crate::plan::Settings;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hashbrown::{DefaultHashBuilder, HashMap};
use memchr::memmem::Finder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::cmp::Reverse;
use std::fmt::{self, Write};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::Zeroizing;

/// Reason for a bad row that contains a secret.
pub(super) const CONTAINS_SECRET: &str = "the row contains a secret";

/// Maximum number of nested encodings that are removed.
const LAYERS: usize = 6;

/// Number of layers in which kinds of escapes are decoded separately; the number of views grows exponentially with it.
const SEPARATE_LAYERS: usize = 3;

/// Maximum number of octets in all views of a text, or of all rows of a response, as a multiple of its length. What is
/// beyond counts as a secret: only artificial texts exceed it.
const MAX_READINGS: usize = 24;

/// Number of octets that the views of any text may have.
const MIN_READINGS: usize = 256 * 1024;

/// Size of the parts in which a text is searched, in octets.
const WINDOW: usize = 64 * 1024;

/// Maximum expansion of an octet by encodings that is always found: a character reference with 250 zeros whose characters
/// are escaped once (`\u0026`), or four layers of such escapes.
const MAX_EXPANSION: usize = 1560;

/// Maximum length of a domain name in characters, for texts that are searched without an allocation.
const MAX_NAME: usize = 256;

/// Secrets and their names, for detection and redaction.
#[derive(Clone, Default)]
pub struct Secrets {
    known: Vec<Arc<KnownSecret>>,
    needed: NeededViews,
    /// Limit for all texts together, if they are the rows of one response.
    work: Option<Arc<Work>>,
}

/// A secret in the forms that are searched for.
struct KnownSecret {
    name: String,
    /// Lower-case forms that are searched for in all encodings; empty if the secret is too short.
    finders: Vec<Finder<'static>>,
    /// Literal forms that are redacted in texts, if the secret is too short for more.
    literals: Vec<Zeroizing<String>>,
    length: usize,
}

/// Hashes of views that were searched, with the number of layers: decoding kinds of escapes in a different order
/// usually gives the same text.
#[derive(Default)]
struct Seen {
    hasher: DefaultHashBuilder,
    known: HashMap<u64, usize>,
}

/// Octets that may still be searched.
struct Work(AtomicUsize);

impl Work {
    fn new(length: usize) -> Work {
        Work(AtomicUsize::new(length.saturating_mul(MAX_READINGS).max(MIN_READINGS)))
    }

    /// Whether this many octets may be searched.
    fn take(&self, octets: usize) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(octets)).is_ok()
    }
}

impl Seen {
    fn is_new(&mut self, octets: &[u8], layers: usize) -> bool {
        let known = self.known.entry(self.hasher.hash_one(octets)).or_default();
        let is_new = *known <= layers;
        *known = layers + 1;
        is_new
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|known| &known.name)).finish()
    }
}

impl Secrets {
    /// Collects the secrets among the settings.
    pub fn of(settings: &Settings) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_all(settings);
        secrets
    }

    /// Adds the secrets among settings.
    pub(super) fn add_all(&mut self, settings: &Settings) {
        settings.secrets().for_each(|(name, secret)| self.add(name, secret));
    }

    /// Adds a secret, with those of its parts that are credentials themselves.
    pub(super) fn add(&mut self, name: &str, secret: &str) {
        self.needed.has_non_ascii |= !secret.is_ascii();
        self.needed.has_escapes |= has_escapes(secret.as_bytes());
        for secret in parts(secret) {
            self.known.push(Arc::new(KnownSecret::new(name, &secret)));
        }
    }

    /// Returns the secrets that occur in a response; if there are none, rows need not be searched.
    pub(super) fn in_response(&self, response: &Response) -> Secrets {
        let mut texts = vec![response.body.as_slice()];
        texts.extend(response.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]));
        let mut is_there = vec![false; self.known.len()];
        for text in texts {
            self.find(text).iter().for_each(|(_, number)| is_there[*number] = true);
        }
        let known = self.known.iter().zip(is_there).filter(|(_, is_there)| *is_there).map(|(known, _)| known);
        let work = Some(Arc::new(Work::new(response.body.len())));
        Secrets { known: known.cloned().collect(), needed: self.needed, work }
    }

    /// Returns the secrets that are long enough to be searched for in any text.
    pub fn searchable(&self) -> Secrets {
        let known = self.known.iter().filter(|known| !known.finders.is_empty()).cloned().collect();
        Secrets { known, needed: self.needed, work: None }
    }

    /// Whether a text contains a secret that is long enough to be searched for.
    pub fn occur_in(&self, text: &str) -> bool {
        let is_in = |text: &str| text.len() >= SHORTEST && !self.find(text.as_bytes()).is_empty();
        // Escaping the text for display could turn a part of it into a secret again.
        let is_escaped = text.contains(|character: char| matches!(character, '\\' | '"') || character.is_control());
        is_in(text) || is_escaped && is_in(&Value::from(text).to_string())
    }

    /// Replaces secrets in a text by their names.
    pub fn redact(&self, text: &str) -> String {
        self.pieces(text).iter().map(Piece::to_string).collect()
    }

    /// Redacts all texts of a diagnostic. Its sources are already redacted.
    pub(super) fn redact_in(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let labels = diagnostic.labels.iter_mut().map(|label| &mut label.text);
        for text in labels.chain(&mut diagnostic.notes).chain([&mut diagnostic.message]) {
            *text = self.redact(text);
        }
        diagnostic
    }

    pub(super) fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut found = self.find(text.as_bytes());
        for (number, known) in self.known.iter().enumerate() {
            let places = known.literals.iter().flat_map(|secret| text.match_indices(secret.as_str()));
            found.extend(places.map(|(at, secret)| (at..at + secret.len(), number)));
        }
        // Of overlapping secrets the longer one is preferred.
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

    /// Returns the ranges of secrets with their indices. Long texts are searched in overlapping parts, so that any
    /// encoded secret is complete in one of them.
    fn find(&self, text: &[u8]) -> Vec<(Range<usize>, usize)> {
        if self.known.iter().all(|known| known.finders.is_empty()) {
            return vec![];
        }
        let overlap = self.known[self.longest()].length * MAX_EXPANSION;
        let window = WINDOW.max(4 * overlap);
        let (mut found, mut start) = (vec![], 0);
        loop {
            let end = text.len().min(start + window);
            let own = Work::new(end - start);
            let work = self.work.as_deref().unwrap_or(&own);
            let inside = self.find_in(&text[start..end], LAYERS, &mut Seen::default(), work);
            found.extend(inside.into_iter().map(|(range, number)| (start + range.start..start + range.end, number)));
            if end == text.len() {
                return found;
            }
            start = end - overlap;
        }
    }

    /// Returns the index of the longest secret that is searched for in all encodings.
    fn longest(&self) -> usize {
        let is_searched = |(_, known): &(usize, &Arc<KnownSecret>)| !known.finders.is_empty();
        let longest = self.known.iter().enumerate().filter(is_searched).max_by_key(|(_, known)| known.length);
        longest.map_or(0, |(number, _)| number)
    }

    fn find_in(&self, text: &[u8], layers: usize, seen: &mut Seen, work: &Work) -> Vec<(Range<usize>, usize)> {
        if !work.take(text.len()) {
            return vec![(0..text.len(), self.longest())];
        }
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        let mut found = vec![];
        for (number, known) in self.known.iter().enumerate() {
            for finder in &known.finders {
                let length = finder.needle().len();
                found.extend(finder.find_iter(&lower).map(|at| (at..at + length, number)));
            }
        }
        let Some(layers) = layers.checked_sub(1) else { return found };
        let has_escapes = self.needed.has_escapes && layers + SEPARATE_LAYERS >= LAYERS;
        for view in views(text, NeededViews { has_escapes, ..self.needed }) {
            let inside = match view.is_whole {
                true if !seen.is_new(&view.octets, layers) => continue,
                true => self.find_in(&view.octets, layers, seen, work),
                false => self.find_in(&view.octets, layers, &mut Seen::default(), work),
            };
            found.extend(inside.into_iter().map(|(range, number)| (view.source(range), number)));
        }
        found
    }

    /// Whether a row, or a constant of its fields, contains a secret.
    pub(super) fn occur_in_row(&self, slots: &[Slot], fields: &[Vec<Pick>]) -> bool {
        let fixed = fields.iter().flatten().filter_map(|pick| match pick {
            Pick::Fixed(slot) => Some(slot),
            Pick::Slot(_) => None,
        });
        !self.known.is_empty() && slots.iter().chain(fixed).any(|slot| self.occur_in_slot(slot))
    }

    fn occur_in_slot(&self, slot: &Slot) -> bool {
        match slot {
            Slot::Text(text) => self.occur_in(text),
            Slot::Texts(texts) => texts.iter().any(|text| self.occur_in(text)) || self.occur_in(&texts.join(" ")),
            Slot::Node(value) => self.occur_in_value(value),
            Slot::Integer(number) => self.occur_in(&number.to_string()),
            Slot::Number(number) => self.occur_in(&number.to_string()),
            Slot::Absent | Slot::Null | Slot::Boolean(_) => false,
        }
    }

    fn occur_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.occur_in(text),
            Value::Number(number) => self.occur_in(&number.to_string()),
            Value::Array(items) => items.iter().any(|item| self.occur_in_value(item)),
            Value::Object(entries) => entries.iter().any(|(key, item)| self.occur_in(key) || self.occur_in_value(item)),
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// Whether a parsed record contains a secret that its row did not: names are converted to A-labels and lower case,
    /// character-strings are joined, and the first dot of a mailbox becomes an `@`.
    pub(super) fn occur_in_record(&self, record: &Record, fields: &[Typed], slots: &[Slot]) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let mut names = fields.iter().filter_map(|field| if let Typed::Name(name) = field { Some(name) } else { None });
        let in_rdata = || match &record.rdata {
            Rdata::Address(_) => false,
            Rdata::Name(name) => self.are_legible_in(name),
            Rdata::Text(text) => !slots.iter().any(|slot| slot.contains(text)) && self.occur_in(text),
            Rdata::Soa(Soa { rname: Some(mailbox), .. }) | Rdata::Rp { mailbox, .. } => {
                self.are_legible_in(mailbox) || self.are_legible_in(&record.rdata)
            }
            rdata => self.are_legible_in(rdata),
        };
        names.any(|name| self.are_legible_in(name)) || self.are_legible_in(&record.rrname) || in_rdata()
    }

    /// Whether a value, as it is displayed, contains a secret without any encoding, in upper or lower case.
    pub(super) fn are_legible_in(&self, value: impl fmt::Display) -> bool {
        let mut lower = LowerCase { short: [0; MAX_NAME], length: 0, long: Zeroizing::default() };
        write!(lower, "{value}").expect("a buffer accepts any text");
        let lower = lower.octets();
        self.known.iter().flat_map(|known| &known.finders).any(|finder| finder.find(lower).is_some())
    }

    /// Returns the redacted location of a row; object keys are external data.
    pub(super) fn location(&self, row: &Row) -> String {
        let shown = row.location.display();
        if self.known.is_empty() { shown } else { self.redact(&shown) }
    }
}

/// A text in lower case, without an allocation if it is not longer than a domain name.
struct LowerCase {
    short: [u8; MAX_NAME],
    length: usize,
    /// The whole text, if it is longer.
    long: Zeroizing<Vec<u8>>,
}

impl LowerCase {
    fn octets(&self) -> &[u8] {
        if self.long.is_empty() { &self.short[..self.length] } else { &self.long }
    }
}

impl fmt::Write for LowerCase {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        match self.short.get_mut(self.length..end).filter(|_| self.long.is_empty()) {
            Some(part) => {
                part.copy_from_slice(text.as_bytes());
                part.make_ascii_lowercase();
                self.length = end;
            }
            None => {
                if self.long.is_empty() {
                    self.long.extend_from_slice(&self.short[..self.length]);
                }
                self.long.extend(text.bytes().map(|octet| octet.to_ascii_lowercase()));
            }
        }
        Ok(())
    }
}

impl KnownSecret {
    fn new(name: &str, secret: &str) -> KnownSecret {
        let known = KnownSecret { name: name.to_owned(), finders: vec![], literals: vec![], length: secret.len() };
        if secret.is_empty() {
            return known;
        }
        if secret.len() < SHORTEST {
            let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            let literals = [secret.to_owned(), encoded].map(Zeroizing::new).into();
            return KnownSecret { literals, ..known };
        }
        // Decoding the surrounding text also decodes escapes within the secret.
        let mut forms = vec![secret.as_bytes().to_vec(), secret.replace(' ', "+").into_bytes(), decode_all(secret)];
        forms.extend([secret.to_lowercase().into_bytes(), secret.to_uppercase().into_bytes()]);
        forms.extend(in_other_charsets(secret));
        forms.iter_mut().for_each(|form| form.make_ascii_lowercase());
        forms.retain(|form| form.len() >= SHORTEST);
        forms.sort();
        forms.dedup();
        KnownSecret { finders: forms.iter().map(|form| Finder::new(form).into_owned()).collect(), ..known }
    }
}

/// Returns a non-ASCII text in Latin-1, in UTF-16 without NUL octets, and as double-encoded UTF-8.
fn in_other_charsets(text: &str) -> Vec<Vec<u8>> {
    if text.is_ascii() {
        return vec![];
    }
    let wide = |octets: fn(u16) -> [u8; 2]| {
        text.encode_utf16().flat_map(octets).filter(|octet| *octet != 0).collect::<Vec<u8>>()
    };
    let latin = text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect::<Option<Vec<u8>>>();
    let twice = text.bytes().map(char::from).collect::<String>().into_bytes();
    [wide(u16::to_le_bytes), wide(u16::to_be_bytes), twice].into_iter().chain(latin).collect()
}

/// Extends a range to character boundaries.
fn whole_characters(text: &str, part: Range<usize>) -> Range<usize> {
    let start = (0..=part.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let end = (part.end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    start..end
}

/// Removes all escapes from a text.
fn decode_all(text: &str) -> Vec<u8> {
    let mut octets = text.as_bytes().to_vec();
    while let Some(view) = unescaped(&octets) {
        octets = view.octets;
    }
    octets
}

/// Returns a secret and its parts that are secrets: credentials after a scheme (RFC 9110 §11.4), a Basic password of
/// any length, and values of parameters and cookies.
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

/// Returns the password of Basic credentials, with or without padding, in either alphabet (RFC 7617 §2).
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
