//! What the platform's answers mean: what was asked for, or why it was not done, and with that whether it is worth asking again.

use super::compat::named_as_unknown;
use crate::http::{distrust, innermost};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::fmt;

/// The longest answer that is read.
const LARGEST: usize = 32 * 1024 * 1024;

/// The names of what the platform will say again, however often it is asked. Whatever else goes wrong there may pass.
const FINAL: [&str; 15] = [
    "ACCESS_REQUIRED",
    "ALREADY_DELETED_ERROR",
    "BAD_REQUEST",
    "BAD_USER_INPUT",
    "CONFIGURATION_ERROR",
    "DRAFT_LOCKED",
    FORBIDDEN,
    "FUNCTIONAL_ERROR",
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "MISSING_REFERENCE_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNSUPPORTED_ERROR",
    "VALIDATION_ERROR",
    "WORK_NOT_ALIVE",
];

/// What an account is told that lacks a right.
const FORBIDDEN: &str = "FORBIDDEN_ACCESS";

/// Why the platform did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlatformError {
    /// It is away: what was asked is not done.
    Away(String),
    /// It broke off, or what stands before it did: what was asked may be done.
    Unanswered(String),
    /// It could not do what was asked, this time.
    Failed(String),
    /// What is there is not the platform, or cannot show that it is.
    Astray(String),
    /// It does not know who is asking.
    Unauthorized(String),
    /// It says no, by this name.
    No { name: String, message: String },
}

impl PlatformError {
    /// Whether what it was about is there no more.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::No { name, .. } if name == "WORK_NOT_ALIVE" || name == "ALREADY_DELETED_ERROR")
    }

    /// Whether it is worth asking again.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Unanswered(_) | Self::Failed(_))
    }

    /// Whether what was sent is not what the platform takes, or what stands before it: by its length, say.
    pub(super) fn is_about_the_body(&self) -> bool {
        matches!(self, Self::No { name, .. } if name.starts_with("HTTP "))
    }

    /// Whether an operator can change it: the account lacks a right.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::No { name, .. } if name == FORBIDDEN || name == "HTTP 403")
    }
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(reason) => write!(f, "the platform cannot be reached: {reason}"),
            Self::Unanswered(reason) => write!(f, "the platform did not answer: {reason}"),
            Self::Failed(message) => write!(f, "the platform fails: {message}"),
            Self::Astray(reason) => write!(f, "OPENCTI_URL is not that of the platform: {reason}"),
            Self::Unauthorized(message) => write!(f, "the platform does not accept the token: {message}"),
            Self::No { name, message } => write!(f, "{message} ({name})"),
        }
    }
}

impl std::error::Error for PlatformError {}

/// Sends a request, and gives what was asked for.
pub(super) async fn answered(request: RequestBuilder) -> Result<Value, PlatformError> {
    let response = request.send().await.map_err(|error| lost(&error))?;
    let status = response.status();
    let told: Option<Value> = serde_json::from_slice(&body(response).await?).ok();
    let otherwise = || format!("it answers {status}, and not as OpenCTI does");
    match (status, told) {
        // What stands before the platform says so, or the platform while it starts: whatever else it says, nothing is done.
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE, _) => {
            Err(PlatformError::Away(otherwise()))
        }
        (StatusCode::INTERNAL_SERVER_ERROR, Some(told)) if has_errors(&told) => Err(refusal(&told)),
        (status, _) if status.is_server_error() => Err(PlatformError::Unanswered(otherwise())),
        (status, _) if status.is_redirection() => {
            Err(PlatformError::Astray(format!("it leads elsewhere, with {status}")))
        }
        (_, Some(told)) if has_errors(&told) => Err(refusal(&told)),
        (StatusCode::UNAUTHORIZED, _) => Err(PlatformError::Unauthorized(status.to_string())),
        (status, Some(mut told)) if status.is_success() && told["data"].is_object() => Ok(told["data"].take()),
        // There may be nothing behind what stands before the platform.
        (StatusCode::NOT_FOUND | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY, _) => {
            Err(PlatformError::Away(otherwise()))
        }
        (status, _) if status.is_client_error() => {
            Err(PlatformError::No { name: format!("HTTP {}", status.as_u16()), message: otherwise() })
        }
        (..) => Err(PlatformError::Away(otherwise())),
    }
}

/// Why there is no answer.
fn lost(error: &reqwest::Error) -> PlatformError {
    match (error.is_connect(), distrust(error)) {
        (_, Some(reason)) => PlatformError::Astray(format!("its certificate is not trusted: {reason}")),
        (true, None) => PlatformError::Away(innermost(error)),
        (false, None) => PlatformError::Unanswered(innermost(error)),
    }
}

/// A body that is not longer than it may be.
async fn body(mut response: Response) -> Result<Vec<u8>, PlatformError> {
    let mut body = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(PlatformError::Unanswered(format!("its answer is longer than {} MiB", LARGEST >> 20)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn has_errors(told: &Value) -> bool {
    told["errors"].as_array().is_some_and(|errors| !errors.is_empty())
}

/// What a platform's errors say: one line each, the first one's name.
fn refusal(told: &Value) -> PlatformError {
    let message = |error: &Value| error["message"].as_str().unwrap_or("the platform does not say why").to_owned();
    let first = &told["errors"][0];
    let name = first["name"].as_str().or_else(|| first["extensions"]["code"].as_str()).unwrap_or_default().to_owned();
    let message = told["errors"].as_array().into_iter().flatten().map(message).collect::<Vec<_>>().join("\n");
    match name.as_str() {
        "AUTH_REQUIRED" | "AUTH_FAILURE" => PlatformError::Unauthorized(message),
        // Somebody else has what is needed for it.
        "LOCK_ERROR" => PlatformError::Away(message),
        name if name.is_empty() || FINAL.contains(&name) => PlatformError::No { name: name.to_owned(), message },
        _ if message.lines().any(|line| named_as_unknown(line).is_some()) => PlatformError::No { name, message },
        name => PlatformError::Failed(format!("{message} ({name})")),
    }
}
