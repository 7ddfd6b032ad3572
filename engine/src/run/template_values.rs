//! Replaces the placeholders of templates by their values, encoded for the position of the text.

use super::Observable;
use super::redacted::Redacted;
use super::window_parts::WindowPart;
use crate::dns::{expanded, parse_address, reverse_name};
use crate::plan::{Local, Part, QueryPlan, SettingValue, Settings, Template, ValueOrSetting, WindowText};
use crate::profile::WindowPoint;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Characters to percent-encode: all but the unreserved ones (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Variables of templates in addition to settings and the observable.
#[derive(Default, Clone, Copy)]
pub(super) struct Variables<'k> {
    pub(super) each: Option<&'k str>,
    pub(super) locals: &'k [(Local, Redacted)],
    /// The requested part of the window, unless it is the whole.
    pub(super) part: Option<WindowPart>,
}

/// Values of the placeholders that are the same in all requests of a run.
#[derive(Debug)]
pub(super) struct TemplateValues {
    pub(super) observable: Observable,
    pub(super) settings: Settings,
    /// Start and end of the window, if the profile has one.
    pub(super) window: Option<(Timestamp, Timestamp)>,
}

impl TemplateValues {
    /// Returns encoded parameters, without the end of a part of the window that is open.
    pub(super) fn parameters(&self, values: &[(String, QueryPlan)], variables: Variables) -> Vec<(String, Redacted)> {
        let is_open = variables.part.is_some_and(WindowPart::is_open);
        let sent = values.iter().filter(|(_, value)| !(is_open && value.is_end_of_window()));
        sent.map(|(name, value)| (name.clone(), self.query_text(value, variables))).collect()
    }

    fn query_text(&self, value: &QueryPlan, variables: Variables) -> Redacted {
        let text = match value {
            QueryPlan::Text(template) => return self.text(template, variables, verbatim).encoded(encoded),
            QueryPlan::Time(point, format) => format.write(self.end_of_window(*point, variables)),
            QueryPlan::Distance(point, distance) => {
                let (_, now) = self.window.expect("a query that names the window has one");
                distance.write(now.duration_since(self.end_of_window(*point, variables)))
            }
        };
        Redacted::plain(&encoded(&text))
    }

    fn end_of_window(&self, point: WindowPoint, variables: Variables) -> Timestamp {
        let (start, end) = self.window.expect("a query that names the window has one");
        match (variables.part, point) {
            (Some(part), point) => part.sent(point),
            (None, WindowPoint::Start) => start,
            (None, WindowPoint::End) => end,
        }
    }

    fn window_text(&self, end: &WindowText, variables: Variables) -> String {
        let (_, now) = self.window.expect("a text that names the window has one");
        end.write(self.end_of_window(end.point, variables), now)
    }

    pub(super) fn header_texts(&self, headers: &[(String, Template)], variables: Variables) -> Vec<(String, Redacted)> {
        headers.iter().map(|(name, value)| (name.clone(), self.text(value, variables, verbatim))).collect()
    }

    pub(super) fn text(&self, template: &Template, variables: Variables, encode: fn(&str) -> String) -> Redacted {
        let mut text = Redacted::default();
        for part in template.parts() {
            match part {
                Part::Literal(literal) => text.push(literal),
                Part::ObservableValue => text.push(&encode(self.observable.value())),
                Part::ObservableType => text.push(&encode(self.observable.kind().stix_type())),
                Part::ObservableExpanded => text.push(&encode(&self.expanded_address())),
                Part::ObservableReverse => text.push(&encode(&self.reverse_name_text())),
                Part::Window(end) => text.push(&encode(&self.window_text(end, variables))),
                Part::Each => text.push(&encode(variables.each.unwrap_or_default())),
                Part::Setting(name) => self.push_setting(&mut text, name, encode),
                Part::Local(local) => {
                    let value = variables.locals.iter().find(|(name, _)| name == local).map(|(_, value)| value);
                    value.iter().for_each(|value| text.push_both(&value.encoded(encode)));
                }
            }
        }
        text
    }

    /// Returns the value of a template that consists of a single number or flag.
    pub(super) fn single_value(&self, template: &Template, variables: Variables) -> Option<Value> {
        match template.parts() {
            [Part::Setting(name)] => match self.settings.value(name)? {
                SettingValue::Integer(number) => Some(Value::from(*number)),
                SettingValue::Boolean(flag) => Some(Value::from(*flag)),
                _ => None,
            },
            [Part::Window(end)] if end.is_number() => {
                self.window_text(end, variables).parse::<i64>().ok().map(Value::from)
            }
            _ => None,
        }
    }

    fn expanded_address(&self) -> String {
        match parse_address(self.observable.value()) {
            Ok(IpAddr::V6(address)) => expanded(address),
            _ => self.observable.value().to_owned(),
        }
    }

    fn reverse_name_text(&self) -> String {
        let address = parse_address(self.observable.value()).ok();
        address.map_or_else(|| self.observable.value().to_owned(), |address| reverse_name(address).to_string())
    }

    fn push_setting(&self, text: &mut Redacted, name: &str, encode: fn(&str) -> String) {
        match self.settings.value(name) {
            Some(SettingValue::Secret(secret)) => {
                text.push_secret(&Zeroizing::new(encode(secret.expose())), name);
            }
            Some(value) => text.push(&encode(&value.as_text())),
            None => {}
        }
    }

    /// Returns a number of the profile or of a setting, which was validated against its bounds.
    pub(super) fn number(&self, number: &ValueOrSetting<u64>) -> u64 {
        let name = match number {
            ValueOrSetting::Value(number) => return *number,
            ValueOrSetting::Setting(name) => name,
        };
        match self.settings.value(name) {
            Some(SettingValue::Integer(number)) => u64::try_from(*number).unwrap_or(1),
            _ => 1,
        }
    }
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn verbatim(text: &str) -> String {
    text.to_owned()
}
