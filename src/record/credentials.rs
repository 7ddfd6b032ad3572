//! Redacts credentials in responses whose values are unknown to the run, such as refresh tokens or cookies. They are
//! detected by name, and replaced unless the profile reads them.

use super::recording::Recording;
use crate::driver::Received;
use anyhow::{Context, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use stixmap_engine::plan::is_credential;

/// Replacement for a credential.
const REPLACEMENT: &str = "made-up";

/// Maximum number of distinct names.
const MAX_NAMES: usize = 100;

/// Authentication schemes (RFC 9110 §11 and others) that precede the credentials.
const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "token", "apikey"];

/// Decides whether to redact the value with this name.
type Decide<'h> = &'h mut dyn FnMut(&str) -> bool;

/// Returns the redacted responses, and the names of credentials that the profile reads, such as a page token.
pub(super) fn redacted(recording: &Recording) -> anyhow::Result<(Vec<Received>, BTreeSet<String>)> {
    let asked = recording.asked(&recording.answers)?;
    let transcript = recording.played(&asked, &recording.answers)?.transcript;
    let is_same = |answers: &[Received]| anyhow::Ok(recording.played(&asked, answers)?.transcript == transcript);
    let mut names = BTreeSet::new();
    let mut note = |name: &str| {
        names.insert(name.to_lowercase());
        false
    };
    redact_where(&recording.answers, &mut note)?;
    if names.len() > MAX_NAMES {
        bail!("nothing written: {} names of credentials in the responses, maximum {MAX_NAMES}", names.len());
    }
    let without =
        |hide: &BTreeSet<String>| redact_where(&recording.answers, &mut |name| hide.contains(&name.to_lowercase()));
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

fn redact_where(answers: &[Received], decide: Decide<'_>) -> anyhow::Result<Vec<Received>> {
    let mut answers = answers.to_vec();
    for response in answers.iter_mut().flatten() {
        for (name, value) in &mut response.headers {
            match is_credential(name) {
                true if decide(name) => REPLACEMENT.clone_into(value),
                true => {}
                false => *value = in_text(value, decide),
            }
        }
        if let Some(body) = in_body(&response.body, decide)? {
            response.body = body;
        }
    }
    Ok(answers)
}

/// Returns the redacted body; `None` if unchanged.
fn in_body(body: &[u8], decide: Decide<'_>) -> anyhow::Result<Option<Vec<u8>>> {
    let Ok(text) = std::str::from_utf8(body) else {
        let mut is_named = false;
        let wide: Vec<u8> = body.iter().copied().filter(|octet| *octet != 0).collect();
        in_text(&String::from_utf8_lossy(&wide), &mut |_| std::mem::replace(&mut is_named, true));
        return (!is_named)
            .then_some(None)
            .context("nothing written: a response that is not UTF-8 contains the name of a credential");
    };
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return Ok(in_json(text, value, decide).map(String::into_bytes));
    }
    let lines = text.split_inclusive('\n').map(|line| match serde_json::from_str::<Value>(line) {
        Ok(value) => in_json(line, value, decide).map_or_else(|| line.to_owned(), |redacted| format!("{redacted}\n")),
        Err(_) => in_text(line, decide),
    });
    let redacted: String = lines.collect();
    Ok((redacted != text).then(|| redacted.into_bytes()))
}

/// Returns redacted JSON, also for repeated keys; `None` if unchanged.
fn in_json(text: &str, mut value: Value, decide: Decide<'_>) -> Option<String> {
    let is_changed = in_value(&mut value, decide);
    (is_changed || in_text(text, decide) != text).then(|| value.to_string())
}

/// Redacts values with names of credentials; returns whether there were any.
fn in_value(value: &mut Value, decide: Decide<'_>) -> bool {
    match value {
        Value::String(text) => {
            let redacted = in_text(text, decide);
            let is_changed = redacted != *text;
            *text = redacted;
            is_changed
        }
        Value::Array(items) => {
            items.iter_mut().map(|item| in_value(item, decide)).filter(|is_changed| *is_changed).count() > 0
        }
        Value::Object(entries) => entries.iter_mut().fold(false, |is_changed, (name, item)| {
            let is_hidden = match is_credential(name) && holds_text(item) {
                true if decide(name) => {
                    replace(item);
                    true
                }
                _ => in_value(item, decide),
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

fn replace(value: &mut Value) {
    match value {
        Value::String(text) => REPLACEMENT.clone_into(text),
        Value::Number(number) => *number = 0.into(),
        Value::Array(items) => items.iter_mut().for_each(replace),
        Value::Object(entries) => entries.values_mut().for_each(replace),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Redacts values after names of credentials in any text: a form, a URL, JSON within a string, XML, a cookie.
fn in_text(text: &str, decide: Decide<'_>) -> String {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let (mut redacted, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(is_name_char) {
        let length = rest[start..].find(|c| !is_name_char(c)).unwrap_or(rest.len() - start);
        let (before, after) = rest.split_at(start + length);
        redacted.push_str(before);
        rest = after;
        let name = &before[start..];
        let Some(value) = value(after).filter(|_| is_credential(name)) else { continue };
        if decide(name) {
            redacted.push_str(&after[..value.start]);
            redacted.push_str(REPLACEMENT);
            rest = &after[value.end..];
        }
    }
    redacted.push_str(rest);
    redacted
}

/// Returns the range of the value in the text after a name.
fn value(after: &str) -> Option<std::ops::Range<usize>> {
    let is_quote = |c| matches!(c, '"' | '\'' | '\\');
    let at = |rest: &str| after.len() - rest.len();
    let rest = after.trim_start_matches(is_quote).trim_start();
    let rest = rest.strip_prefix(['=', ':', '>'])?.trim_start();
    let unquoted = rest.trim_start_matches(is_quote);
    let is_quoted = unquoted.len() < rest.len();
    let scheme = SCHEMES.iter().find_map(|scheme| {
        let (first, after) = unquoted.split_once(' ')?;
        first.eq_ignore_ascii_case(scheme).then(|| after.trim_start())
    });
    let start = scheme.unwrap_or(unquoted);
    let is_end = |c: char| match is_quoted {
        true => is_quote(c),
        false => c.is_whitespace() || matches!(c, '&' | ';' | ',' | '<' | '"' | '\'' | '}' | ']'),
    };
    let length = start.find(is_end).unwrap_or(start.len());
    (length > 0).then(|| at(start)..at(start) + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> String {
        let redacted = in_body(text.as_bytes(), &mut |_| true).expect("UTF-8");
        redacted.map_or_else(|| text.to_owned(), |redacted| String::from_utf8(redacted).expect("UTF-8"))
    }

    #[test]
    fn credentials_are_redacted_by_name_in_any_format() {
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
            let redacted = body(&text.replace('@', "0ne-l0ng-v4lue"));
            assert!(!redacted.contains("0ne-l0ng-v4lue") && redacted.contains(REPLACEMENT), "{text}: {redacted}");
        }
        for text in [r#"{"rrname":"a.example","keyword":"x","count":1}"#, "plain text: no names", "a=b&c=d", "{}\n{}\n"]
        {
            assert_eq!(body(text), text);
        }
    }

    #[test]
    fn repeated_keys_are_all_redacted() {
        for text in [
            r#"{"refresh_token":"0f-jane","refresh_token":""}"#,
            r#"{"refresh_token":"0f-jane","refresh_token":null}"#,
            r#"{"a":{"secret":"0f-jane"},"a":{"secret":0}}"#,
        ] {
            assert!(!body(text).contains("0f-jane"), "{text}");
        }
    }

    #[test]
    fn body_that_is_not_utf8_with_a_credential_name_is_refused() {
        let wide: Vec<u8> = "ü refresh_token=abc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(in_body(&wide, &mut |_| true).is_err());
        assert!(in_body(b"\xff\xfe no names", &mut |_| true).is_ok_and(|redacted| redacted.is_none()));
    }
}
