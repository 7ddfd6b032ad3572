//! Verification of the workers' tokens: JSON Web Tokens (RFC 7519) that the platform signs with Ed25519 (RFC 8037), verified
//! according to RFC 8725. Workers share a token for half an hour and use it for many messages, so its age is limited; replayed
//! messages are recognized by the journal and the replay cache.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

/// Maximum length of a token in bytes.
const MAX_LENGTH: usize = 8 * 1024;

/// Maximum age and lifetime of a token in seconds: the platform issues tokens for one hour.
const MAX_AGE_SECONDS: f64 = 3600.0;

/// Why a token is invalid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It may be valid with newer keys of the platform.
    Key(&'static str),
    /// It is invalid with any key.
    Token(&'static str),
}

impl Invalid {
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Invalid::Key(reason) | Invalid::Token(reason) => reason,
        }
    }
}

/// Header of a token. The derived deserializer rejects repeated fields.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
    /// Whether there are critical extensions (RFC 7515 §4.1.11); none are supported.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
}

/// Claims that are verified; times are seconds since 1970, possibly with a fraction (RFC 7519 §2, NumericDate).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: f64,
    iat: f64,
    #[serde(default, deserialize_with = "some")]
    nbf: Option<f64>,
    #[serde(default, deserialize_with = "some")]
    aud: Option<Audience>,
}

/// Recipients of a token (`aud`, RFC 7519 §4.1.3). The platform sets none.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn has(&self, connector: &str) -> bool {
        match self {
            Audience::One(one) => one == connector,
            Audience::Many(many) => many.iter().any(|one| one == connector),
        }
    }
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    x: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
}

impl Key {
    fn verifies(&self, kid: &str) -> bool {
        self.kid == kid
            && (&*self.kty, &*self.crv) == ("OKP", "Ed25519")
            && self.alg.as_deref().is_none_or(|alg| alg == "EdDSA")
            && self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
    }
}

/// Returns whether a field is present, with any value.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// Deserializes an optional field that must not be null.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// Verifies the signature and claims of a token with the platform's keys, a JWK set (RFC 7517 §5), for this connector id.
pub(super) fn verify(token: &str, keys: &str, connector: &str, now: Timestamp) -> Result<(), Invalid> {
    if token.len() > MAX_LENGTH {
        return Err(Invalid::Token("longer than 8 KiB"));
    }
    let parts: Vec<&str> = token.splitn(4, '.').collect();
    let [header, claims, signature] = parts[..] else { return Err(Invalid::Token("expected three parts")) };
    let signed = &token[..header.len() + 1 + claims.len()];
    let kid = key_id(read(header)?)?;
    let keys: Keys = serde_json::from_str(keys).map_err(|_| Invalid::Key("invalid JWK set of the platform"))?;
    let key = keys.keys.iter().find(|key| key.verifies(&kid));
    let key = key.ok_or(Invalid::Key("unknown key id"))?;
    let verifier = UnparsedPublicKey::new(&ED25519, decoded(&key.x)?);
    let verified = verifier.verify(signed.as_bytes(), &decoded(signature)?);
    verified.map_err(|_| Invalid::Key("invalid signature"))?;
    verify_claims(&read(claims)?, connector, now)
}

fn key_id(header: Header) -> Result<String, Invalid> {
    // Never trust the token's choice of algorithm (RFC 8725 §3.1).
    if header.alg != "EdDSA" {
        return Err(Invalid::Token("invalid `alg`: expected `EdDSA`"));
    }
    if header.typ.is_some_and(|kind| !kind.eq_ignore_ascii_case("JWT")) {
        return Err(Invalid::Token("invalid `typ`: expected `JWT`"));
    }
    if header.crit || header.b64 {
        return Err(Invalid::Token("unsupported critical extensions"));
    }
    Ok(header.kid)
}

fn verify_claims(claims: &Claims, connector: &str, now: Timestamp) -> Result<(), Invalid> {
    let now = now.as_second() as f64;
    let checks = [
        (claims.iss != "opencti", "invalid `iss`: expected `opencti`"),
        (claims.sub != "connector", "invalid `sub`: expected `connector`"),
        (
            claims.aud.as_ref().is_some_and(|audience| !audience.has(connector)),
            "invalid `aud`: expected the id of this connector",
        ),
        (claims.exp <= now, "expired"),
        (claims.iat > now || claims.nbf.is_some_and(|start| start > now), "not valid yet"),
        (now - claims.iat > MAX_AGE_SECONDS, "issued more than an hour ago"),
        (claims.exp - claims.iat > MAX_AGE_SECONDS, "valid for more than an hour"),
    ];
    match checks.into_iter().find(|(fails, _)| *fails) {
        Some((_, reason)) => Err(Invalid::Token(reason)),
        None => Ok(()),
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Invalid::Token("invalid base64url"))
}

fn read<T: DeserializeOwned>(part: &str) -> Result<T, Invalid> {
    let malformed = |_| Invalid::Token("missing, repeated or invalid field");
    let text = decoded(part)?;
    // A list would be read as the fields in their order.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(Invalid::Token("not a JSON object"));
    }
    serde_json::from_slice(&text).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_795_428_000;
    const HEADER: &str = r#"{"alg":"EdDSA","typ":"JWT","kid":"k"}"#;

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a key")
    }

    fn signed(seed: u8, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair(seed).sign(text.as_bytes()).as_ref());
        format!("{text}.{signature}")
    }

    fn verify_now(token: &str) -> Result<(), Invalid> {
        let x = URL_SAFE_NO_PAD.encode(pair(7).public_key().as_ref());
        let key = |kid: &str, more: Value| {
            let mut key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x });
            key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            key
        };
        let keys = [key("k", json!({})), key("e", json!({ "use": "enc" })), key("r", json!({ "alg": "RS256" }))];
        let now = Timestamp::from_second(NOW).expect("a time");
        verify(token, &json!({ "keys": keys }).to_string(), "an-id", now)
    }

    fn claims() -> Value {
        json!({ "iss": "opencti", "sub": "connector", "iat": NOW - 10, "exp": NOW + 3590 })
    }

    fn with(key: &str, value: Value) -> String {
        let mut claims = claims();
        claims[key] = value;
        claims.to_string()
    }

    fn is_valid(claims: &str) -> bool {
        verify_now(&signed(7, HEADER, claims)).is_ok()
    }

    #[test]
    fn claims_of_platform_are_accepted() {
        assert_eq!(verify_now(&signed(7, HEADER, &claims().to_string())), Ok(()));
        for (key, value) in [
            ("nbf", json!(NOW)),
            ("exp", json!(NOW as f64 + 0.5)),
            ("aud", json!("an-id")),
            ("aud", json!(["other", "an-id"])),
            ("jti", json!("any")),
            ("unknown", json!({ "a": 1 })),
        ] {
            assert!(is_valid(&with(key, value.clone())), "{key}: {value}");
        }
        // Workers use one token for many messages.
        let token = signed(7, HEADER, &claims().to_string());
        assert_eq!((verify_now(&token), verify_now(&token)), (Ok(()), Ok(())));
    }

    #[test]
    fn invalid_claims_are_rejected() {
        for key in ["iss", "sub", "iat", "exp"] {
            let mut without = claims();
            without.as_object_mut().expect("an object").remove(key);
            assert!(!is_valid(&without.to_string()), "no {key}");
        }
        for (key, value) in [
            ("iss", json!("other")),
            ("iss", json!(["opencti"])),
            ("sub", json!("worker")),
            ("exp", json!((NOW + 60).to_string())),
            ("exp", json!(NOW)),
            ("exp", json!(NOW + 3591)),
            ("exp", json!(1e300)),
            ("exp", json!(null)),
            ("iat", json!(NOW + 1)),
            ("iat", json!(NOW - 3601)),
            ("iat", json!(true)),
            ("nbf", json!(NOW + 1)),
            ("nbf", json!("0")),
            ("nbf", json!(null)),
            ("aud", json!("other")),
            ("aud", json!([])),
            ("aud", json!(null)),
            ("aud", json!([1, "an-id"])),
        ] {
            assert!(!is_valid(&with(key, value.clone())), "{key}: {value}");
        }
        let twice = claims().to_string().replacen('{', &format!(r#"{{"exp":{},"#, NOW + 60), 1);
        assert!(!is_valid(&twice), "a duplicate claim");
    }

    #[test]
    fn lists_in_place_of_objects_are_rejected() {
        let claims = json!(["opencti", "connector", NOW + 3590, NOW - 10]).to_string();
        assert_eq!(verify_now(&signed(7, HEADER, &claims)), Err(Invalid::Token("not a JSON object")));
        let header = r#"["EdDSA","platform-1","JWT"]"#;
        assert_eq!(
            verify_now(&signed(7, header, &self::claims().to_string())),
            Err(Invalid::Token("not a JSON object"))
        );
    }

    #[test]
    fn invalid_headers_are_rejected() {
        for header in [
            r#"{"alg":"none","kid":"k"}"#,
            r#"{"alg":"HS256","kid":"k"}"#,
            r#"{"alg":"eddsa","kid":"k"}"#,
            r#"{"alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","kid":"z"}"#,
            r#"{"alg":"EdDSA","kid":"e"}"#,
            r#"{"alg":"EdDSA","kid":"r"}"#,
            r#"{"alg":"EdDSA","kid":["k"]}"#,
            r#"{"alg":"EdDSA","kid":"k","typ":"secevent+jwt"}"#,
            r#"{"alg":"EdDSA","kid":"k","crit":["exp"]}"#,
            r#"{"alg":"EdDSA","kid":"k","crit":[]}"#,
            r#"{"alg":"EdDSA","kid":"k","crit":null}"#,
            r#"{"alg":"EdDSA","kid":"k","b64":false}"#,
            r#"{"alg":"none","alg":"EdDSA","kid":"k"}"#,
        ] {
            assert!(verify_now(&signed(7, header, &claims().to_string())).is_err(), "{header}");
        }
    }

    #[test]
    fn malformed_token_or_unknown_key_is_rejected() {
        let good = signed(7, HEADER, &claims().to_string());
        let long = with("x", json!("x".repeat(MAX_LENGTH)));
        for bad in
            ["", "a.b", "..", &format!("{good}."), &format!("{good}="), &signed(8, HEADER, &claims().to_string())]
        {
            assert!(verify_now(bad).is_err(), "{bad}");
        }
        assert!(!is_valid(&long), "too long");
        assert!(matches!(verify_now(&signed(8, HEADER, &claims().to_string())), Err(Invalid::Key(_))));
        // Newer keys would not help.
        assert!(matches!(verify_now(&signed(7, HEADER, &with("exp", json!(NOW)))), Err(Invalid::Token(_))));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let number = (NOW - 9000..NOW + 9000).prop_map(Value::from);
        let text = prop_oneof![Just("opencti"), Just("connector"), Just("an-id"), Just("0"), Just("")];
        let text = text.prop_map(Value::from);
        let single = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text];
        prop_oneof![single.clone(), proptest::collection::vec(single, 0..3).prop_map(Value::from)]
    }

    proptest! {
        #[test]
        fn accepted_claims_are_complete_and_current(
            changes in proptest::collection::vec(
                (prop::sample::select(vec!["iss", "sub", "exp", "iat", "nbf", "aud"]), prop::option::of(any_value())), 0..4)
        ) {
            let mut claims = claims();
            for (key, value) in changes {
                match value {
                    Some(value) => claims[key] = value,
                    None => drop(claims.as_object_mut().expect("an object").remove(key)),
                }
            }
            let at = |key: &str| claims[key].as_i64();
            let in_time = at("exp").is_some_and(|exp| exp > NOW)
                && at("iat").is_some_and(|iat| (NOW - 3600..=NOW).contains(&iat))
                && at("exp").zip(at("iat")).is_some_and(|(exp, iat)| exp - iat <= 3600)
                && claims.get("nbf").is_none_or(|nbf| nbf.as_i64().is_some_and(|nbf| nbf <= NOW));
            let list = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(Value::is_string) && all.contains(&json!("an-id")));
            let ours = claims.get("aud").is_none_or(|aud| *aud == "an-id" || list(aud));
            let expected = in_time && ours && claims["iss"] == "opencti" && claims["sub"] == "connector";
            prop_assert_eq!(is_valid(&claims.to_string()), expected, "{}", claims);
        }
    }
}
