//! Comparisons in a condition that can never be equal: of a value's type with something of another type, or of a record type
//! with a word that no record type is written as. MiniJinja finds such a comparison false, and says nothing.

use crate::dns::RrType;
use crate::profile::FieldType;
use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr};
use minijinja::machinery::parse_expr;
use minijinja::value::{Value, ValueKind};
use std::ops::Range;

/// A comparison that can never be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NeverEqual {
    /// Where the other side stands in the condition.
    pub(super) place: Range<usize>,
    /// The name that is compared.
    pub(super) name: String,
    /// What its values are.
    pub(super) values: String,
}

/// Every comparison that can never be equal. `type_of` tells the type of a name.
pub(super) fn never_equal(condition: &str, type_of: impl Fn(&str) -> Option<FieldType>) -> Vec<NeverEqual> {
    let mut found = vec![];
    if let Ok(expression) = parse_expr(condition) {
        visit(&expression, &type_of, &mut found);
    }
    found
}

fn visit(expression: &Expr, type_of: &impl Fn(&str) -> Option<FieldType>, found: &mut Vec<NeverEqual>) {
    match expression {
        Expr::BinOp(operation) => {
            match operation.op {
                BinOpKind::Eq | BinOpKind::Ne => compare(&operation.left, &operation.right, type_of, found),
                BinOpKind::In => compare_each(&operation.left, &operation.right, type_of, found),
                _ => {}
            }
            visit(&operation.left, type_of, found);
            visit(&operation.right, type_of, found);
        }
        Expr::Compare(chain) => {
            visit(&chain.expr, type_of, found);
            let mut left = &chain.expr;
            for step in &chain.ops {
                match step.op {
                    CompareOpKind::Eq | CompareOpKind::Ne => compare(left, &step.expr, type_of, found),
                    CompareOpKind::In | CompareOpKind::NotIn => compare_each(left, &step.expr, type_of, found),
                    _ => {}
                }
                visit(&step.expr, type_of, found);
                left = &step.expr;
            }
        }
        Expr::UnaryOp(operation) => visit(&operation.expr, type_of, found),
        _ => {}
    }
}

fn compare(left: &Expr, right: &Expr, type_of: &impl Fn(&str) -> Option<FieldType>, found: &mut Vec<NeverEqual>) {
    let (name, constant) = match (left, right) {
        (Expr::Var(name), other) | (other, Expr::Var(name)) => (name, other),
        _ => return,
    };
    let Expr::Const(value) = constant else { return };
    let Some(kind) = type_of(name.id) else { return };
    if let Some(values) = excludes(kind, &value.value) {
        let span = value.span();
        let place = span.start_offset as usize..span.end_offset as usize;
        found.push(NeverEqual { place, name: name.id.to_owned(), values });
    }
}

fn compare_each(left: &Expr, list: &Expr, type_of: &impl Fn(&str) -> Option<FieldType>, found: &mut Vec<NeverEqual>) {
    let items = match list {
        Expr::List(list) => &list.items,
        Expr::Tuple(list) => &list.items,
        _ => return,
    };
    items.iter().for_each(|item| compare(left, item, type_of, found));
}

/// What the values of this type are, if this is none of them.
fn excludes(kind: FieldType, value: &Value) -> Option<String> {
    let is_text = value.as_str();
    match kind {
        FieldType::Integer if value.kind() != ValueKind::Number => Some("whole numbers".into()),
        FieldType::Integer => None,
        FieldType::Boolean if value.kind() != ValueKind::Bool => Some("true or false".into()),
        FieldType::Boolean => None,
        FieldType::Rrtype | FieldType::RrtypeOfAddress => match is_text {
            None => Some("record types, as text".into()),
            Some(text) => match RrType::parse(text) {
                Err(_) => Some("DNS record types".into()),
                Ok(rrtype) if rrtype.to_string() != text => Some(format!("written like `{rrtype}`")),
                Ok(_) => None,
            },
        },
        _ if is_text.is_none() && !value.is_none() => Some("text".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(condition: &str, expected: &[(&str, &str)]) {
        let type_of = |name: &str| match name {
            "rrtype" => Some(FieldType::Rrtype),
            "count" => Some(FieldType::Integer),
            _ => Some(FieldType::String),
        };
        let found = never_equal(condition, type_of);
        let found: Vec<(&str, &str)> =
            found.iter().map(|found| (&condition[found.place.clone()], found.values.as_str())).collect();
        assert_eq!(found, expected, "{condition}");
    }

    #[test]
    fn comparisons_that_can_never_be_equal_are_found() {
        check("rrtype == 'A' and count > 3 and kind in ['ip', 'domain']", &[]);
        check("rrtype == 'a'", &[("'a'", "written like `A`")]);
        check("not (rrtype in ['A', 'WAT'])", &[("'WAT'", "DNS record types")]);
        check("rrtype == 1", &[("1", "record types, as text")]);
        check("'5' == count or kind != 5", &[("'5'", "whole numbers"), ("5", "text")]);
        check("rrtype == ", &[]);
    }
}
