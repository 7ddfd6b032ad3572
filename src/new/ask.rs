//! Asks for what no flag says, one question a line; an empty answer takes the default. Where nobody can answer, it is the
//! default at once.

use super::{BASE_URL, Choices};
use crate::cli::{Accepted, NewArgs};
use crate::render;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::io::{BufRead, IsTerminal, stdin};

/// Where answers come from.
pub(super) struct Questions<R> {
    answers: Option<R>,
}

impl Questions<std::io::StdinLock<'static>> {
    /// Asks on a terminal, and nowhere else: a pipe is not an answer.
    pub(super) fn of_terminal() -> Self {
        Questions { answers: stdin().is_terminal().then(|| stdin().lock()) }
    }
}

impl<R: BufRead> Questions<R> {
    pub(super) fn choices(mut self, args: &NewArgs) -> anyhow::Result<Choices> {
        let base_url = match &args.base_url {
            Some(url) => url.clone(),
            None => self.ask("what do all requests begin with?", BASE_URL)?,
        };
        let accepted = match args.accepts.is_empty() {
            true => self.several("what can be asked about?", &Accepted::DEFAULT)?,
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
            auth: self.one("how do you say who you are?", args.auth)?,
            framing: self.one("how is an answer cut into rows?", args.framing)?,
            paging: self.one("how does one page follow another?", args.paging)?,
            accepts,
        })
    }

    fn one<T: ValueEnum + Default>(&mut self, question: &str, given: Option<T>) -> anyhow::Result<T> {
        if let Some(given) = given {
            return Ok(given);
        }
        let answer = self.ask(&format!("{question} {}", words::<T>()), &word(&T::default()))?;
        read(&answer)
    }

    fn several<T: ValueEnum + Clone>(&mut self, question: &str, usual: &[T]) -> anyhow::Result<Vec<T>> {
        let usual: Vec<String> = usual.iter().map(word).collect();
        let answer = self.ask(&format!("{question} {}", words::<T>()), &usual.join(","))?;
        answer.split(',').map(|word| read(word.trim())).collect()
    }

    fn ask(&mut self, question: &str, usual: &str) -> anyhow::Result<String> {
        let Some(answers) = &mut self.answers else { return Ok(usual.to_owned()) };
        render::remark(&format!("{question} [{usual}]"));
        let mut answer = String::new();
        answers.read_line(&mut answer).context("the answer cannot be read")?;
        let answer = answer.trim();
        Ok(if answer.is_empty() { usual } else { answer }.to_owned())
    }
}

fn word<T: ValueEnum>(value: &T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn words<T: ValueEnum>() -> String {
    T::value_variants().iter().map(word).collect::<Vec<_>>().join(", ")
}

fn read<T: ValueEnum>(text: &str) -> anyhow::Result<T> {
    match T::from_str(text, true) {
        Ok(value) => Ok(value),
        Err(_) => bail!("`{text}` is none of {}", words::<T>()),
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
    fn what_no_flag_says_is_asked_for_in_order() {
        let chosen = choices(Some("https://dns.example.net\nipv4-addr, domain-name\n\nsaf\n")).expect("choices");
        assert_eq!(chosen.base_url, "https://dns.example.net");
        assert_eq!(chosen.accepts.len(), 2);
        assert_eq!(
            (chosen.auth, chosen.framing, chosen.paging),
            (AuthKind::default(), Framing::Saf, PagingKind::Cursor)
        );
    }

    #[test]
    fn where_nobody_answers_it_is_the_defaults() {
        let chosen = choices(None).expect("choices");
        assert_eq!((chosen.base_url.as_str(), chosen.accepts.len()), (BASE_URL, 3));
    }

    #[test]
    fn an_answer_that_is_no_choice_is_told_with_those_that_are() {
        let told = choices(Some("\n\nsecret handshake\n")).err().expect("an error").to_string();
        assert!(told.contains("`secret handshake` is none of none, basic, header"), "{told}");
    }
}
