//! Parses `Link` header fields (RFC 8288) to find the next page. A malformed field is an error, not a last page.

use std::fmt;

/// Why a `Link` field gives no next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkError {
    /// It does not follow the grammar of RFC 8288 §3.
    Syntax,
    /// Several links have the relation `next` and different targets.
    Ambiguous,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "expected RFC 8288 syntax",
            Self::Ambiguous => "found two next pages",
        })
    }
}

/// Returns the target with the relation `next`, if there is one.
pub(super) fn next<'h>(headers: impl Iterator<Item = &'h str>) -> Result<Option<String>, LinkError> {
    let mut found: Option<String> = None;
    for header in headers {
        for link in links(header)? {
            match &found {
                Some(known) if link.is_next() && known != link.target => return Err(LinkError::Ambiguous),
                _ if link.is_next() => found = Some(link.target.to_owned()),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// One link value with its relation types.
struct Link<'h> {
    target: &'h str,
    relations: Option<String>,
}

impl Link<'_> {
    fn is_next(&self) -> bool {
        let relations = self.relations.as_deref().unwrap_or_default();
        relations.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
    }
}

fn links(header: &str) -> Result<Vec<Link<'_>>, LinkError> {
    let (mut links, mut rest) = (vec![], header.trim_matches(is_blank_or_comma));
    while !rest.is_empty() {
        let (target, after) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(LinkError::Syntax)?;
        let (relations, after) = parameters(after)?;
        links.push(Link { target: target.trim(), relations });
        rest = after.trim_start_matches(is_blank_or_comma);
    }
    Ok(links)
}

/// Returns the first `rel` parameter (further ones are ignored, RFC 8288 §3.3) and the remaining text.
fn parameters(mut rest: &str) -> Result<(Option<String>, &str), LinkError> {
    let mut relations = None;
    loop {
        rest = rest.trim_start_matches(is_blank);
        let Some(parameter) = rest.strip_prefix(';') else { break };
        let parameter = parameter.trim_start_matches(is_blank);
        let end = parameter
            .find(|character: char| is_blank(character) || "=;,".contains(character))
            .unwrap_or(parameter.len());
        let (name, after) = parameter.split_at(end);
        let after = after.trim_start_matches(is_blank);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = value(after.trim_start_matches(is_blank))?;
        if name.eq_ignore_ascii_case("rel") && relations.is_none() {
            // A misplaced quote would hide the relation.
            if value.contains(['\'', '"']) {
                return Err(LinkError::Syntax);
            }
            relations = Some(value);
        }
        rest = after;
    }
    match rest.is_empty() || rest.starts_with(',') {
        true => Ok((relations, rest)),
        false => Err(LinkError::Syntax),
    }
}

/// Parses a token or quoted-string, and returns the remaining text.
fn value(text: &str) -> Result<(String, &str), LinkError> {
    // Single quotes are no part of the grammar, but some providers write them: as a token, `'next'` would be no relation.
    if let Some((value, after)) = text.strip_prefix('\'').and_then(|quoted| quoted.split_once('\''))
        && (after.is_empty() || after.starts_with(|next| is_blank(next) || next == ';' || next == ','))
    {
        return Ok((value.to_owned(), after));
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return Ok((text[..end].trim_end_matches(is_blank).to_owned(), &text[end..]));
    };
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, character)| character)),
            character => value.push(character),
        }
    }
    Err(LinkError::Syntax)
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_blank_or_comma(character: char) -> bool {
    is_blank(character) || character == ','
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn check(headers: &[&str], expected: Result<Option<&str>, LinkError>) {
        let found = next(headers.iter().copied());
        assert_eq!(found.as_ref().map(Option::as_deref).map_err(|error| *error), expected, "{headers:?}");
    }

    #[test]
    fn next_is_found_in_any_valid_syntax() {
        for header in [
            "</n?a=1,2;3&p=2>; rel=\"next\"",
            "</n?a=1,2;3&p=2>;rel=next",
            "</n?a=1,2;3&p=2> ; rel = next",
            "</n?a=1,2;3&p=2>\t;\trel\t=\t\"next\"",
            "</n?a=1,2;3&p=2>; REL=NEXT",
            "</n?a=1,2;3&p=2>; rel=\"last  next\"",
            "</n?a=1,2;3&p=2>; rel=\"ne\\xt\"",
            "</n?a=1,2;3&p=2>; title=\"a, <b>; rel=prev\"; rel=\"next\"",
            "</n?a=1,2;3&p=2>; title*=UTF-8''x%2Cy; crossorigin; rel=\"next\"; rel=\"prev\"",
            "</p>; rel=prev, </n?a=1,2;3&p=2>; rel=next",
            "</p>; rel=\"prev\" , , </n?a=1,2;3&p=2>; rel=\"next\" ,",
            "</p>,</n?a=1,2;3&p=2>;;rel=next;",
            "</n?a=1,2;3&p=2>; rel='next'",
            "</n?a=1,2;3&p=2>; title='a, b; c'; rel='last next' , </q>; rel='prev'",
        ] {
            check(&[header], Ok(Some("/n?a=1,2;3&p=2")));
        }
        check(&["</p>; rel=prev", "</n>; rel=next"], Ok(Some("/n")));
        check(&["</n>; rel=next", "</n>; rel=next"], Ok(Some("/n")));
    }

    #[test]
    fn other_relations_are_ignored() {
        check(&[], Ok(None));
        check(&["", " , "], Ok(None));
        check(&["</p>", "</p>; rel=prev", "</p>; title=\"rel=next\"", "</p>; rel=prev; rel=next"], Ok(None));
        check(&["</p>; rel=nextpage, </q>; rel=\"x-next\"", "</p>; rev=next"], Ok(None));
    }

    #[test]
    fn malformed_header_is_an_error() {
        for header in [
            "/n; rel=next",
            "</n; rel=next",
            "</n>; rel=\"next",
            "</n> rel=next",
            "next",
            "</n>; rel=\"next\"x",
            "</n>; rel='next",
            "</n>; rel=next'",
            "</n>; rel='next'x",
        ] {
            check(&[header], Err(LinkError::Syntax));
        }
        check(&["</a>; rel=next, </b>; rel=next"], Err(LinkError::Ambiguous));
    }

    proptest! {
        #[test]
        fn next_is_found_among_other_links(
            before in proptest::collection::vec((r"[a-z,;=?/&]{0,8}", r#"[a-z ,;=<>]{0,8}"#), 0..3),
            target in r"/[a-z,;=?&]{0,12}",
            blanks in proptest::collection::vec(select(vec!["", " ", "\t "]), 4),
            quote in select(vec!["", "\"", "'"]),
            is_separate: bool,
        ) {
            let [a, b, c, d] = &blanks[..] else { unreachable!("four") };
            let mut links: Vec<String> = before.iter().map(|(url, title)| format!("<{url}>; title=\"{title}\"; rel=prev")).collect();
            links.push(format!("<{target}>{a};{b}rel{c}={d}{quote}next{quote}"));
            let joined = [links.join(", ")];
            let headers = if is_separate { &links[..] } else { &joined[..] };
            prop_assert_eq!(next(headers.iter().map(String::as_str)), Ok(Some(target)));
        }

        #[test]
        fn next_accepts_any_text(header in ".{0,40}", other in r#"[<>;,="\\ a-z]{0,30}"#) {
            let _ = next([header.as_str(), other.as_str()].into_iter());
        }
    }
}
