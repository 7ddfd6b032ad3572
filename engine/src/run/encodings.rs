//! Spellings that hide one text inside another: percent-encoding, escapes of JSON and DNS, character references of HTML,
//! Base64 and hexadecimal, folded lines, and UTF-16. Each is undone into a view that remembers where its octets stood; what is looked for in views is
//! no matter of this file.

use crate::plan::SHORTEST_SECRET;
use memchr::{memchr, memchr3};
use std::ops::Range;

/// A text with one layer of spelling undone.
#[derive(Default)]
pub(super) struct DecodedView {
    pub(super) octets: Vec<u8>,
    /// Whether it is all of the text, and not what a part of it decodes to.
    pub(super) is_whole: bool,
    stretches: Vec<MappedRange>,
}

/// Octets of a view, and where they stood in the text: as they are, or spelt as a whole.
struct MappedRange {
    at: usize,
    source: Range<usize>,
    is_spelt: bool,
}

impl DecodedView {
    /// Where a part of the view stood in the text.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        let (first, last) = (self.stretch(part.start), self.stretch(part.end.saturating_sub(1)));
        let start = if first.is_spelt { first.source.start } else { first.source.start + (part.start - first.at) };
        let end = if last.is_spelt { last.source.end } else { last.source.start + (part.end - last.at) };
        start..end
    }

    fn stretch(&self, at: usize) -> &MappedRange {
        let next = self.stretches.partition_point(|stretch| stretch.at <= at);
        &self.stretches[next.max(1) - 1]
    }

    fn push(&mut self, octets: &[u8], source: Range<usize>, is_spelt: bool) {
        if !octets.is_empty() {
            self.stretches.push(MappedRange { at: self.octets.len(), source, is_spelt });
            self.octets.extend_from_slice(octets);
        }
    }
}

/// Fewer octets than this are not looked for: they stand in other data by accident.
pub(super) const SHORTEST: usize = SHORTEST_SECRET;

/// How Base64 spells so many octets.
const SHORTEST_BASE64: usize = SHORTEST * 4 / 3 + 1;

/// What is looked for in views, and so which of them there must be.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct NeededViews {
    /// Texts with signs beyond ASCII: without them, Base64 and hexadecimal that hold other signs are data.
    pub(super) has_other_signs: bool,
    /// Texts that have escapes themselves: each kind of escape is undone apart from the others, since what is spelt in one
    /// kind may not lose those of another.
    pub(super) has_escapes: bool,
}

/// Whether a text could be taken for one with escapes.
pub(super) fn has_escapes(text: &[u8]) -> bool {
    memchr3(ESCAPES[0], ESCAPES[1], ESCAPES[2], text).is_some()
}

/// What escapes begin with.
const ESCAPES: [u8; 3] = [b'%', b'\\', b'&'];

/// Every view of a text, one layer deep.
pub(super) fn views(text: &[u8], wanted: NeededViews) -> Vec<DecodedView> {
    let is_text =
        |sign: u8| matches!(sign, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0) || wanted.has_other_signs && sign >= 0x80;
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
    for run in runs(text, |sign| SEXTETS[usize::from(sign)] != NONE, SHORTEST_BASE64) {
        for skipped in 0..4 {
            base64(&text[run.start + skipped..run.end], &mut octets);
            push_readable(&octets, &run, is_text, &mut views);
        }
    }
    for run in runs(text, |sign| sign.is_ascii_hexdigit(), 2 * SHORTEST) {
        for skipped in 0..2 {
            hexadecimal(&text[run.start + skipped..run.end], &mut octets);
            push_readable(&octets, &run, is_text, &mut views);
        }
    }
    views
}

/// Words and numbers decode too, and what they become is hardly ever text: it ends here.
fn push_readable(octets: &[u8], run: &Range<usize>, is_text: impl Fn(u8) -> bool, views: &mut Vec<DecodedView>) {
    for part in runs(octets, is_text, SHORTEST) {
        let mut view = DecodedView::default();
        view.push(&octets[part], run.clone(), true);
        views.push(view);
    }
}

/// The text without the line ends, raw or escaped as in JSON, that fold what Base64 or hexadecimal spells (RFC 2045 §6.8);
/// none if there are none.
fn unfolded(text: &[u8]) -> Option<DecodedView> {
    let is_sign = |sign: Option<&u8>| sign.is_some_and(|sign| SEXTETS[usize::from(*sign)] != NONE);
    let (mut view, mut at, mut seen) = (DecodedView { is_whole: true, ..DecodedView::default() }, 0, 0);
    while let Some(next) = memchr3(b'\n', b'\r', b'\\', &text[seen..]) {
        let start = seen + next;
        let end = start + fold(&text[start..]);
        seen = end.max(start + 1);
        if end > start && is_sign(text[..start].last()) && is_sign(text.get(end)) {
            view.push(&text[at..start], at..start, false);
            at = end;
        }
    }
    view.push(&text[at..], at..text.len(), false);
    (at > 0).then_some(view)
}

/// How long a line end is, with the blanks that follow it.
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

/// The text without zeros: UTF-16 becomes Latin-1 so. None if there are none.
fn narrowed(text: &[u8]) -> Option<DecodedView> {
    let (mut view, mut at) = (DecodedView { is_whole: true, ..DecodedView::default() }, 0);
    while let Some(next) = memchr(0, &text[at..]) {
        view.push(&text[at..at + next], at..at + next, false);
        at += next + 1;
    }
    view.push(&text[at..], at..text.len(), false);
    (at > 0).then_some(view)
}

/// The text with its escapes resolved, all kinds in one pass; none if it has no escapes.
pub(super) fn unescaped(text: &[u8]) -> Option<DecodedView> {
    let [one, two, three] = ESCAPES;
    unescaped_from(text, |text| memchr3(one, two, three, text))
}

/// The text with those escapes resolved that begin where this finds one.
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
    view.push(&text[at..], at..text.len(), false);
    (at > 0).then_some(view)
}

/// What an escape stands for.
enum Escaped {
    Octet(u8),
    Character(char),
}

/// The escape at the start of a text, and how long it is.
fn escape(text: &[u8]) -> Option<(Escaped, usize)> {
    match text {
        [b'%' | b'\\', b'u', ..] => unicode(text),
        [b'%', high, low, ..] => Some((Escaped::Octet(octet(*high, *low)?), 3)),
        [b'\\', b'x', high, low, ..] if octet(*high, *low).is_some() => {
            octet(*high, *low).map(|octet| (Escaped::Octet(octet), 4))
        }
        // RFC 1035 §5.1: an octet by its decimal number, and any sign by itself.
        [b'\\', a, b, c, ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => {
            let number = std::str::from_utf8(&text[1..4]).ok()?.parse().ok()?;
            Some((Escaped::Octet(number), 4))
        }
        [b'\\', sign, ..] => Some((Escaped::Octet(*sign), 2)),
        [b'&', b'#', ..] => numbered(text),
        [b'&', ..] => named(text),
        _ => None,
    }
}

fn octet(high: u8, low: u8) -> Option<u8> {
    Some((digit(high)? << 4) | digit(low)?)
}

fn digit(sign: u8) -> Option<u8> {
    char::from(sign).to_digit(16).map(|digit| digit as u8)
}

/// `\u002B` and `%u002B`; two of them where one is half a character.
fn unicode(text: &[u8]) -> Option<(Escaped, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at + 2..at + 6).filter(|_| text[at] == text[0] && text[at + 1] == b'u')?;
        digits.iter().try_fold(0, |unit: u32, sign| Some(unit * 16 + u32::from(digit(*sign)?)))
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

/// More digits of a character reference are not read; browsers read any number of zeros.
const MOST_DIGITS: usize = 256;

/// `&#43;` and `&#x2B;`, also without the last sign, as browsers take them.
fn numbered(text: &[u8]) -> Option<(Escaped, usize)> {
    let (start, radix) = if matches!(text.get(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
    let is_digit = |sign: &&u8| char::from(**sign).is_digit(radix);
    let length = text[start..].iter().take(MOST_DIGITS).take_while(is_digit).count();
    let digits = std::str::from_utf8(&text[start..start + length]).ok()?;
    let number = u32::from_str_radix(digits, radix).ok()?;
    let character = windows(number).or_else(|| char::from_u32(number))?;
    let end = start + length;
    if is_cut_short(&text[end..]) {
        return None;
    }
    Some((Escaped::Character(character), end + usize::from(text.get(end) == Some(&b';'))))
}

/// What browsers take a control character for: its octet in Windows-1252 (HTML, numeric character reference end state).
fn windows(number: u32) -> Option<char> {
    const SIGNS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    SIGNS.chars().nth(usize::try_from(number.checked_sub(0x80)?).ok()?)
}

/// Whether an escape goes on in another spelling: the rest of it is to be undone first.
fn is_cut_short(rest: &[u8]) -> bool {
    matches!(rest, [b'\\' | b'%', ..])
}

/// HTML's names of what stands in ASCII.
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

/// HTML's names of what stands in Latin-1 and not in ASCII, from U+00A0 on.
const LATIN: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave \
    Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml \
    Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth \
    ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

fn named(text: &[u8]) -> Option<(Escaped, usize)> {
    named_in_ascii(text).or_else(|| named_in_latin(text))
}

fn named_in_latin(text: &[u8]) -> Option<(Escaped, usize)> {
    let length = text[1..].iter().take(9).position(|sign| !sign.is_ascii_alphanumeric())?;
    let (name, is_closed) = (&text[1..=length], text[1 + length] == b';');
    let number = LATIN.split_ascii_whitespace().position(|known| known.as_bytes() == name)?;
    let character = char::from_u32(0xa0 + u32::try_from(number).ok()?)?;
    (is_closed || !is_cut_short(&text[1 + length..]))
        .then_some((Escaped::Character(character), 1 + length + usize::from(is_closed)))
}

fn named_in_ascii(text: &[u8]) -> Option<(Escaped, usize)> {
    let length = text[1..].iter().take(17).position(|sign| !sign.is_ascii_alphabetic())?;
    let (name, is_closed) = (&text[1..=length], text[1 + length] == b';');
    let (known, octet) = NAMED.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
    let may_be_open = ["amp", "lt", "gt", "quot"].contains(known);
    (is_closed || may_be_open && !is_cut_short(&text[1 + length..]))
        .then_some((Escaped::Octet(*octet), 1 + length + usize::from(is_closed)))
}

/// What each sign of Base64 stands for, in both alphabets (RFC 4648 §4, §5).
const SEXTETS: [u8; 256] = sextets();

/// What no sign of Base64 stands for.
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
        let bits = group.iter().fold(0, |bits, sign| (bits << 6) | u32::from(SEXTETS[usize::from(*sign)]));
        let [_, decoded @ ..] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        octets.extend_from_slice(&decoded[..group.len() * 6 / 8]);
    }
}

fn hexadecimal(run: &[u8], octets: &mut Vec<u8>) {
    octets.clear();
    octets.extend(run.chunks_exact(2).filter_map(|pair| octet(pair[0], pair[1])));
}

/// Stretches of signs of one kind, at least so long.
fn runs(text: &[u8], is_of_it: impl Fn(u8) -> bool, least: usize) -> Vec<Range<usize>> {
    let (mut runs, mut at) = (vec![], 0);
    while at < text.len() {
        let length = text[at..].iter().take_while(|sign| is_of_it(**sign)).count();
        if length >= least {
            runs.push(at..at + length);
        }
        at += length + 1;
    }
    runs
}
