//! Conditions and descriptions that need no interpreter, because they only compare names with constants, or only insert
//! names: nearly all in practice. A property test proves that the results equal MiniJinja's.

use minijinja::machinery::ast::{BinOpKind, CompareOpKind, Expr, Stmt, UnaryOpKind};
use minijinja::machinery::{parse, parse_expr};
use minijinja::value::Value;
use std::fmt::Write;

/// A condition that consists of comparisons with constants.
#[derive(Debug)]
pub(super) enum FastCondition {
    OneOf(String, Vec<Value>),
    Not(Box<FastCondition>),
    Both(Box<FastCondition>, Box<FastCondition>),
    Either(Box<FastCondition>, Box<FastCondition>),
}

impl FastCondition {
    /// Returns `None` if the condition needs the interpreter.
    pub(super) fn parse(condition: &str) -> Option<FastCondition> {
        Self::of(&parse_expr(condition).ok()?)
    }

    fn of(expression: &Expr) -> Option<FastCondition> {
        let two = |left, right| Some((Box::new(Self::of(left)?), Box::new(Self::of(right)?)));
        match expression {
            Expr::UnaryOp(operation) if matches!(operation.op, UnaryOpKind::Not) => {
                Some(Self::Not(Box::new(Self::of(&operation.expr)?)))
            }
            Expr::BinOp(operation) => match operation.op {
                BinOpKind::ScAnd => two(&operation.left, &operation.right).map(|(one, other)| Self::Both(one, other)),
                BinOpKind::ScOr => two(&operation.left, &operation.right).map(|(one, other)| Self::Either(one, other)),
                BinOpKind::Eq => Self::equal(&operation.left, &operation.right),
                BinOpKind::In => Self::one_of(&operation.left, &operation.right),
                _ => None,
            },
            Expr::Compare(chain) => {
                let [step] = &chain.ops[..] else { return None };
                match step.op {
                    CompareOpKind::Eq => Self::equal(&chain.expr, &step.expr),
                    CompareOpKind::Ne => Some(Self::Not(Box::new(Self::equal(&chain.expr, &step.expr)?))),
                    CompareOpKind::In => Self::one_of(&chain.expr, &step.expr),
                    CompareOpKind::NotIn => Some(Self::Not(Box::new(Self::one_of(&chain.expr, &step.expr)?))),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn equal(left: &Expr, right: &Expr) -> Option<FastCondition> {
        match (left, right) {
            (Expr::Var(name), constant) | (constant, Expr::Var(name)) => {
                Some(Self::OneOf(name.id.to_owned(), vec![self::constant(constant)?]))
            }
            _ => None,
        }
    }

    fn one_of(left: &Expr, list: &Expr) -> Option<FastCondition> {
        let (Expr::Var(name), Expr::List(list)) = (left, list) else { return None };
        let items = list.items.iter().map(constant).collect::<Option<_>>()?;
        Some(Self::OneOf(name.id.to_owned(), items))
    }

    pub(super) fn holds(&self, value_of: &impl Fn(&str) -> Value) -> bool {
        match self {
            Self::OneOf(name, constants) => constants.contains(&value_of(name)),
            Self::Not(test) => !test.holds(value_of),
            Self::Both(one, other) => one.holds(value_of) && other.holds(value_of),
            Self::Either(one, other) => one.holds(value_of) || other.holds(value_of),
        }
    }
}

fn constant(expression: &Expr) -> Option<Value> {
    match expression {
        Expr::Const(constant) => Some(constant.value.clone()),
        _ => None,
    }
}

/// A description that only inserts names.
#[derive(Debug)]
pub(super) struct FastText(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Literal(String),
    Name(String),
}

impl FastText {
    /// Returns `None` if the description needs the interpreter.
    pub(super) fn parse(text: &str) -> Option<FastText> {
        let Stmt::Template(template) = parse(text, "prose", Default::default()).ok()? else { return None };
        let piece = |part: &Stmt| match part {
            Stmt::EmitRaw(raw) => Some(Piece::Literal(raw.raw.to_owned())),
            Stmt::EmitExpr(emitted) => match &emitted.expr {
                Expr::Var(name) => Some(Piece::Name(name.id.to_owned())),
                _ => None,
            },
            _ => None,
        };
        template.children.iter().map(piece).collect::<Option<_>>().map(FastText)
    }

    pub(super) fn render(&self, value_of: &impl Fn(&str) -> Value) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Name(name) => push_value(&mut text, &value_of(name)),
            }
        }
        text
    }
}

/// Writes a value as MiniJinja does.
pub(crate) fn push_value(text: &mut String, value: &Value) {
    match value.as_str() {
        Some(value) => text.push_str(value),
        None => write!(text, "{value}").expect("text takes everything"),
    }
}
