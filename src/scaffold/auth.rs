//! Templates of the authentication methods: settings, the `auth` block, and the preceding token request if there is
//! one.

use crate::cli::AuthKind;

/// The template of one kind of `auth`.
pub(crate) struct AuthText {
    pub(crate) settings: &'static [SettingText],
    /// The block, on one line.
    pub(crate) yaml: &'static str,
    pub(crate) why: &'static str,
    /// The request for a token, and its reply.
    pub(crate) first: Option<(&'static str, &'static str)>,
}

/// A setting: its name, type, description, and value in the case.
pub(crate) type SettingText = (&'static str, &'static str, &'static str, &'static str);

const KEY: SettingText = ("api_key", "secret", "API key of the provider", "made-up-key");
const USER: SettingText = ("username", "string", "Username at the provider", "made-up-user");
const PASSWORD: SettingText = ("password", "secret", "Password at the provider", "made-up-password");

const NONE: AuthText = AuthText { settings: &[], yaml: "{ kind: none }", why: "no authentication", first: None };
const BASIC: AuthText = AuthText {
    settings: &[USER, PASSWORD],
    yaml: r#"{ kind: basic, username: "{settings.username}", password: "{settings.password}" }"#,
    why: "",
    first: None,
};
const HEADER: AuthText = AuthText {
    settings: &[KEY],
    yaml: r#"{ kind: header, name: X-Api-Key, value: "{settings.api_key}" }"#,
    why: "replace the header's name",
    first: None,
};
const BEARER: AuthText =
    AuthText { settings: &[KEY], yaml: r#"{ kind: bearer, token: "{settings.api_key}" }"#, why: "", first: None };
const QUERY: AuthText = AuthText {
    settings: &[KEY],
    yaml: r#"{ kind: query, parameter: key, value: "{settings.api_key}" }"#,
    why: "replace the parameter's name",
    first: None,
};
const OAUTH2: AuthText = AuthText {
    settings: &[
        ("client_id", "string", "Client identifier (RFC 6749 §2.2)", "made-up-client"),
        ("client_secret", "secret", "Client secret (RFC 6749 §2.3.1)", "made-up-secret"),
    ],
    yaml: r#"{ kind: oauth2, token_url: "https://login.example.net/oauth/token", client_id: "{settings.client_id}", client_secret: "{settings.client_secret}" }"#,
    why: "replace the token endpoint",
    first: Some((
        "POST https://login.example.net/oauth/token",
        "{ json: { access_token: made-up-token, token_type: bearer, expires_in: 3600 } }",
    )),
};
const LOGIN: AuthText = AuthText {
    settings: &[USER, PASSWORD],
    yaml: r#"{ kind: login, path: /login, body: { username: "{settings.username}", password: "{settings.password}" }, token: $.token, value: "Bearer {token}" }"#,
    why: "replace the path, the body and the token's path",
    first: Some(("POST /login", "{ json: { token: made-up-token } }")),
};
const SIGNATURE: AuthText = AuthText {
    settings: &[USER, KEY],
    yaml: r#"{ kind: signature, algorithm: hmac-sha256, key: "{settings.api_key}", text: "{settings.username}{timestamp}{path}", timestamp: rfc3339, headers: { X-User: "{settings.username}", X-Time: "{timestamp}", X-Signature: "{signature}" } }"#,
    why: "replace the signed text and its headers",
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
