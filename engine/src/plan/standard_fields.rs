//! Fields of records whose names have a defined meaning: those of the Common Output Format, and roles of ours.

use crate::profile::FieldType;

/// Location of the declared fields.
pub(super) const FIELDS: &str = "/record/fields";

/// Fields that are required for a record.
pub(super) const MAIN: [&str; 3] = ["rrname", "rrtype", "rdata"];

/// Optional fields with a defined meaning, and their required types.
pub const ROLES: [(&str, FieldType); 5] = [
    ("time_first", FieldType::Timestamp),
    ("time_last", FieldType::Timestamp),
    ("count", FieldType::Integer),
    ("bailiwick", FieldType::String),
    ("tlp", FieldType::Tlp),
];

/// Returns whether a field has a defined meaning, so that it is used without a reference.
pub(super) fn is_standard(field: &str) -> bool {
    MAIN.contains(&field) || ROLES.iter().any(|(role, _)| *role == field)
}
