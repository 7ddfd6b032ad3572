//! Asks for choices that no flag specifies, one question per line; an empty answer selects the default. Without a
//! terminal, the defaults apply.

use super::choices::{BASE_URL, Choices};
use crate::cli::{Accepted, NewArgs};
use crate::render;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::io::{BufRead, IsTerminal, stdin};

/// The source of answers.
pub(super) struct Questions<R> {
    answers: Option<R>,
}

impl Questions<std::io::StdinLock<'static>> {
    /// Asks on a terminal only: a pipe supplies no answers.
    pub(super) fn of_terminal() -> Self {
        Questions { answers: stdin().is_terminal().then(|| stdin().lock()) }
    }
}

impl<R: BufRead> Questions<R> {
    pub(super) fn choices(mut self, args: &NewArgs) -> anyhow::Result<Choices> {
        let base_url = match &args.base_url {
            Some(url) => url.clone(),
            None => self.ask("base URL of all requests?", BASE_URL)?,
        };
        let accepted = match args.accepts.is_empty() {
            true => self.several("observable types?", &Accepted::DEFAULT)?,
            false => args.accepts.clone(),
        };
        let mut accepts = vec![];
        accepted.iter().for_each(|kind| {
            if !accepts.contains(&kind.kind()) {
                accepts.push(kind.kind())
            }
        });
        Ok(Choices {
            base_url,
            auth: self.one("authentication?", args.auth)?,
            framing: self.one("framing of responses?", args.framing)?,
            paging: self.one("paging?", args.paging)?,
            accepts,
        })
    }

    fn one<T: ValueEnum + Default>(&mut self, question: &str, given: Option<T>) -> anyhow::Result<T> {
        if let Some(given) = given {
            return Ok(given);
        }
        let answer = self.ask(&format!("{question} {}", names::<T>()), &name_of(&T::default()))?;
        read(&answer)
    }

    fn several<T: ValueEnum + Clone>(&mut self, question: &str, usual: &[T]) -> anyhow::Result<Vec<T>> {
        let usual: Vec<String> = usual.iter().map(name_of).collect();
        let answer = self.ask(&format!("{question} {}", names::<T>()), &usual.join(","))?;
        answer.split(',').map(|name| read(name.trim())).collect()
    }

    fn ask(&mut self, question: &str, usual: &str) -> anyhow::Result<String> {
        let Some(answers) = &mut self.answers else { return Ok(usual.to_owned()) };
        render::remark(&format!("{question} [{usual}]"));
        let mut answer = String::new();
        answers.read_line(&mut answer).context("failed to read the answer")?;
        let answer = answer.trim();
        Ok(if answer.is_empty() { usual } else { answer }.to_owned())
    }
}

fn name_of<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn names<T: ValueEnum>() -> String {
    T::value_variants().iter().map(name_of).collect::<Vec<_>>().join(", ")
}

fn read<T: ValueEnum>(text: &str) -> anyhow::Result<T> {
    match T::from_str(text, true) {
        Ok(value) => Ok(value),
        Err(_) => bail!("invalid choice `{text}`: expected one of {}", names::<T>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{AuthKind, Framing, PagingKind};
    use std::path::PathBuf;

    fn choices(answers: Option<&str>) -> anyhow::Result<Choices> {
        let none = NewArgs {
            name: "acme".into(),
            base_url: None,
            auth: None,
            framing: None,
            paging: Some(PagingKind::Cursor),
            accepts: vec![],
            out: PathBuf::new(),
        };
        Questions { answers: answers.map(str::as_bytes) }.choices(&none)
    }

    #[test]
    fn choices_without_flags_are_asked_in_order() {
        let chosen = choices(Some("https://dns.example.net\nipv4-addr, domain-name\n\nsaf\n")).expect("choices");
        assert_eq!(chosen.base_url, "https://dns.example.net");
        assert_eq!(chosen.accepts.len(), 2);
        assert_eq!(
            (chosen.auth, chosen.framing, chosen.paging),
            (AuthKind::default(), Framing::Saf, PagingKind::Cursor)
        );
    }

    #[test]
    fn choices_without_answers_are_the_defaults() {
        let chosen = choices(None).expect("choices");
        assert_eq!((chosen.base_url.as_str(), chosen.accepts.len()), (BASE_URL, 3));
    }

    #[test]
    fn invalid_answer_is_rejected_with_the_possible_choices() {
        let error = choices(Some("\n\nsecret handshake\n")).err().expect("an error").to_string();
        assert!(error.contains("invalid choice `secret handshake`: expected one of none, basic, header"), "{error}");
    }
}
