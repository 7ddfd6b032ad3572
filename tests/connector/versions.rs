//! The stand-in platform is strict: what a version does not have it refuses, in the words that connectors go by.

use super::platform::{Fault, NEWEST, Platform, TOKEN};
use super::runtime;
use serde_json::{Value, json};

fn post(platform: &Platform, token: &str, body: &Value) -> Option<(u16, Value)> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = client.post(format!("{}/graphql", platform.url())).bearer_auth(token).body(body.to_string());
    runtime().block_on(async {
        let response = request.header("content-type", "application/json").send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    })
}

const REGISTER: &str = "mutation M($input: RegisterConnectorInput) { registerConnector(input: $input) { id WHAT } }";
const PING: &str =
    "mutation P($id: ID!, $info: ConnectorInfoInput) { pingConnector(id: $id, connectorInfo: $info) { id } }";

fn input(more: Value) -> Value {
    let mut input = json!({ "id": "c1", "name": "Connector", "type": "INTERNAL_ENRICHMENT", "scope": ["IPv4-Addr"] });
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({ "input": input })
}

/// What is asked of a version, and the messages of what is wrong with it; none if it is answered.
fn check(version: &str, query: &str, variables: Value, expected: &[&str]) {
    let platform = Platform::new(version);
    let (status, answer) =
        post(&platform, TOKEN, &json!({ "query": query, "variables": variables })).expect("an answer");
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    let messages: Vec<&str> = errors.iter().filter_map(|error| error["message"].as_str()).collect();
    assert_eq!((status, messages.as_slice()), (200, expected), "{version}: {query}");
}

#[test]
fn what_a_version_does_not_have_is_refused_in_graphql_js_words() {
    let with = |what: &str| REGISTER.replace("WHAT", what);
    check("6.0.10", &with(""), input(json!({})), &[]);
    check("7.260224.0", &with("jwks"), input(json!({})), &[]);
    check("6.9.29", &with("jwks"), input(json!({})), &[r#"Cannot query field "jwks" on type "Connector"."#]);
    check(
        "6.0.10",
        &with("jwks config { s3 { endpoint } }"),
        input(json!({})),
        &[r#"Cannot query field "jwks" on type "Connector"."#, r#"Cannot query field "s3" on type "ConnectorConfig"."#],
    );
    // Where a known name is near, graphql-js guesses.
    let guess = r#"Cannot query field "jwks" on type "Connector". Did you mean "id"?"#;
    check("6.4.11", &with("jwks"), input(json!({})), &[guess]);
    let auto = "Variable \"$input\" got invalid value { auto: true, auto_update: false, id: \"c1\", name: \"Connector\", \
                scope: [\"IPv4-Addr\"], type: \"INTERNAL_ENRICHMENT\" }; Field \"auto_update\" is not defined by type \
                \"RegisterConnectorInput\".";
    check("6.4.11", &with(""), input(json!({ "auto": true, "auto_update": false })), &[auto]);
    check(NEWEST, &with(""), input(json!({ "auto": true, "auto_update": false })), &[]);
    let text = "Variable \"$input\" got invalid value \"TRUE\" at \"input.auto\"; Boolean cannot represent a non boolean \
                value: \"TRUE\"";
    check(NEWEST, &with(""), input(json!({ "auto": "TRUE" })), &[text]);
    let (ty, argument) = (
        "Unknown type \"ConnectorInfoInput\".",
        "Unknown argument \"connectorInfo\" on field \"Mutation.pingConnector\".",
    );
    let unknown = [ty, argument];
    check("6.0.10", PING, json!({ "id": "c1" }), &unknown);
    check(NEWEST, PING, json!({ "id": "c1" }), &["No connector found with the specified ID"]);
    check(NEWEST, PING, json!({}), &[r#"Variable "$id" of required type "ID!" was not provided."#]);
}

#[test]
fn who_is_not_known_is_told_to_log_in() {
    let platform = Platform::new(NEWEST);
    let (status, answer) = post(&platform, "wrong", &json!({ "query": "{ about { version } }" })).expect("an answer");
    assert_eq!((status, &answer["data"], &answer["errors"][0]["name"]), (200, &Value::Null, &json!("AUTH_REQUIRED")));
}

#[test]
fn it_breaks_where_a_test_tells_it_to() {
    let platform = Platform::new(NEWEST);
    let about = json!({ "query": "query healthCheck { about { version } }" });
    let ask =
        || post(&platform, TOKEN, &about).map(|(status, answer)| (status, answer["data"]["about"]["version"].clone()));
    platform.fail("about", 2, Fault::Status(503));
    assert_eq!([ask(), ask()].map(|answer| answer.map(|(status, _)| status)), [Some(503), Some(503)]);
    assert_eq!(ask(), Some((200, json!(NEWEST))));
    platform.fail("about", 1, Fault::Dropped);
    assert_eq!(ask(), None);
    assert_eq!(platform.asked("about").len(), 1, "what is dropped is not done");
    platform.fail("about", 1, Fault::Unanswered);
    assert_eq!(ask(), None);
    assert_eq!(platform.asked("about").len(), 2, "what is unanswered is done");
    platform.fail("about", 1, Fault::Refused("LOCK_ERROR", "Execution timeout"));
    let (_, refused) = post(&platform, TOKEN, &about).expect("an answer");
    assert_eq!(refused["errors"][0]["extensions"]["code"], "LOCK_ERROR");
    platform.stop();
    assert_eq!(ask(), None);
    platform.start();
    assert_eq!(ask(), Some((200, json!(NEWEST))));
}

#[test]
fn a_state_that_was_reset_is_told_once() {
    let platform = Platform::new(NEWEST);
    let register = json!({ "query": REGISTER.replace("WHAT", ""), "variables": input(json!({})) });
    post(&platform, TOKEN, &register).expect("an answer");
    let text = "mutation P($id: ID!, $state: String) { pingConnector(id: $id, state: $state) { connector_state } }";
    let ping = || {
        let ping = json!({ "query": text, "variables": { "id": "c1", "state": "{\"n\":1}" } });
        post(&platform, TOKEN, &ping).expect("an answer").1["data"]["pingConnector"]["connector_state"].clone()
    };
    assert_eq!(ping(), "{\"n\":1}");
    platform.reset_state("c1");
    assert_eq!([ping(), ping()], ["", "{\"n\":1}"]);
}
