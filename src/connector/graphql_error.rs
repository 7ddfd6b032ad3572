//! Interprets responses of OpenCTI's GraphQL API: the data, or the reason of a failure and whether a retry can help.

use super::compat::unknown_name;
use super::json;
use crate::http::{distrust, innermost};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::fmt;

/// Maximum size of a response in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// Names of permanent errors. Any other error may be temporary.
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

/// Name of the error for an account without the required capability.
const FORBIDDEN: &str = "FORBIDDEN_ACCESS";

/// Reason why the platform did not perform an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PlatformError {
    /// Unreachable or not accepting requests: the operation was not performed.
    Unreachable(String),
    /// No complete response, from the platform or a proxy: the operation may have been performed.
    NoResponse(String),
    /// Temporary error of the platform.
    Failed(String),
    /// The server is not the platform, or its certificate is not trusted.
    WrongServer(String),
    /// The token is not valid.
    Unauthorized(String),
    /// Rejected permanently; `name` is the name of the GraphQL error, or `HTTP` and the status code.
    Rejected { name: String, message: String },
}

impl PlatformError {
    /// Returns whether the work or object no longer exists.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Rejected { name, .. } if name == "WORK_NOT_ALIVE" || name == "ALREADY_DELETED_ERROR")
    }

    /// Returns whether a retry may succeed.
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NoResponse(_) | Self::Failed(_))
    }

    /// Returns whether the request itself was rejected by the platform or a proxy, for example because of its size.
    pub(super) fn is_request_rejected(&self) -> bool {
        matches!(self, Self::Rejected { name, .. } if name.starts_with("HTTP "))
    }

    /// Returns whether the account lacks a capability, which an operator can grant.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Rejected { name, .. } if name == FORBIDDEN || name == "HTTP 403")
    }
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(f, "failed to reach OpenCTI: {reason}"),
            Self::NoResponse(reason) => write!(f, "no response from OpenCTI: {reason}"),
            Self::Failed(message) => write!(f, "error of OpenCTI: {message}"),
            Self::WrongServer(reason) => write!(f, "OPENCTI_URL is not an OpenCTI platform: {reason}"),
            Self::Unauthorized(message) => write!(f, "OpenCTI rejected OPENCTI_TOKEN: {message}"),
            Self::Rejected { name, message } => write!(f, "{message} ({name})"),
        }
    }
}

impl std::error::Error for PlatformError {}

/// Sends a GraphQL request and returns its `data`.
pub(super) async fn execute(request: RequestBuilder) -> Result<Value, PlatformError> {
    let response = request.send().await.map_err(|error| request_error(&error))?;
    let status = response.status();
    interpret(status, &body(response).await?)
}

/// Returns the `data` of a response. With a repeated key, it is not one of the platform.
pub(super) fn interpret(status: StatusCode, body: &[u8]) -> Result<Value, PlatformError> {
    let json = json::parse(body).ok();
    let unexpected = || format!("unexpected HTTP {status}; is OPENCTI_URL an OpenCTI platform?");
    match (status, json) {
        // A proxy, or the platform while it starts: whatever the body contains, nothing was performed.
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE, _) => {
            Err(PlatformError::Unreachable(format!("HTTP {status}")))
        }
        (StatusCode::INTERNAL_SERVER_ERROR, Some(json)) if has_errors(&json) => Err(graphql_error(&json)),
        (status, _) if status.is_server_error() => Err(PlatformError::NoResponse(unexpected())),
        (status, _) if status.is_redirection() => {
            Err(PlatformError::WrongServer(format!("redirected (HTTP {status})")))
        }
        (_, Some(json)) if has_errors(&json) => Err(graphql_error(&json)),
        (StatusCode::UNAUTHORIZED, _) => Err(PlatformError::Unauthorized(status.to_string())),
        (status, Some(mut json)) if status.is_success() && json["data"].is_object() => Ok(json["data"].take()),
        // A proxy may have no backend at the moment.
        (StatusCode::NOT_FOUND | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY, _) => {
            Err(PlatformError::Unreachable(unexpected()))
        }
        (status, _) if status.is_client_error() => {
            Err(PlatformError::Rejected { name: format!("HTTP {}", status.as_u16()), message: unexpected() })
        }
        (..) => Err(PlatformError::Unreachable(unexpected())),
    }
}

/// Classifies a failed request.
fn request_error(error: &reqwest::Error) -> PlatformError {
    match (error.is_connect(), distrust(error)) {
        (_, Some(reason)) => PlatformError::WrongServer(format!("untrusted certificate: {reason}")),
        (true, None) => PlatformError::Unreachable(innermost(error)),
        (false, None) => PlatformError::NoResponse(innermost(error)),
    }
}

/// Reads the body up to the maximum size.
async fn body(mut response: Response) -> Result<Vec<u8>, PlatformError> {
    let mut body = vec![];
    while let Some(chunk) = response.chunk().await.map_err(|error| request_error(&error))? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(PlatformError::NoResponse(format!("the response exceeds {} MiB", MAX_BODY >> 20)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn has_errors(json: &Value) -> bool {
    json["errors"].as_array().is_some_and(|errors| !errors.is_empty())
}

/// Converts GraphQL errors: the messages one per line, and the name of the first error.
fn graphql_error(json: &Value) -> PlatformError {
    let message = |error: &Value| error["message"].as_str().unwrap_or("no error message").to_owned();
    let first = &json["errors"][0];
    let name = first["name"].as_str().or_else(|| first["extensions"]["code"].as_str()).unwrap_or_default().to_owned();
    let message = json["errors"].as_array().into_iter().flatten().map(message).collect::<Vec<_>>().join("\n");
    match name.as_str() {
        "AUTH_REQUIRED" | "AUTH_FAILURE" => PlatformError::Unauthorized(message),
        // Another request holds the lock.
        "LOCK_ERROR" => PlatformError::Unreachable(message),
        name if name.is_empty() || FINAL.contains(&name) => PlatformError::Rejected { name: name.to_owned(), message },
        _ if message.lines().any(|line| unknown_name(line).is_some()) => PlatformError::Rejected { name, message },
        name => PlatformError::Failed(format!("{message} ({name})")),
    }
}
