//! Access tokens: when they are requested again.

use crate::simulation::{Example, input, now, plan, response, run_with};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;
use stixmap_engine::run::{Input, OutcomeKind, ProviderState};

/// A token is requested again shortly before it expires, so that none expires on its way.
#[test]
fn token_is_replaced_before_it_expires() {
    let blocks = "settings: { key: { type: secret, required: true, description: Key } }\n";
    let http = "auth: { kind: login, path: /login, body: { key: \"{settings.key}\" }, token: $.token, expires: { at: $.life, as: seconds } }";
    let plan = plan(Example { blocks, http, ..Example::default() }.text());
    // The life of a token, the age at which it is used, and whether it is replaced.
    for (life, age, is_replaced) in [
        (100, 69, false),
        (100, 70, true),
        (100, 99, true),
        (3600, 3569, false),
        (3600, 3570, true),
        (20, 9, false),
        (20, 10, true),
    ] {
        let (state, mut logins) = (Arc::new(ProviderState::default()), 0);
        for second in [0, age] {
            let start = now() + SignedDuration::from_secs(second);
            let given = input(&plan, |name| (name == "key").then(|| "a key of the provider".to_owned()));
            let given = Input { deadline: start + SignedDuration::from_hours(1), ..given };
            let report = run_with(&plan, Arc::clone(&state), given, start, |request| {
                let is_login = request.url.to_string().ends_with("/login");
                logins += usize::from(is_login);
                let body = if is_login { json!({ "token": "t0ken", "life": life }) } else { json!({ "rows": [] }) };
                response(200, &[], body.to_string())
            });
            assert_eq!(report.outcome.kind, OutcomeKind::Empty, "{}", report.outcome);
        }
        assert_eq!(logins, if is_replaced { 2 } else { 1 }, "a token of {life} s after {age} s");
    }
}

/// The first line of an error in plain text is part of the outcome, unlike a page for browsers.
#[test]
fn plain_text_of_an_error_is_shown() {
    let plan = plan(Example { http: "retry: { attempts: 1 }", ..Example::default() }.text());
    for (body, shown) in [
        ("quota of the trial exceeded\nsee the manual", "quota of the trial exceeded"),
        ("<html><p>quota of the trial exceeded</p></html>", ""),
        ("{\"x\": \"quota of the trial exceeded\"}", ""),
        ("[\"quota of the trial exceeded\"]", ""),
    ] {
        let given = input(&plan, crate::simulation::unset);
        let report = run_with(&plan, Arc::default(), given, now(), |_| response(400, &[], body));
        let outcome = report.outcome.to_string();
        assert_eq!(outcome.contains("quota of the trial exceeded"), !shown.is_empty(), "{body}: {outcome}");
        assert!(!outcome.contains("manual"), "{outcome}");
    }
}
