//! Structured log in pycti's format: one JSON object per line on standard error, without colors.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Map, Value, json};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use stixmap_engine::printable;

/// Severity of a log entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Level {
    /// Parses the level names of Python's `logging`, ignoring case.
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

    /// Writes a warning regardless of the configured level.
    pub(super) fn warn_always(&self, message: &str, attributes: Value) {
        self.put(Level::Warning, message, attributes);
    }

    /// Writes the end of such a condition, also regardless of the configured level.
    pub(super) fn info_always(&self, message: &str, attributes: Value) {
        self.put(Level::Info, message, attributes);
    }

    fn write(&self, level: Level, message: &str, attributes: Value) {
        if level >= self.least {
            self.put(level, message, attributes);
        }
    }

    fn put(&self, level: Level, message: &str, attributes: Value) {
        // A failure to write to standard error cannot be reported anywhere.
        let _ = writeln!(std::io::stderr().lock(), "{}", self.line(level, message, attributes, Timestamp::now()));
    }

    fn line(&self, level: Level, message: &str, attributes: Value, now: Timestamp) -> String {
        if !self.is_json {
            // Attributes are appended in plain text too: most contain the reason.
            let attributes = attributes.as_object().into_iter().flatten();
            let attributes: String = attributes.map(|(key, value)| format!(" {key}={value}")).collect();
            let line = format!("{}:{}:{message}{attributes}", level.as_str(), self.name);
            return printable::line(&line).into_owned();
        }
        let text = |value: &str| python_json(&Value::from(value));
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
            line.push_str(&format!(r#", "attributes": {}"#, python_json(&attributes)));
        }
        line.push('}');
        line
    }
}

/// Serializes a value as `json.dumps` of Python does: spaces after commas and colons, ASCII only.
fn python_json(value: &Value) -> String {
    let mut text = vec![];
    let mut writer = serde_json::Serializer::with_formatter(&mut text, PythonFormatter);
    value.serialize(&mut writer).expect("a value is JSON");
    String::from_utf8(text).expect("it is ASCII")
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        if is_first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        if is_first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for unit in fragment.encode_utf16() {
            match u8::try_from(unit).ok().filter(|byte| (0x20..0x7f).contains(byte)) {
                Some(byte) => writer.write_all(&[byte])?,
                None => write!(writer, "\\u{unit:04x}")?,
            }
        }
        Ok(())
    }
}

/// Logs the error that ends the program: as one JSON line, or as plain text on a terminal or if JSON is disabled.
pub(super) fn log_exit(error: &anyhow::Error) {
    let is_plain = std::env::var("OPENCTI_JSON_LOGGING").is_ok_and(|text| text.trim().eq_ignore_ascii_case("false"));
    match is_plain || io::stderr().is_terminal() {
        true => crate::render::error(error),
        false => Log::new("stixmap", Level::Error, true).error(&format!("{error:#}"), no_attributes()),
    }
}

/// Logs panics as one line in the log of the connector.
pub(super) fn log_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| {
        let location = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let reason = text.unwrap_or("no panic message");
        // A panic is a defect of the program and is logged at every level.
        log.put(Level::Error, "The connector panicked", json!({ "reason": reason, "location": location }));
    }));
}

/// Returns an empty set of attributes.
pub(super) fn no_attributes() -> Value {
    Value::Object(Map::new())
}

/// Returns the reason of a failure as an attribute.
pub(super) fn with_reason(reason: impl std::fmt::Display) -> Value {
    json!({ "reason": reason.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_entry_has_the_json_format_of_pycti() {
        let log = Log::new("My Connector", Level::Info, true);
        let now: Timestamp = "2026-11-23T09:28:17.372914Z".parse().expect("a time");
        let line = log.line(Level::Info, "Connector registered with ID", json!({ "id": "abc\n" }), now);
        let start = r#"{"timestamp": "2026-11-23T09:28:17.372914Z", "level": "INFO", "name": "My Connector", "message": "Connector registered with ID", "attributes": {"id""#;
        assert!(line.starts_with(start), "{line}");
        assert!(line.ends_with(r#"{"id": "abc\n"}}"#), "{line}");
        assert!(!line.contains('\n'));
        let line = log.line(Level::Info, "Müller 🦀", json!({ "a": [1, {}], "b": null }), now);
        assert!(line.ends_with(r#""M\u00fcller \ud83e\udd80", "attributes": {"a": [1, {}], "b": null}}"#), "{line}");
        let line = log.line(Level::Error, "no", no_attributes(), now);
        assert!(line.contains(r#""message": "no", "exc_info": "NoneType: None"}"#), "{line}");
        serde_json::from_str::<Value>(&line).expect("JSON");
    }

    #[test]
    fn hostile_text_is_one_printable_line() {
        let hostile = "a\u{1b}[2K\r\nERROR:x:forged\u{7f}\u{85}\u{9b}2J\u{2028}\u{202e}b\u{200b}";
        for is_json in [true, false] {
            let log = Log::new(hostile, Level::Info, is_json);
            let line = log.line(Level::Info, hostile, json!({ hostile: hostile }), Timestamp::UNIX_EPOCH);
            assert_eq!(printable::first_unprintable(&line), None, "{line}");
        }
        let log = Log::new("acme", Level::Info, false);
        let attributes = json!({ "reason": "it is \"away\"\n", "work_id": null, "attempt": 3 });
        let line = log.line(Level::Error, "Cannot register again", attributes, Timestamp::UNIX_EPOCH);
        assert_eq!(line, r#"ERROR:acme:Cannot register again attempt=3 reason="it is \"away\"\n" work_id=null"#);
        assert_eq!(
            log.line(Level::Info, "a\u{1b}\nb", no_attributes(), Timestamp::UNIX_EPOCH),
            r"INFO:acme:a\027\010b"
        );
    }
}
