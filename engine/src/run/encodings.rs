//! Decodes the encodings that can hide one text inside another: percent-encoding, escapes of JSON and DNS, HTML
//! character references, Base64, hexadecimal, folded lines and UTF-16. Each decoded view maps its octets back to the
//! original text.

use crate::plan::SHORTEST_SECRET;
use memchr::{memchr, memchr3};
use std::ops::Range;

/// A text with one layer of encoding removed.
#[derive(Default)]
pub(super) struct DecodedView {
    pub(super) octets: Vec<u8>,
    /// Whether it covers the whole text, not only an encoded part.
    pub(super) is_whole: bool,
    ranges: Vec<MappedRange>,
}

/// A range of a view and its source in the text: copied, or decoded as a unit.
struct MappedRange {
    at: usize,
    source: Range<usize>,
    is_decoded: bool,
}

impl DecodedView {
    /// Returns the source of a part of the view.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        let (first, last) = (self.range_at(part.start), self.range_at(part.end.saturating_sub(1)));
        let start = if first.is_decoded { first.source.start } else { first.source.start + (part.start - first.at) };
        let end = if last.is_decoded { last.source.end } else { last.source.start + (part.end - last.at) };
        start..end
    }

    fn range_at(&self, at: usize) -> &MappedRange {
        let next = self.ranges.partition_point(|range| range.at <= at);
        &self.ranges[next.max(1) - 1]
    }

    /// Appends the rest of a text of which the part before `at` was decoded; `None` if nothing was.
    fn completed(mut self, text: &[u8], at: usize) -> Option<DecodedView> {
        if at == 0 {
            return None;
        }
        self.push(&text[at..], at..text.len(), false);
        Some(self)
    }

    fn push(&mut self, octets: &[u8], source: Range<usize>, is_decoded: bool) {
        if !octets.is_empty() {
            self.ranges.push(MappedRange { at: self.octets.len(), source, is_decoded });
            self.octets.extend_from_slice(octets);
        }
    }
}

/// Minimum length of a secret that is searched for, in octets: shorter ones occur in other data by chance.
pub(super) const SHORTEST: usize = SHORTEST_SECRET;

/// Length of the Base64 encoding of that many octets.
const SHORTEST_BASE64: usize = SHORTEST * 4 / 3 + 1;

/// Properties of the secrets that determine which views are necessary.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct NeededViews {
    /// Some secrets are not ASCII: otherwise Base64 and hexadecimal that decode to non-ASCII are ignored.
    pub(super) has_non_ascii: bool,
    /// Some secrets contain escape sequences themselves: each kind of escape is then also decoded separately, so that
    /// decoding one kind does not destroy those of another.
    pub(super) has_escapes: bool,
}

/// Whether a text may contain escape sequences.
pub(super) fn has_escapes(text: &[u8]) -> bool {
    memchr3(ESCAPES[0], ESCAPES[1], ESCAPES[2], text).is_some()
}

/// Characters that introduce escape sequences.
const ESCAPES: [u8; 3] = [b'%', b'\\', b'&'];

/// Returns all views of a text, with one layer removed.
pub(super) fn views(text: &[u8], wanted: NeededViews) -> Vec<DecodedView> {
    let is_text =
        |byte: u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0) || wanted.has_non_ascii && byte >= 0x80;
    let mut views = vec![];
    if wanted.has_escapes {
        views.extend(ESCAPES.iter().filter_map(|start| unescaped_from(text, |text| memchr(*start, text))));
    }
    if views.len() != 1 {
        views.extend(unescaped(text));
    }
    views.extend(unfolded(text));
    views.extend(narrowed(text));
    let mut octets = vec![];
    for run in runs(text, |byte| SEXTETS[usize::from(byte)] != NONE, SHORTEST_BASE64) {
        for skipped in 0..4 {
            base64(&text[run.start + skipped..run.end], &mut octets);
            push_readable(&octets, &run, is_text, &mut views);
        }
    }
    // Also with something between octets, as in unknown record data (RFC 3597 §5), addresses and dumps.
    let mut digits = vec![];
    for run in runs(text, |byte| byte.is_ascii_hexdigit() || BETWEEN_OCTETS.contains(&byte), 2 * SHORTEST) {
        hexadecimal_digits(&text[run.clone()], &mut digits);
        if digits.len() < 2 * SHORTEST {
            continue;
        }
        for skipped in 0..2 {
            hexadecimal(&digits[skipped..], &mut octets);
            push_readable(&octets, &run, is_text, &mut views);
        }
    }
    views
}

/// What may stand between hexadecimal octets; `x` is that of `0x`.
const BETWEEN_OCTETS: &[u8] = b" \t:-_.,;|/xX";

/// Collects hexadecimal digits, without the `0` of `0x`.
fn hexadecimal_digits(run: &[u8], digits: &mut Vec<u8>) {
    digits.clear();
    for byte in run {
        match byte {
            b'x' | b'X' if digits.last() == Some(&b'0') => drop(digits.pop()),
            byte if byte.is_ascii_hexdigit() => digits.push(*byte),
            _ => {}
        }
    }
}

/// Adds the readable parts of decoded octets; words and numbers also decode, but rarely to text.
fn push_readable(octets: &[u8], run: &Range<usize>, is_text: impl Fn(u8) -> bool, views: &mut Vec<DecodedView>) {
    for part in runs(octets, is_text, SHORTEST) {
        let mut view = DecodedView::default();
        view.push(&octets[part], run.clone(), true);
        views.push(view);
    }
}

/// Returns the text without the line breaks, raw or JSON-escaped, that fold Base64 or hexadecimal (RFC 2045 §6.8), and
/// the blanks around them; `None` if there are none.
fn unfolded(text: &[u8]) -> Option<DecodedView> {
    let is_alphabet = |byte: Option<&u8>| byte.is_some_and(|byte| SEXTETS[usize::from(*byte)] != NONE);
    let (mut view, mut at, mut seen) = (DecodedView { is_whole: true, ..DecodedView::default() }, 0, 0);
    while let Some(next) = memchr3(b'\n', b'\r', b'\\', &text[seen..]) {
        let first = seen + next;
        let end = first + fold(&text[first..]);
        let blanks = text[at..first].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let start = if end > first { first - blanks } else { first };
        seen = end.max(first + 1);
        // The next character may itself be escaped.
        let continues = is_alphabet(text.get(end)) || text.get(end).is_some_and(|byte| ESCAPES.contains(byte));
        if end > start && is_alphabet(text[..start].last()) && continues {
            view.push(&text[at..start], at..start, false);
            at = end;
        }
    }
    view.completed(text, at)
}

/// Returns the length of a line break with the blanks after it.
fn fold(text: &[u8]) -> usize {
    let mut length = 0;
    loop {
        length += match &text[length..] {
            [b'\n' | b'\r', ..] => 1,
            [b' ' | b'\t', ..] if length > 0 => 1,
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            _ => return length,
        }
    }
}

/// Returns the text without NUL octets, which converts UTF-16 to Latin-1; `None` if there are none.
fn narrowed(text: &[u8]) -> Option<DecodedView> {
    let (mut view, mut at) = (DecodedView { is_whole: true, ..DecodedView::default() }, 0);
    while let Some(next) = memchr(0, &text[at..]) {
        view.push(&text[at..at + next], at..at + next, false);
        at += next + 1;
    }
    view.completed(text, at)
}

/// Returns the text with all kinds of escapes decoded in one pass; `None` if it has none.
pub(super) fn unescaped(text: &[u8]) -> Option<DecodedView> {
    let [one, two, three] = ESCAPES;
    unescaped_from(text, |text| memchr3(one, two, three, text))
}

/// Decodes the escapes whose start is found by `find`.
fn unescaped_from(text: &[u8], find: impl Fn(&[u8]) -> Option<usize>) -> Option<DecodedView> {
    let (mut view, mut at, mut seen) = (DecodedView { is_whole: true, ..DecodedView::default() }, 0, 0);
    while let Some(next) = find(&text[seen..]) {
        let start = seen + next;
        let Some((character, length)) = escape(&text[start..]) else {
            seen = start + 1;
            continue;
        };
        view.push(&text[at..start], at..start, false);
        (at, seen) = (start + length, start + length);
        match character {
            Escaped::Octet(octet) => view.push(&[octet], start..at, true),
            Escaped::Character(character) => {
                view.push(character.encode_utf8(&mut [0; 4]).as_bytes(), start..at, true);
            }
        }
    }
    view.completed(text, at)
}

/// The value of an escape sequence.
enum Escaped {
    Octet(u8),
    Character(char),
}

/// Decodes the escape at the start of a text, and returns its length.
fn escape(text: &[u8]) -> Option<(Escaped, usize)> {
    match text {
        [b'%' | b'\\', b'u', ..] => unicode(text),
        [b'%', high, low, ..] => Some((Escaped::Octet(octet(*high, *low)?), 3)),
        [b'\\', b'x', high, low, ..] if octet(*high, *low).is_some() => {
            octet(*high, *low).map(|octet| (Escaped::Octet(octet), 4))
        }
        // RFC 1035 §5.1: `\DDD` is an octet, `\X` is X.
        [b'\\', a, b, c, ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
            let number = std::str::from_utf8(&text[1..4]).ok()?.parse().ok()?;
            Some((Escaped::Octet(number), 4))
        }
        [b'\\', byte, ..] => Some((Escaped::Octet(*byte), 2)),
        [b'&', b'#', ..] => numbered(text),
        [b'&', ..] => named(text),
        _ => None,
    }
}

fn octet(high: u8, low: u8) -> Option<u8> {
    Some((digit(high)? << 4) | digit(low)?)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// Decodes `\u002B` and `%u002B`, including surrogate pairs.
fn unicode(text: &[u8]) -> Option<(Escaped, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at + 2..at + 6).filter(|_| text[at] == text[0] && text[at + 1] == b'u')?;
        digits.iter().try_fold(0, |unit: u32, byte| Some(unit * 16 + u32::from(digit(*byte)?)))
    };
    let Some(first) = unit(0) else { return (text[0] == b'\\').then_some((Escaped::Octet(b'u'), 2)) };
    if let Some(character) = char::from_u32(first) {
        return Some((Escaped::Character(character), 6));
    }
    let second = unit(6).filter(|second| first < 0xdc00 && (0xdc00..0xe000).contains(second));
    let character = second.and_then(|second| char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
    Some(
        character.map_or((Escaped::Character(char::REPLACEMENT_CHARACTER), 6), |found| (Escaped::Character(found), 12)),
    )
}

/// Maximum number of digits after the zeros of a character reference.
const MOST_DIGITS: usize = 8;

/// Decodes `&#43;` and `&#x2B;`, also without the semicolon, as browsers do.
fn numbered(text: &[u8]) -> Option<(Escaped, usize)> {
    let (start, radix) = if matches!(text.get(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
    // Browsers accept any number of zeros.
    let zeros = text[start..].iter().take_while(|byte| **byte == b'0').count();
    let is_digit = |byte: &&u8| char::from(**byte).is_digit(radix);
    let digits = text[start + zeros..].iter().take(MOST_DIGITS).take_while(is_digit).count();
    let length = zeros + digits;
    let digits = std::str::from_utf8(&text[start + zeros..start + length]).ok()?;
    let digits = if zeros > 0 && digits.is_empty() { "0" } else { digits };
    let number = u32::from_str_radix(digits, radix).ok()?;
    let character = windows(number).or_else(|| char::from_u32(number))?;
    let end = start + length;
    if is_cut_short(&text[end..]) {
        return None;
    }
    Some((Escaped::Character(character), end + usize::from(text.get(end) == Some(&b';'))))
}

/// Returns the Windows-1252 character that browsers substitute for a control character (HTML, numeric character
/// reference end state).
fn windows(number: u32) -> Option<char> {
    const CHARACTERS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    CHARACTERS.chars().nth(usize::try_from(number.checked_sub(0x80)?).ok()?)
}

/// Whether a reference continues in another encoding, which must be decoded first: with a letter, a digit, the semicolon, or a
/// further escape.
fn is_cut_short(rest: &[u8]) -> bool {
    let next = match rest {
        [b'%', high, low, ..] | [b'\\', b'x' | b'X', high, low, ..] => octet(*high, *low),
        [b'\\', b'u' | b'U', b'0', b'0', high, low, ..] => octet(*high, *low),
        [b'\\', next @ (b'\\' | b';'), ..] => Some(*next),
        _ => None,
    };
    next.is_some_and(|next| next.is_ascii_alphanumeric() || b";%\\&".contains(&next))
}

/// HTML character references for ASCII characters.
const NAMED: [(&str, u8); 44] = [
    ("amp", b'&'),
    ("lt", b'<'),
    ("gt", b'>'),
    ("quot", b'"'),
    ("apos", b'\''),
    ("plus", b'+'),
    ("equals", b'='),
    ("sol", b'/'),
    ("bsol", b'\\'),
    ("colon", b':'),
    ("semi", b';'),
    ("comma", b','),
    ("period", b'.'),
    ("excl", b'!'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("lowbar", b'_'),
    ("underbar", b'_'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("verticalline", b'|'),
    ("hat", b'^'),
    ("grave", b'`'),
    ("diacriticalgrave", b'`'),
    ("tilde", b'~'),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("tab", b'\t'),
    ("newline", b'\n'),
];

/// HTML character references for Latin-1 characters, from U+00A0.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave \
    Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml \
    Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth \
    ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

fn named(text: &[u8]) -> Option<(Escaped, usize)> {
    named_in_ascii(text).or_else(|| named_in_latin(text))
}

fn named_in_latin(text: &[u8]) -> Option<(Escaped, usize)> {
    let length = text[1..].iter().take(9).position(|byte| !byte.is_ascii_alphanumeric())?;
    let (name, is_closed) = (&text[1..=length], text[1 + length] == b';');
    let number = LATIN.split_ascii_whitespace().position(|known| known.as_bytes() == name)?;
    let character = char::from_u32(0xa0 + u32::try_from(number).ok()?)?;
    (is_closed || !is_cut_short(&text[1 + length..]))
        .then_some((Escaped::Character(character), 1 + length + usize::from(is_closed)))
}

fn named_in_ascii(text: &[u8]) -> Option<(Escaped, usize)> {
    let length = text[1..].iter().take(17).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, rest) = text[1..].split_at(length);
    let known =
        NAMED.iter().find(|(known, _)| rest.first() == Some(&b';') && name.eq_ignore_ascii_case(known.as_bytes()));
    if let Some((_, octet)) = known {
        return Some((Escaped::Octet(*octet), length + 2));
    }
    // Browsers decode these also without a semicolon, even if letters follow.
    let begins =
        |known: &str| name.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known.as_bytes()));
    let (known, octet) = NAMED[..4].iter().find(|(known, _)| begins(known))?;
    let end = 1 + known.len();
    (!is_cut_short(&text[end..])).then_some((Escaped::Octet(*octet), end))
}

/// Values of the Base64 characters, in both alphabets (RFC 4648 §4, §5).
const SEXTETS: [u8; 256] = sextets();

/// Marks a character outside the Base64 alphabets.
const NONE: u8 = 0xff;

const fn sextets() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut sextets, mut at) = ([NONE; 256], 0);
    while at < alphabet.len() {
        sextets[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    sextets[b'-' as usize] = 62;
    sextets[b'_' as usize] = 63;
    sextets
}

fn base64(run: &[u8], octets: &mut Vec<u8>) {
    octets.clear();
    for group in run.chunks(4) {
        let bits = group.iter().fold(0, |bits, byte| (bits << 6) | u32::from(SEXTETS[usize::from(*byte)]));
        let [_, decoded @ ..] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        octets.extend_from_slice(&decoded[..group.len() * 6 / 8]);
    }
}

fn hexadecimal(run: &[u8], octets: &mut Vec<u8>) {
    octets.clear();
    octets.extend(run.chunks_exact(2).filter_map(|pair| octet(pair[0], pair[1])));
}

/// Returns the maximal ranges of at least `least` octets that satisfy the predicate.
fn runs(text: &[u8], predicate: impl Fn(u8) -> bool, least: usize) -> Vec<Range<usize>> {
    let (mut runs, mut at) = (vec![], 0);
    while at < text.len() {
        let length = text[at..].iter().take_while(|byte| predicate(**byte)).count();
        if length >= least {
            runs.push(at..at + length);
        }
        at += length + 1;
    }
    runs
}
