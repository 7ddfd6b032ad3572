//! Comparisons in conditions that are constant: between values of different types, or between a record type and a text
//! that no record type has. MiniJinja evaluates them to false without an error.

use crate::dns::{Name, RrType, parse_address};
use crate::profile::FieldType;
use crate::stix::Tlp;
use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Const, Expr};
use minijinja::machinery::{Span, parse_expr};
use minijinja::value::{Value, ValueKind};
use std::ops::Range;

/// Possible values of a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values {
    pub(super) kind: FieldType,
    /// Whether the value may be none.
    pub(super) is_optional: bool,
}

/// A comparison that is never true, or always true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NeverEqual {
    /// Byte range of the other operand in the condition.
    pub(super) place: Range<usize>,
    /// The name that is compared.
    pub(super) name: String,
    /// Kind of the comparison.
    pub(super) relation: Relation,
    /// Description of the name's possible values.
    pub(super) values: String,
    /// Byte range and text of a fix, if one is certain.
    pub(super) instead: Option<(Range<usize>, String)>,
}

/// Kinds of comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// `==`, `!=`, `in`.
    Equal,
    /// `<`, `>`, `<=`, `>=`.
    Order,
}

/// Returns all constant comparisons. `values_of` returns the possible values of a name.
pub(super) fn never_equal(condition: &str, values_of: impl Fn(&str) -> Option<Values>) -> Vec<NeverEqual> {
    let mut comparisons = Comparisons { values_of, found: vec![] };
    if let Ok(expression) = parse_expr(condition) {
        comparisons.visit(&expression);
    }
    comparisons.found
}

struct Comparisons<F> {
    values_of: F,
    found: Vec<NeverEqual>,
}

impl<F: Fn(&str) -> Option<Values>> Comparisons<F> {
    fn visit(&mut self, expression: &Expr) {
        match expression {
            Expr::BinOp(operation) => {
                let (left, right) = (&operation.left, &operation.right);
                match operation.op {
                    BinOpKind::Eq | BinOpKind::Ne => self.compare(left, right, Relation::Equal),
                    BinOpKind::Lt | BinOpKind::Lte | BinOpKind::Gt | BinOpKind::Gte => {
                        self.compare(left, right, Relation::Order);
                    }
                    BinOpKind::In => self.compare_each(left, right),
                    _ => {}
                }
                self.visit(left);
                self.visit(right);
            }
            Expr::Compare(chain) => {
                self.visit(&chain.expr);
                let mut left = &chain.expr;
                for step in &chain.ops {
                    match step.op {
                        CompareOpKind::Eq | CompareOpKind::Ne => self.compare(left, &step.expr, Relation::Equal),
                        CompareOpKind::In | CompareOpKind::NotIn => self.compare_each(left, &step.expr),
                        CompareOpKind::Lt | CompareOpKind::Lte | CompareOpKind::Gt | CompareOpKind::Gte => {
                            self.compare(left, &step.expr, Relation::Order);
                        }
                    }
                    self.visit(&step.expr);
                    left = &step.expr;
                }
            }
            Expr::UnaryOp(operation) => self.visit(&operation.expr),
            _ => {}
        }
    }

    fn compare(&mut self, left: &Expr, right: &Expr, relation: Relation) {
        match (left, right) {
            (Expr::Var(name), Expr::Const(value)) | (Expr::Const(value), Expr::Var(name)) => {
                self.with_constant(name.id, value, value.span(), relation);
            }
            (Expr::Var(name), Expr::Var(other)) => self.with_name(name.id, other.id, other.span(), relation),
            _ => {}
        }
    }

    fn compare_each(&mut self, left: &Expr, list: &Expr) {
        let items = match list {
            Expr::List(list) => &list.items,
            Expr::Tuple(list) => &list.items,
            _ => return,
        };
        items.iter().for_each(|item| self.compare(left, item, Relation::Equal));
    }

    fn with_constant(&mut self, name: &str, constant: &Const, span: Span, relation: Relation) {
        let Some(values) = (self.values_of)(name) else { return };
        let excluded = match relation {
            Relation::Equal => excludes(values, &constant.value),
            Relation::Order => (class(values.kind) != class_of(&constant.value)).then(|| Excluded::plain(values.kind)),
        };
        let Some(Excluded { values, written }) = excluded else { return };
        let place = place(span);
        // The range between the quotes.
        let instead = written.map(|word| (place.start + 1..place.end - 1, word));
        self.found.push(NeverEqual { place, name: name.to_owned(), relation, values, instead });
    }

    fn with_name(&mut self, name: &str, other: &str, span: Span, relation: Relation) {
        let (Some(values), Some(others)) = ((self.values_of)(name), (self.values_of)(other)) else { return };
        if class(values.kind) != class(others.kind) {
            let values = Excluded::plain(values.kind).values;
            self.found.push(NeverEqual { place: place(span), name: name.to_owned(), relation, values, instead: None });
        }
    }
}

fn place(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// Types by which MiniJinja compares values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Flag,
    Text,
    Other,
}

fn class(kind: FieldType) -> Class {
    match kind {
        FieldType::Integer => Class::Number,
        FieldType::Boolean => Class::Flag,
        _ => Class::Text,
    }
}

fn class_of(value: &Value) -> Class {
    match value.kind() {
        ValueKind::Number => Class::Number,
        ValueKind::Bool => Class::Flag,
        ValueKind::String => Class::Text,
        _ => Class::Other,
    }
}

/// Description of the possible values, which exclude the other operand.
struct Excluded {
    values: String,
    /// Spelling with which the values could be equal.
    written: Option<String>,
}

impl Excluded {
    fn plain(kind: FieldType) -> Excluded {
        let values = match kind {
            FieldType::Integer => "whole numbers",
            FieldType::Boolean => "true or false",
            FieldType::Rrtype | FieldType::RrtypeOfAddress => "record types, as text",
            FieldType::Timestamp => "times, as text in UTC",
            _ => "text",
        };
        Self { values: values.into(), written: None }
    }

    /// Suggests the spelling of a value for a text that differs from it only in spelling.
    fn spelling(found: Option<&str>, text: &str, values: &str) -> Option<Excluded> {
        match found {
            Some(written) if written == text => None,
            Some(written) => {
                Some(Self { values: format!("written like `{written}`"), written: Some(written.to_owned()) })
            }
            None => Some(Self { values: values.into(), written: None }),
        }
    }
}

/// Returns a description of the values if `value` is not among them.
fn excludes(values: Values, value: &Value) -> Option<Excluded> {
    if value.is_none() {
        return (!values.is_optional).then(|| Excluded {
            values: format!("never none: {}", Excluded::plain(values.kind).values),
            written: None,
        });
    }
    if class(values.kind) != class_of(value) {
        return Some(Excluded::plain(values.kind));
    }
    let text = value.as_str().unwrap_or_default();
    match values.kind {
        FieldType::Integer if i64::try_from(value.clone()).is_err() => Some(Excluded::plain(values.kind)),
        FieldType::Rrtype | FieldType::RrtypeOfAddress => {
            let found = RrType::parse(text).ok().map(|rrtype| rrtype.to_string());
            Excluded::spelling(found.as_deref(), text, "DNS record types")
        }
        FieldType::Tlp => Excluded::spelling(Tlp::parse(text).map(Tlp::as_str), text, "TLP levels"),
        FieldType::Ip => {
            let found = parse_address(text).ok().map(|address| address.to_string());
            Excluded::spelling(found.as_deref(), text, "IP addresses")
        }
        FieldType::DnsName => {
            let found = Name::parse(text).ok();
            Excluded::spelling(found.as_ref().map(Name::as_str), text, "domain names")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: &str, expected: &[(&str, &str)]) {
        let values_of = |name: &str| {
            let kind = match name {
                "rrtype" => FieldType::Rrtype,
                "count" => FieldType::Integer,
                "tlp" => FieldType::Tlp,
                "ip" => FieldType::Ip,
                "name" => FieldType::DnsName,
                "is_new" => FieldType::Boolean,
                _ => FieldType::String,
            };
            Some(Values { kind, is_optional: name == "count" })
        };
        let found = never_equal(condition, values_of);
        let found: Vec<(&str, &str)> =
            found.iter().map(|found| (&condition[found.place.clone()], found.values.as_str())).collect();
        assert_eq!(found, expected, "{condition}");
    }

    #[test]
    fn constant_comparison_is_reported() {
        check("rrtype == 'A' and count > 3 and kind in ['ip', 'domain']", &[]);
        check("rrtype == 'a'", &[("'a'", "written like `A`")]);
        check("not (rrtype in ['A', 'WAT'])", &[("'WAT'", "DNS record types")]);
        check("rrtype == 1", &[("1", "record types, as text")]);
        check("'5' == count or kind != 5", &[("'5'", "whole numbers"), ("5", "text")]);
        check("rrtype == ", &[]);
        check("count != none and is_new == true and count > 1 and kind > 'a'", &[]);
        check("kind == none", &[("none", "never none: text")]);
        check("count > '5' or kind < 3", &[("'5'", "whole numbers"), ("3", "text")]);
        check("count == 1.5 or count == kind", &[("1.5", "whole numbers"), ("kind", "whole numbers")]);
        check("tlp == 'green' or tlp == 'TLP:GREEN'", &[("'green'", "written like `TLP:GREEN`")]);
        check(
            "ip == '2001:DB8::1' or ip == 'x'",
            &[("'2001:DB8::1'", "written like `2001:db8::1`"), ("'x'", "IP addresses")],
        );
        check("name == 'Example.com.'", &[("'Example.com.'", "written like `example.com`")]);
        check("is_new == 'true'", &[("'true'", "true or false")]);
    }
}
