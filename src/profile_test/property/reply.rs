//! A response, as a case contains it and as a run receives it.

use serde_json::Value;
use stixmap_engine::run::{Fault, Response};

/// A response as written in a case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) fault: Option<&'static str>,
}

impl Reply {
    pub(super) fn of(body: Vec<u8>) -> Reply {
        Reply { status: 200, headers: vec![], body, fault: None }
    }

    pub(super) fn json(value: &Value) -> Reply {
        Self::of(value.to_string().into_bytes())
    }

    /// Returns what a run receives; as in a case, a fault with a body truncates it to its first half.
    pub(super) fn result(&self) -> Result<Response, Fault> {
        let fault = self.fault.map(|name| match name {
            "connect" => Fault::Connect("connection refused".into()),
            "timeout" => Fault::Timeout,
            _ => Fault::Reset,
        });
        let mut response =
            Response { status: self.status, headers: self.headers.clone(), body: self.body.clone(), cut: None };
        match fault {
            Some(fault) if response.body.is_empty() => return Err(fault),
            Some(fault) => {
                response.body.truncate(response.body.len() / 2);
                response.cut = Some(fault);
            }
            None => {}
        }
        Ok(response)
    }
}

/// Formats a value as a header value.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
