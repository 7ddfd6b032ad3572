//! The ways to say who we are, each as a beginning: its settings, its block of YAML, and the request that comes first where
//! there is one.

use crate::cli::AuthKind;

/// How one kind of `auth` begins.
pub(crate) struct AuthText {
    pub(crate) settings: &'static [SettingText],
    /// The block, on one line.
    pub(crate) yaml: &'static str,
    pub(crate) why: &'static str,
    /// The request that fetches a token, and its answer.
    pub(crate) first: Option<(&'static str, &'static str)>,
}

/// A setting: its name, its type, what it is for, and what a case says it is.
pub(crate) type SettingText = (&'static str, &'static str, &'static str, &'static str);

const KEY: SettingText = ("api_key", "secret", "The key that the provider gave you", "made-up-key");
const USER: SettingText = ("username", "string", "The user's name", "made-up-user");
const PASSWORD: SettingText = ("password", "secret", "The user's password", "made-up-password");

const NONE: AuthText = AuthText { settings: &[], yaml: "{ kind: none }", why: "anyone may ask", first: None };
const BASIC: AuthText = AuthText {
    settings: &[USER, PASSWORD],
    yaml: r#"{ kind: basic, username: "{settings.username}", password: "{settings.password}" }"#,
    why: "",
    first: None,
};
const HEADER: AuthText = AuthText {
    settings: &[KEY],
    yaml: r#"{ kind: header, name: X-Api-Key, value: "{settings.api_key}" }"#,
    why: "the header's name is the provider's",
    first: None,
};
const BEARER: AuthText =
    AuthText { settings: &[KEY], yaml: r#"{ kind: bearer, token: "{settings.api_key}" }"#, why: "", first: None };
const QUERY: AuthText = AuthText {
    settings: &[KEY],
    yaml: r#"{ kind: query, parameter: key, value: "{settings.api_key}" }"#,
    why: "the parameter's name is the provider's",
    first: None,
};
const OAUTH2: AuthText = AuthText {
    settings: &[
        ("client_id", "string", "The client's name", "made-up-client"),
        ("client_secret", "secret", "The client's secret", "made-up-secret"),
    ],
    yaml: r#"{ kind: oauth2, token_url: "https://login.example.net/oauth/token", client_id: "{settings.client_id}", client_secret: "{settings.client_secret}" }"#,
    why: "tokens are given there",
    first: Some((
        "POST https://login.example.net/oauth/token",
        "{ json: { access_token: made-up-token, token_type: bearer, expires_in: 3600 } }",
    )),
};
const LOGIN: AuthText = AuthText {
    settings: &[USER, PASSWORD],
    yaml: r#"{ kind: login, path: /login, body: { username: "{settings.username}", password: "{settings.password}" }, token: $.token, value: "Bearer {token}" }"#,
    why: "the path, the body and where the token stands are the provider's",
    first: Some(("POST /login", "{ json: { token: made-up-token } }")),
};
const SIGNATURE: AuthText = AuthText {
    settings: &[USER, KEY],
    yaml: r#"{ kind: signature, algorithm: hmac-sha256, key: "{settings.api_key}", text: "{settings.username}{timestamp}{path}", timestamp: rfc3339, headers: { X-User: "{settings.username}", X-Time: "{timestamp}", X-Signature: "{signature}" } }"#,
    why: "what is signed, and where it is sent, are the provider's",
    first: None,
};

pub(crate) fn text(kind: AuthKind) -> &'static AuthText {
    match kind {
        AuthKind::None => &NONE,
        AuthKind::Basic => &BASIC,
        AuthKind::Header => &HEADER,
        AuthKind::Bearer => &BEARER,
        AuthKind::Query => &QUERY,
        AuthKind::Oauth2 => &OAUTH2,
        AuthKind::Login => &LOGIN,
        AuthKind::Signature => &SIGNATURE,
    }
}
