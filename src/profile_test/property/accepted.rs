//! Adapts a generated response so that `answers` classifies it as `ok`: sets the status, body value or header that a
//! row requires.

use super::body::set_scalar;
use super::pool::scalar;
use super::reply::Reply;
use serde_json::{Map, Value};
use stixmap_engine::plan::{AnswerPlan, BodyTestPlan, Path, Plan};
use stixmap_engine::profile::{Framing, Meaning, Scalar};
use stixmap_engine::run::meaning;

/// Returns the response, adapted to the first `ok` row that makes it readable; unchanged if no row does.
pub(super) fn accepted(plan: &Plan, framing: Framing, reply: Reply) -> Reply {
    if is_read(plan, framing, &reply) {
        return reply;
    }
    let by_row = plan.answers.iter().filter(|row| row.means == Meaning::Ok);
    let as_read = by_row.map(|row| like(row, reply.clone())).find(|other| is_read(plan, framing, other));
    as_read.unwrap_or(reply)
}

fn is_read(plan: &Plan, framing: Framing, reply: &Reply) -> bool {
    reply.result().is_ok_and(|response| meaning(plan, framing, &response) == Some(Meaning::Ok))
}

/// Adds what a row requires.
fn like(row: &AnswerPlan, mut reply: Reply) -> Reply {
    if !row.status.is_empty() && !row.status.contains(&reply.status) {
        reply.status = row.status[0];
    }
    if let Some((name, text)) = &row.header {
        reply.headers.push((name.to_lowercase(), text.clone().unwrap_or_else(|| "yes".to_owned())));
    }
    match &row.body {
        Some(BodyTestPlan::Value(at, values)) => with_value(&mut reply, at, values.first()),
        Some(BodyTestPlan::Text(at, texts)) => {
            with_value(&mut reply, at, texts.first().cloned().map(Scalar::Text).as_ref());
        }
        Some(BodyTestPlan::Contains(text)) => with_text(&mut reply, text),
        Some(BodyTestPlan::Is(_) | BodyTestPlan::Empty(_)) | None => {}
    }
    reply
}

/// Sets a value in a JSON body, unless an array or object is at that path.
fn with_value(reply: &mut Reply, at: &Path, value: Option<&Scalar>) {
    let Ok(mut root) = serde_json::from_slice(&reply.body) else { return };
    set_scalar(&mut root, at, value.map_or(Value::Bool(true), scalar));
    reply.body = root.to_string().into_bytes();
}

/// Adds a text to a JSON object body, or to the object on its first line.
fn with_text(reply: &mut Reply, text: &str) {
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    let (first, rest) = match serde_json::from_str::<Map<String, Value>>(&body) {
        Ok(_) => (body.as_str(), ""),
        Err(_) => body.split_at(body.find('\n').unwrap_or(body.len())),
    };
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(first) else { return };
    // A text that is a JSON member is matched with its quotes.
    match serde_json::from_str::<Map<String, Value>>(&format!("{{{text}}}")) {
        Ok(members) => object.extend(members),
        Err(_) => drop(object.insert("extra".to_owned(), text.into())),
    }
    reply.body = format!("{}{rest}", Value::Object(object)).into_bytes();
}

#[cfg(test)]
mod tests {
    use super::{accepted, is_read};
    use crate::profile_test::property::reply::Reply;
    use std::path::Path;
    use std::sync::Arc;
    use stixmap_engine::diagnostic::Source;
    use stixmap_engine::plan::Plan;

    fn plan_with(rows: &str) -> Plan {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/providers/lines/profile.yaml");
        let text = std::fs::read_to_string(path).expect("a profile");
        let source: Arc<Source> = Source::new("profile.yaml", format!("{text}\nanswers:\n{rows}"));
        Plan::read(&source).unwrap_or_else(|found| panic!("{rows}: {found:?}"))
    }

    #[test]
    fn accepted_satisfies_every_test_of_answers() {
        let otherwise = "  - { status: 200, means: rejected }\n  - { status: 404, means: empty }";
        let rows = [
            "{ status: 200, body: { at: $.status, is: success }, means: ok }",
            "{ body: { at: $.response.code, is: [1, 2] }, means: ok }",
            "{ body: { at: $.ok }, means: ok }",
            "{ body: { contains: done }, means: ok }",
            "{ body: { contains: '\"state\":\"done\"' }, means: ok }",
            "{ body: { empty: false }, means: ok }",
            "{ header: { name: X-State, contains: done }, means: ok }",
            "{ header: { name: X-State }, means: ok }",
            "{ status: 203, means: ok }",
            "{ status: 203, header: { name: X-State }, body: { at: $.ok, is: true }, means: ok }",
        ];
        for row in rows {
            let plan = plan_with(&format!("  - {row}\n{otherwise}"));
            let reply = accepted(&plan, plan.lookups[0].rows.framing, Reply::of(b"{\"rows\":[{\"a\":1}]}".to_vec()));
            assert!(is_read(&plan, plan.lookups[0].rows.framing, &reply), "{row}: {reply:?}");
            assert!(String::from_utf8_lossy(&reply.body).contains("[{\"a\":1}]"), "{row}: rows stay: {reply:?}");
        }
    }

    #[test]
    fn accepted_never_overwrites_rows() {
        let plan = plan_with("  - { body: { at: $.rows }, means: ok }\n  - { status: 200, means: empty }");
        let nothing = Reply::of(b"{\"rows\":[]}".to_vec());
        assert_eq!(accepted(&plan, plan.lookups[0].rows.framing, nothing.clone()), nothing);
    }
}
