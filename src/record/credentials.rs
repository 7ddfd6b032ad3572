//! Credentials that an answer gives out and of whose values the run knows nothing, such as a refresh token or a cookie: they are
//! known by their names. Whatever stands under such a name is made up, unless the profile reads it.

use super::{Received, Recording};
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use stixmap_engine::plan::is_credential;

/// What a credential becomes.
const MADE_UP: &str = "made-up";

/// More names than this are not tried.
const MOST_NAMES: usize = 100;

/// Schemes of RFC 9110 §11 and their kin: the credentials stand behind them.
const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "token", "apikey"];

/// Whether what stands under a name is hidden.
type Hides<'h> = &'h mut dyn FnMut(&str) -> bool;

/// The answers without credentials, and the names of those that the profile reads, such as the token of a next page.
pub(super) fn made_up(recording: &Recording) -> anyhow::Result<(Vec<Received>, BTreeSet<String>)> {
    let asked = recording.asked(&recording.answers)?;
    let transcript = recording.played(&asked, &recording.answers)?.transcript;
    let is_same = |answers: &[Received]| anyhow::Ok(recording.played(&asked, answers)?.transcript == transcript);
    let mut names = BTreeSet::new();
    let mut note = |name: &str| {
        names.insert(name.to_lowercase());
        false
    };
    hidden(&recording.answers, &mut note)?;
    if names.len() > MOST_NAMES {
        bail!(
            "nothing is written: the answers have {} names of credentials, and at most {MOST_NAMES} are hidden",
            names.len()
        );
    }
    let without = |hide: &BTreeSet<String>| hidden(&recording.answers, &mut |name| hide.contains(&name.to_lowercase()));
    let all = without(&names)?;
    if is_same(&all)? {
        return Ok((all, BTreeSet::new()));
    }
    let (mut hide, mut read) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        hide.insert(name.clone());
        if !is_same(&without(&hide)?)? {
            hide.remove(&name);
            read.insert(name);
        }
    }
    Ok((without(&hide)?, read))
}

fn hidden(answers: &[Received], hides: Hides<'_>) -> anyhow::Result<Vec<Received>> {
    let mut answers = answers.to_vec();
    for response in answers.iter_mut().flatten() {
        for (name, value) in &mut response.headers {
            match is_credential(name) {
                true if hides(name) => MADE_UP.clone_into(value),
                true => {}
                false => *value = in_text(value, hides),
            }
        }
        if let Some(body) = in_body(&response.body, hides)? {
            response.body = body;
        }
    }
    Ok(answers)
}

/// A body without credentials; none if it stays as it is.
fn in_body(body: &[u8], hides: Hides<'_>) -> anyhow::Result<Option<Vec<u8>>> {
    let Ok(text) = std::str::from_utf8(body) else {
        let mut is_named = false;
        let wide: Vec<u8> = body.iter().copied().filter(|octet| *octet != 0).collect();
        in_text(&String::from_utf8_lossy(&wide), &mut |_| std::mem::replace(&mut is_named, true));
        return (!is_named)
            .then_some(None)
            .context("nothing is written: an answer that is not UTF-8 names a credential");
    };
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return Ok(in_json(text, value, hides).map(String::into_bytes));
    }
    let lines = text.split_inclusive('\n').map(|line| match serde_json::from_str::<Value>(line) {
        Ok(value) => in_json(line, value, hides).map_or_else(|| line.to_owned(), |hidden| format!("{hidden}\n")),
        Err(_) => in_text(line, hides),
    });
    let hidden: String = lines.collect();
    Ok((hidden != text).then(|| hidden.into_bytes()))
}

/// JSON without credentials, also where a key is repeated; none if it stays as it is.
fn in_json(text: &str, mut value: Value, hides: Hides<'_>) -> Option<String> {
    let is_changed = in_value(&mut value, hides);
    (is_changed || in_text(text, hides) != text).then(|| value.to_string())
}

/// Hides what stands under names of credentials; whether there was any.
fn in_value(value: &mut Value, hides: Hides<'_>) -> bool {
    match value {
        Value::String(text) => {
            let hidden = in_text(text, hides);
            let is_changed = hidden != *text;
            *text = hidden;
            is_changed
        }
        Value::Array(items) => {
            items.iter_mut().map(|item| in_value(item, hides)).filter(|is_changed| *is_changed).count() > 0
        }
        Value::Object(entries) => entries.iter_mut().fold(false, |is_changed, (name, item)| {
            let is_hidden = match is_credential(name) && holds_text(item) {
                true if hides(name) => {
                    make_up(item);
                    true
                }
                _ => in_value(item, hides),
            };
            is_hidden || is_changed
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn holds_text(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Number(_) => true,
        Value::Array(items) => items.iter().any(holds_text),
        Value::Object(entries) => entries.values().any(holds_text),
        Value::Null | Value::Bool(_) => false,
    }
}

fn make_up(value: &mut Value) {
    match value {
        Value::String(text) => MADE_UP.clone_into(text),
        Value::Number(number) => *number = 0.into(),
        Value::Array(items) => items.iter_mut().for_each(make_up),
        Value::Object(entries) => entries.values_mut().for_each(make_up),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A text in which what follows a name of a credential is made up: in a form, a URL, JSON within a text, XML, a cookie.
fn in_text(text: &str, hides: Hides<'_>) -> String {
    let is_of_name = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
    let (mut hidden, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(is_of_name) {
        let length = rest[start..].find(|sign| !is_of_name(sign)).unwrap_or(rest.len() - start);
        let (before, behind) = rest.split_at(start + length);
        hidden.push_str(before);
        rest = behind;
        let name = &before[start..];
        let Some(value) = value(behind).filter(|_| is_credential(name)) else { continue };
        if hides(name) {
            hidden.push_str(&behind[..value.start]);
            hidden.push_str(MADE_UP);
            rest = &behind[value.end..];
        }
    }
    hidden.push_str(rest);
    hidden
}

/// Where the value stands in a text that begins behind its name.
fn value(behind: &str) -> Option<std::ops::Range<usize>> {
    let is_quote = |sign| matches!(sign, '"' | '\'' | '\\');
    let at = |rest: &str| behind.len() - rest.len();
    let rest = behind.trim_start_matches(is_quote).trim_start();
    let rest = rest.strip_prefix(['=', ':', '>'])?.trim_start();
    let unquoted = rest.trim_start_matches(is_quote);
    let is_quoted = unquoted.len() < rest.len();
    let scheme = SCHEMES.iter().find_map(|scheme| {
        let (word, behind) = unquoted.split_once(' ')?;
        word.eq_ignore_ascii_case(scheme).then(|| behind.trim_start())
    });
    let start = scheme.unwrap_or(unquoted);
    let is_end = |sign: char| match is_quoted {
        true => is_quote(sign),
        false => sign.is_whitespace() || matches!(sign, '&' | ';' | ',' | '<' | '"' | '\'' | '}' | ']'),
    };
    let length = start.find(is_end).unwrap_or(start.len());
    (length > 0).then(|| at(start)..at(start) + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> String {
        let hidden = in_body(text.as_bytes(), &mut |_| true).expect("UTF-8");
        hidden.map_or_else(|| text.to_owned(), |hidden| String::from_utf8(hidden).expect("UTF-8"))
    }

    #[test]
    fn what_stands_under_the_name_of_a_credential_is_made_up_in_any_form() {
        for text in [
            r#"{"refresh_token":"@","expires_in":3600}"#,
            r#"{"idToken":"@"}"#,
            r#"{"data":[{"x":{"accessKey":"@"}}]}"#,
            r#"{"tokens":{"long":"@","short":["@"]}}"#,
            r#"{"inner":"{\"id_token\": \"@\"}"}"#,
            r#"{"next":"https://host/cb?code=1&session_token=@&x=1"}"#,
            "access_token=@&refresh_token=@&scope=all",
            "<answer><refresh_token>@</refresh_token></answer>",
            "<answer refresh_token='@'/>",
            "data: {\"refresh_token\": \"@\"}\n\n",
            "{\"a\":1}\n{\"refresh-token\":\"@\"}\n",
            "Authorization: Bearer @\n",
            "Set-Cookie: @\n",
            "session_id: @\nclient_secret = @",
        ] {
            let hidden = body(&text.replace('@', "0ne-l0ng-v4lue"));
            assert!(!hidden.contains("0ne-l0ng-v4lue") && hidden.contains(MADE_UP), "{text}: {hidden}");
        }
        for text in [r#"{"rrname":"a.example","keyword":"x","count":1}"#, "plain text: no names", "a=b&c=d", "{}\n{}\n"]
        {
            assert_eq!(body(text), text);
        }
    }

    #[test]
    fn of_a_key_that_is_repeated_no_value_is_left() {
        for text in [
            r#"{"refresh_token":"0f-jane","refresh_token":""}"#,
            r#"{"refresh_token":"0f-jane","refresh_token":null}"#,
            r#"{"a":{"secret":"0f-jane"},"a":{"secret":0}}"#,
        ] {
            assert!(!body(text).contains("0f-jane"), "{text}");
        }
    }

    #[test]
    fn answer_that_is_no_text_and_names_a_credential_is_refused() {
        let wide: Vec<u8> = "ü refresh_token=abc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(in_body(&wide, &mut |_| true).is_err());
        assert!(in_body(b"\xff\xfe no names", &mut |_| true).is_ok_and(|hidden| hidden.is_none()));
    }
}
