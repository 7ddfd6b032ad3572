//! Spellings that hide one text inside another: percent-encoding, escapes of JSON and DNS, character references of HTML,
//! Base64 and hexadecimal. Each is undone into a view that remembers where its octets stood; what is looked for in views is
//! no matter of this file.

use crate::plan::SHORTEST_SECRET;
use std::ops::Range;

/// A text with one layer of spelling undone.
pub(super) struct View {
    pub(super) octets: Vec<u8>,
    /// Where each octet stood in the text.
    places: Vec<Range<usize>>,
}

impl View {
    /// Where a part of the view stood in the text.
    pub(super) fn source(&self, part: Range<usize>) -> Range<usize> {
        let places = &self.places[part];
        places.first().map_or(0, |place| place.start)..places.last().map_or(0, |place| place.end)
    }
}

/// Fewer octets than this are not looked for: they stand in other data by accident.
pub(super) const SHORTEST: usize = SHORTEST_SECRET;

/// How Base64 spells so many octets.
const SHORTEST_BASE64: usize = SHORTEST * 4 / 3 + 1;

/// Every view of a text, one layer deep. What Base64 and hexadecimal hold is text of ASCII, unless other signs are wanted.
pub(super) fn views(text: &[u8], has_other_signs: bool) -> Vec<View> {
    let is_text = move |sign: u8| matches!(sign, b' '..=b'~') || has_other_signs && sign >= 0x80;
    let coded = base64(text).chain(hexadecimal(text)).flat_map(move |(octets, run)| readable(&octets, &run, is_text));
    unescaped(text).into_iter().chain(coded).collect()
}

/// The text with its escapes resolved, all kinds in one pass; none if it has no escapes.
pub(super) fn unescaped(text: &[u8]) -> Option<View> {
    memchr::memchr3(b'%', b'\\', b'&', text)?;
    let (mut view, mut at) = (View { octets: vec![], places: vec![] }, 0);
    while at < text.len() {
        let (character, length) = escape(&text[at..]).unwrap_or((Escaped::Octet(text[at]), 1));
        let mut room = [0; 4];
        let octets = match character {
            Escaped::Octet(octet) => {
                room[0] = octet;
                &room[..1]
            }
            Escaped::Character(character) => character.encode_utf8(&mut room).as_bytes(),
        };
        view.octets.extend_from_slice(octets);
        view.places.extend(octets.iter().map(|_| at..at + length));
        at += length;
    }
    (view.octets.len() < text.len()).then_some(view)
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

/// `&#43;` and `&#x2B;`, also without the last sign, as browsers take them.
fn numbered(text: &[u8]) -> Option<(Escaped, usize)> {
    let (start, radix) = if matches!(text.get(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
    let is_digit = |sign: &&u8| char::from(**sign).is_digit(radix);
    let length = text[start..].iter().take(12).take_while(is_digit).count();
    let digits = std::str::from_utf8(&text[start..start + length]).ok()?;
    let character = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)?;
    let end = start + length;
    Some((Escaped::Character(character), end + usize::from(text.get(end) == Some(&b';'))))
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

fn named(text: &[u8]) -> Option<(Escaped, usize)> {
    let length = text[1..].iter().take(17).position(|sign| !sign.is_ascii_alphabetic())?;
    let (name, is_closed) = (&text[1..=length], text[1 + length] == b';');
    let (known, octet) = NAMED.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))?;
    let may_be_open = ["amp", "lt", "gt", "quot"].contains(known);
    (is_closed || may_be_open).then_some((Escaped::Octet(*octet), 1 + length + usize::from(is_closed)))
}

/// What stands in each run of Base64, of either alphabet, wherever its groups begin.
fn base64(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, Range<usize>)> {
    let runs = runs(text, |sign| sextet(sign).is_some(), SHORTEST_BASE64);
    let decoded = move |run: Range<usize>| {
        (0..4).map(move |skipped| {
            let octets = text[run.start + skipped..run.end].chunks(4).flat_map(|group| {
                let bits = group.iter().fold(0_u32, |bits, sign| (bits << 6) | u32::from(sextet(*sign).unwrap_or(0)));
                let whole = group.len() * 6 / 8;
                (bits << (6 * (4 - group.len()))).to_be_bytes().into_iter().skip(1).take(whole)
            });
            (octets.collect(), run.clone())
        })
    };
    runs.into_iter().flat_map(decoded)
}

fn sextet(sign: u8) -> Option<u8> {
    Some(match sign {
        b'A'..=b'Z' => sign - b'A',
        b'a'..=b'z' => sign - b'a' + 26,
        b'0'..=b'9' => sign - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// What stands in each run of hexadecimal digits.
fn hexadecimal(text: &[u8]) -> impl Iterator<Item = (Vec<u8>, Range<usize>)> {
    let decoded = move |run: Range<usize>| {
        (0..2).map(move |skipped| {
            let octets = text[run.start + skipped..run.end].chunks_exact(2).filter_map(|pair| octet(pair[0], pair[1]));
            (octets.collect(), run.clone())
        })
    };
    let runs = runs(text, |sign| sign.is_ascii_hexdigit(), 2 * SHORTEST);
    runs.into_iter().flat_map(decoded)
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

/// The text in decoded octets. Words and numbers decode too, and what they become is hardly ever text: it ends here.
fn readable(octets: &[u8], run: &Range<usize>, is_text: impl Fn(u8) -> bool) -> Vec<View> {
    let parts = runs(octets, is_text, SHORTEST).into_iter();
    parts.map(|part| View { places: vec![run.clone(); part.len()], octets: octets[part].to_vec() }).collect()
}
