//! JSON parser that rejects repeated keys: other parsers may use the first or the last value (RFC 8259 §4). It reads all that
//! the broker, the callback and the platform send.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// An object whose values are parsed on use: messages may be long, and little of them is needed.
pub(super) type Fields<'m> = BTreeMap<String, &'m RawValue>;

/// Parses a value; a repeated key in any object is an error.
pub(super) fn parse(text: &[u8]) -> serde_json::Result<Value> {
    parse_with(text, Unique)
}

/// Parses an object up to its values; a repeated key is an error, but not one in the values.
pub(super) fn parse_fields(text: &[u8]) -> serde_json::Result<Fields<'_>> {
    parse_with(text, UniqueFields)
}

fn parse_with<'de, S: DeserializeSeed<'de>>(text: &'de [u8], seed: S) -> serde_json::Result<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

fn repeated<E: Error>(key: &str) -> E {
    E::custom(format!("repeated key `{}`", key.escape_debug()))
}

struct UniqueFields;

impl<'de> DeserializeSeed<'de> for UniqueFields {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for UniqueFields {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::new();
        while let Some((key, value)) = entries.next_entry::<String, &'de RawValue>()? {
            if fields.contains_key(&key) {
                return Err(repeated(&key));
            }
            fields.insert(key, value);
        }
        Ok(fields)
    }
}

struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = vec![];
        while let Some(item) = items.next_element_seed(Unique)? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Unique)?;
            if object.contains_key(&key) {
                return Err(repeated(&key));
            }
            object.insert(key, value);
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repeated_key_is_an_error_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":1}}]"#, "{} {}", "{", ""] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn repeated_field_is_an_error() {
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":1,"\u0061":1}"#, "[]", "null", "{} {}", "{", ""] {
            assert!(parse_fields(text.as_bytes()).is_err(), "{text}");
        }
        let fields = parse_fields(br#"{"a":{"b":1,"b":2}}"#).expect("distinct keys");
        assert!(parse(fields["a"].get().as_bytes()).is_err(), "its value is parsed on use");
    }

    proptest! {
        #[test]
        fn parse_agrees_with_serde_except_for_repeated_keys(text in r#"[\[\]{}:,"a-c0-9.e\\ -]{0,24}|null|true|-?[0-9]{1,20}(\.[0-9]{1,3})?"#) {
            match parse(text.as_bytes()) {
                Ok(value) => prop_assert_eq!(value, serde_json::from_str::<Value>(&text).expect("JSON")),
                Err(error) => {
                    prop_assert!(serde_json::from_str::<Value>(&text).is_err() || error.to_string().contains("repeated"));
                }
            }
        }
    }
}
