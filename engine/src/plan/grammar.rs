//! The permitted subset of MiniJinja: comparisons, `and`, `or`, `not`, `in`, `is`, lists, filters and `if`. Tokens are
//! checked before parsing, because the recursion of a parser, a compiler and a destructor of syntax trees is as deep as
//! the text. Everything else is rejected: no assignment, loop, include, call, or operation that enlarges a value.

use minijinja::machinery::{Token, tokenize};
use std::ops::Range;

/// Maximum length of a text in bytes; MiniJinja counts columns in 16 bits.
const MAX_BYTES: usize = 16 * 1024;
/// Maximum number of tokens in a text.
const MAX_TOKENS: usize = 2_000;
/// Maximum number of operators in an expression, which bounds the depth of its syntax tree.
const MAX_OPERATORS: usize = 150;
/// Maximum depth of brackets.
const MAX_BRACKETS: usize = 16;
/// Maximum number of `{% if %}` and `{% elif %}` in a text.
const MAX_BRANCHES: usize = 32;

/// Permitted statements.
const STATEMENTS: [&str; 4] = ["if", "elif", "else", "endif"];
/// Operators that are words.
const WORD_OPERATORS: [&str; 7] = ["and", "or", "not", "in", "is", "if", "else"];

/// Description and byte range of forbidden syntax.
pub(super) type ForbiddenSyntax = (String, Range<usize>);

/// Validates a text before it is parsed. A condition is an expression from its start.
pub(super) fn check(text: &str, in_expression: bool) -> Result<(), ForbiddenSyntax> {
    if text.len() > MAX_BYTES {
        return Err((format!("the text exceeds {MAX_BYTES} bytes"), 0..text.len()));
    }
    let mut scan = Scan::new(in_expression);
    for (token, span) in tokenize(text, in_expression, Default::default()).map_while(Result::ok) {
        let end = (span.end_offset as usize).min(text.len());
        let place = (span.start_offset as usize).min(end)..end;
        scan.take(&token).map_err(|refused| (refused, place))?;
    }
    Ok(())
}

/// State of the scan.
struct Scan {
    tokens: usize,
    operators: usize,
    brackets: usize,
    branches: usize,
    before: Before,
}

/// Class of the preceding token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The start of a block.
    Block,
    /// A value, a name or a closing bracket: a bracket after it would be a subscript or call.
    Value,
    /// A pipe, or `is`: a filter or a test follows.
    Pipe,
    /// A filter or a test, which may have arguments.
    Filter,
    /// Any other token.
    Other,
}

impl Scan {
    fn new(in_expression: bool) -> Scan {
        let before = if in_expression { Before::Other } else { Before::Value };
        Scan { tokens: 0, operators: 0, brackets: 0, branches: 0, before }
    }

    fn take(&mut self, token: &Token) -> Result<(), String> {
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return Err(format!("the text exceeds {MAX_TOKENS} tokens"));
        }
        let before = self.before;
        self.before = match token {
            Token::TemplateData(_) | Token::Str(_) | Token::String(_) => Before::Value,
            Token::Int(_) | Token::Int128(_) | Token::Float(_) => Before::Value,
            Token::VariableStart | Token::VariableEnd | Token::BlockEnd => self.expression(Before::Other),
            Token::BlockStart => self.expression(Before::Block),
            Token::Comma => Before::Other,
            Token::Ident(word) => self.word(word, before)?,
            Token::ParenOpen if before == Before::Value => return Err("calls are not supported".to_owned()),
            Token::BracketOpen if before == Before::Value => {
                return Err("attributes and subscripts are not supported".to_owned());
            }
            Token::ParenOpen | Token::BracketOpen => self.open()?,
            Token::ParenClose | Token::BracketClose => self.close(),
            Token::Pipe => self.operator(Before::Pipe)?,
            Token::Eq | Token::Ne | Token::Lt | Token::Lte | Token::Gt | Token::Gte => self.operator(Before::Other)?,
            Token::Minus if before != Before::Value => self.operator(Before::Other)?,
            Token::Dot => return Err("attributes and subscripts are not supported".to_owned()),
            // The parser's message is better.
            Token::Assign if !matches!(before, Before::Block) => Before::Other,
            other => return Err(format!("{other} is not supported")),
        };
        Ok(())
    }

    fn word(&mut self, word: &str, before: Before) -> Result<Before, String> {
        match before {
            Before::Block => self.statement(word),
            Before::Pipe if word == "not" => self.operator(Before::Pipe),
            Before::Pipe => Ok(Before::Filter),
            _ if word == "is" => self.operator(Before::Pipe),
            _ if WORD_OPERATORS.contains(&word) => self.operator(Before::Other),
            _ => Ok(Before::Value),
        }
    }

    fn statement(&mut self, word: &str) -> Result<Before, String> {
        if !STATEMENTS.contains(&word) {
            return Err(format!("`{word}` is not supported; expected `if`, `elif`, `else` or `endif`"));
        }
        self.branches += usize::from(word.ends_with("if") && word != "endif");
        match self.branches > MAX_BRANCHES {
            true => Err(format!("the text exceeds {MAX_BRANCHES} conditions")),
            false => Ok(Before::Other),
        }
    }

    fn expression(&mut self, before: Before) -> Before {
        (self.operators, self.brackets) = (0, 0);
        before
    }

    fn operator(&mut self, before: Before) -> Result<Before, String> {
        self.operators += 1;
        match self.operators > MAX_OPERATORS {
            true => Err(format!("the expression exceeds {MAX_OPERATORS} operators")),
            false => Ok(before),
        }
    }

    fn open(&mut self) -> Result<Before, String> {
        self.brackets += 1;
        match self.brackets > MAX_BRACKETS {
            true => Err(format!("brackets are nested more than {MAX_BRACKETS} deep")),
            false => self.operator(Before::Other),
        }
    }

    fn close(&mut self) -> Before {
        self.brackets = self.brackets.saturating_sub(1);
        Before::Value
    }
}

#[cfg(test)]
mod tests {
    use super::super::expression::{Condition, ExpressionError, Prose};
    use super::*;
    use minijinja::value::Value;
    use proptest::prelude::*;

    const NAMES: &[&str] = &["rrtype", "count"];

    fn probe(name: &str) -> Value {
        if name == "count" { Value::from(1) } else { Value::from("A") }
    }

    /// Compiles a text as both, in a thread with a smaller stack than any in the program.
    fn compiled(text: String) -> (Result<(), ExpressionError>, Result<(), ExpressionError>) {
        let both = move || {
            let condition = Condition::parse(&text, NAMES, probe).map(drop);
            (condition, Prose::parse(&text, NAMES, probe).map(drop))
        };
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(both);
        thread.expect("a thread starts").join().expect("no text ends the program")
    }

    #[test]
    fn text_with_other_syntax_is_refused() {
        for text in [
            "{% set a = [1] %}{% set a = [a, a] %}{{ a }}",
            "{% for a in [1, 2] %}{{ a }}{% endfor %}",
            "{% macro a() %}{% endmacro %}",
            "{% include 'prose' %}",
            "{% extends 'prose' %}",
            "{% block a %}{{ self.a() }}{% endblock %}",
            "{% call a() %}{% endcall %}",
            "{% filter upper %}a{% endfilter %}",
            "{% with a = 1 %}{{ a }}{% endwith %}",
            "{% autoescape true %}{% endautoescape %}",
            "{% do rrtype() %}",
            "{{ rrtype * 1000000 }}",
            "{{ [rrtype] * 1000000 }}",
            "{{ rrtype ~ rrtype }}",
            "{{ rrtype + rrtype }}",
            "{{ 2 ** 62 }}",
            "{{ range(1000000) }}",
            "{{ rrtype[0] }}",
            "{{ [1, 2][0] }}",
            "{{ rrtype.upper() }}",
            "{{ { 'a': rrtype } }}",
            "{{ rrtype[::-1] }}",
            "{{ count - 1 }}",
        ] {
            let refused = Prose::parse(text, NAMES, probe).expect_err(text);
            assert!(matches!(refused, ExpressionError::NotPermitted(..)), "{text}: {refused:?}");
        }
    }

    #[test]
    fn text_with_listed_syntax_compiles() {
        for text in [
            "{{ rrtype }} of {{ count | or('?') }}",
            "{% if count is not none and count > -1 %}{{ rrtype | lower | upper }}{% elif count in [1, 2] %}b{% else %}c{% endif %}",
            "{{ 'a' if (rrtype == 'A' or not count != 1) else \"b\" }}",
            "{# nothing #}{{- rrtype -}}",
        ] {
            Prose::parse(text, NAMES, probe).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
    }

    #[test]
    fn text_at_every_bound_compiles() {
        let chain = |unit: &str, last: &str| format!("{}{last}", unit.repeat(MAX_OPERATORS - 1));
        let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(16), close.repeat(16));
        for text in [chain("not ", "count == 1"), chain("- ", "1 == 1"), chain("true and ", "count == 1")] {
            assert_eq!(compiled(text.clone()).0, Ok(()), "{text}");
        }
        for text in [
            format!("{{{{ rrtype{} }}}}", " | lower".repeat(MAX_OPERATORS)),
            format!("{{{{ {} }}}}", nested("(", ")")),
            format!("{{{{ {} }}}}", nested("[", "]")),
            format!("{{{{ {} 1 }}}}", "1 if count else ".repeat(MAX_OPERATORS / 2)),
            format!("{}{}", "{% if count %}".repeat(MAX_BRANCHES), "{% endif %}".repeat(MAX_BRANCHES)),
            format!("{{% if count %}}{}{{% endif %}}", "{% elif count %}".repeat(MAX_BRANCHES - 1)),
        ] {
            assert_eq!(compiled(text.clone()).1, Ok(()), "{text}");
        }
    }

    /// Units that nest or repeat.
    const UNITS: [&str; 34] = [
        "not ",
        "- ",
        "(",
        "[",
        "{",
        "{'a':",
        "{{",
        "{%",
        "{% if ",
        "{% if count %}",
        "{% elif count %}",
        "{% else %}",
        "{% for a in ",
        "{% set a=",
        "{#",
        "a.",
        "a[",
        "a(",
        "|lower",
        "|or(",
        " is not ",
        " is none",
        "1 if 1 else ",
        " else ",
        " == 1",
        " and ",
        " or ",
        " in ",
        "*",
        "~",
        "**",
        "!",
        "'",
        ",",
    ];

    fn text() -> impl Strategy<Value = String> {
        let unit = || prop::sample::select(&UNITS[..]);
        (
            prop::sample::select(&["", "{{ ", "{% if ", "count "][..]),
            unit(),
            unit(),
            0..20_000_usize,
            "[ a-z1'\\])}%]{0,6}",
        )
            .prop_map(|(start, one, other, times, end)| {
                format!("{start}{}{end}", format!("{one}{other}").repeat(times))
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn text_of_any_depth_compiles_or_is_refused(text in text()) {
            let _ = compiled(text);
        }
    }
}
