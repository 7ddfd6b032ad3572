//! What a connector says, as connectors built on pycti say it: one JSON object a line on standard error, no colours.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::sync::Arc;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Level {
    /// Reads the names that Python's logging has, in any case.
    pub(super) fn parse(text: &str) -> Option<Level> {
        match text.trim().to_ascii_uppercase().as_str() {
            "DEBUG" | "NOTSET" => Some(Self::Debug),
            "INFO" => Some(Self::Info),
            "WARN" | "WARNING" => Some(Self::Warning),
            "ERROR" => Some(Self::Error),
            "CRITICAL" | "FATAL" => Some(Self::Critical),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

/// The log of one connector.
#[derive(Debug, Clone)]
pub(super) struct Log {
    name: Arc<str>,
    least: Level,
    is_json: bool,
}

impl Log {
    pub(super) fn new(name: &str, least: Level, is_json: bool) -> Log {
        Log { name: name.into(), least, is_json }
    }

    pub(super) fn debug(&self, message: &str, attributes: Value) {
        self.write(Level::Debug, message, attributes);
    }

    pub(super) fn info(&self, message: &str, attributes: Value) {
        self.write(Level::Info, message, attributes);
    }

    pub(super) fn warning(&self, message: &str, attributes: Value) {
        self.write(Level::Warning, message, attributes);
    }

    pub(super) fn error(&self, message: &str, attributes: Value) {
        self.write(Level::Error, message, attributes);
    }

    fn write(&self, level: Level, message: &str, attributes: Value) {
        if level >= self.least {
            // Who reads it may be gone; there is nobody else to tell.
            let _ = writeln!(std::io::stderr().lock(), "{}", self.line(level, message, attributes, Timestamp::now()));
        }
    }

    fn line(&self, level: Level, message: &str, attributes: Value, now: Timestamp) -> String {
        if !self.is_json {
            return format!("{}:{}:{}", level.as_str(), self.name, message.replace('\n', " "));
        }
        let text = |value: &str| Value::from(value).to_string();
        let mut line = format!(
            r#"{{"timestamp": "{now:.6}", "level": "{}", "name": {}, "message": {}"#,
            level.as_str(),
            text(&self.name),
            text(message)
        );
        if level >= Level::Error {
            line.push_str(r#", "exc_info": "NoneType: None""#);
        }
        if attributes.as_object().is_some_and(|attributes| !attributes.is_empty()) {
            line.push_str(&format!(r#", "attributes": {attributes}"#));
        }
        line.push('}');
        line
    }
}

/// No attributes.
pub(super) fn nothing() -> Value {
    Value::Object(Map::new())
}

/// The reason of a failure, as an attribute.
pub(super) fn because(reason: impl std::fmt::Display) -> Value {
    json!({ "reason": reason.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_of_json_as_pycti_writes_it() {
        let log = Log::new("My Connector", Level::Info, true);
        let now: Timestamp = "2026-11-23T09:28:17.372914Z".parse().expect("a time");
        let line = log.line(Level::Info, "Connector registered with ID", json!({ "id": "abc\n" }), now);
        let start = r#"{"timestamp": "2026-11-23T09:28:17.372914Z", "level": "INFO", "name": "My Connector", "message": "Connector registered with ID", "attributes": {"id""#;
        assert!(line.starts_with(start), "{line}");
        assert!(!line.contains('\n'));
        let line = log.line(Level::Error, "no", nothing(), now);
        assert!(line.contains(r#""message": "no", "exc_info": "NoneType: None"}"#), "{line}");
        serde_json::from_str::<Value>(&line).expect("JSON");
    }
}
