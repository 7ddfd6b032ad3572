//! The `Link` header (RFC 8288): which URL is the next page. A header that does not follow its grammar is an error, not a last
//! page.

use std::fmt;

/// Why a header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkError {
    /// It does not follow the grammar of RFC 8288 §3.
    Syntax,
    /// Two links lead to different next pages.
    Fork,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "cannot be read",
            Self::Fork => "has two next pages",
        })
    }
}

/// The URL with the relation `next` among all links of these headers, if one has it.
pub(super) fn next<'h>(headers: impl Iterator<Item = &'h str>) -> Result<Option<String>, LinkError> {
    let mut found: Option<String> = None;
    for header in headers {
        for link in links(header)? {
            match &found {
                Some(known) if link.is_next() && known != link.target => return Err(LinkError::Fork),
                _ if link.is_next() => found = Some(link.target.to_owned()),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// A link, and what it is to the page it stands on.
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

/// The first `rel` of a link's parameters (the others do not count, §3.3), and what follows them.
fn parameters(mut rest: &str) -> Result<(Option<String>, &str), LinkError> {
    let mut relations = None;
    loop {
        rest = rest.trim_start_matches(is_blank);
        let Some(parameter) = rest.strip_prefix(';') else { break };
        let parameter = parameter.trim_start_matches(is_blank);
        let end = parameter.find(|sign: char| is_blank(sign) || "=;,".contains(sign)).unwrap_or(parameter.len());
        let (name, after) = parameter.split_at(end);
        let after = after.trim_start_matches(is_blank);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = value(after.trim_start_matches(is_blank))?;
        if name.eq_ignore_ascii_case("rel") && relations.is_none() {
            relations = Some(value);
        }
        rest = after;
    }
    match rest.is_empty() || rest.starts_with(',') {
        true => Ok((relations, rest)),
        false => Err(LinkError::Syntax),
    }
}

/// A token, or a text in quotes without them, and what follows.
fn value(text: &str) -> Result<(String, &str), LinkError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return Ok((text[..end].trim_end_matches(is_blank).to_owned(), &text[end..]));
    };
    let (mut value, mut signs) = (String::new(), quoted.char_indices());
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
            sign => value.push(sign),
        }
    }
    Err(LinkError::Syntax)
}

fn is_blank(sign: char) -> bool {
    matches!(sign, ' ' | '\t')
}

fn is_blank_or_comma(sign: char) -> bool {
    is_blank(sign) || sign == ','
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
    fn next_is_found_however_a_link_is_written() {
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
        ] {
            check(&[header], Ok(Some("/n?a=1,2;3&p=2")));
        }
        check(&["</p>; rel=prev", "</n>; rel=next"], Ok(Some("/n")));
        check(&["</n>; rel=next", "</n>; rel=next"], Ok(Some("/n")));
    }

    #[test]
    fn links_that_are_not_next_are_passed_over() {
        check(&[], Ok(None));
        check(&["", " , "], Ok(None));
        check(&["</p>", "</p>; rel=prev", "</p>; title=\"rel=next\"", "</p>; rel=prev; rel=next"], Ok(None));
        check(&["</p>; rel=nextpage, </q>; rel=\"x-next\"", "</p>; rev=next"], Ok(None));
    }

    #[test]
    fn headers_that_break_the_grammar_are_errors() {
        for header in
            ["/n; rel=next", "</n; rel=next", "</n>; rel=\"next", "</n> rel=next", "next", "</n>; rel=\"next\"x"]
        {
            check(&[header], Err(LinkError::Syntax));
        }
        check(&["</a>; rel=next, </b>; rel=next"], Err(LinkError::Fork));
    }

    proptest! {
        #[test]
        fn a_next_link_among_others_is_found(
            before in proptest::collection::vec((r"[a-z,;=?/&]{0,8}", r#"[a-z ,;=<>]{0,8}"#), 0..3),
            target in r"/[a-z,;=?&]{0,12}",
            blanks in proptest::collection::vec(select(vec!["", " ", "\t "]), 4),
            is_quoted: bool,
            apart: bool,
        ) {
            let quote = if is_quoted { "\"" } else { "" };
            let [a, b, c, d] = &blanks[..] else { unreachable!("four") };
            let mut links: Vec<String> = before.iter().map(|(url, title)| format!("<{url}>; title=\"{title}\"; rel=prev")).collect();
            links.push(format!("<{target}>{a};{b}rel{c}={d}{quote}next{quote}"));
            let joined = [links.join(", ")];
            let headers = if apart { &links[..] } else { &joined[..] };
            prop_assert_eq!(next(headers.iter().map(String::as_str)), Ok(Some(target)));
        }

        #[test]
        fn no_header_makes_reading_panic(header in ".{0,40}", other in r#"[<>;,="\\ a-z]{0,30}"#) {
            let _ = next([header.as_str(), other.as_str()].into_iter());
        }
    }
}
