//! An order that is ready later: who it is, how far it is, where its result is.

use super::extract::find;
use super::request::Target;
use super::trace::Failure;
use super::{Awaiting, Response, Run};
use crate::plan::{AnswerPlace, JobPlan, after};
use crate::profile::Scalar;
use jiff::Timestamp;
use serde_json::Value;

impl Run<'_> {
    /// What an answer says of a job; `None` if it holds rows.
    pub(super) fn job(&mut self, response: &Response, now: Timestamp) -> Option<()> {
        let asking = self.current.as_mut().expect("a page was asked for");
        let job = self.plan.lookups[asking.ask.lookup].job.as_ref()?;
        match &asking.target {
            Target::Built => match named_job(job, response) {
                Some(name) => self.order_taken(job, name, now),
                None => self.fail(Failure::lookup(format!("the answer names no job at `{}`", job.id))),
            },
            Target::Poll(_) | Target::PollUrl(_) => {
                let state = job.state.as_ref().and_then(|path| find(&response.body, path));
                let is_one_of =
                    |states: &[Scalar]| state.as_ref().is_some_and(|s| states.iter().any(|known| known.is(s)));
                if is_one_of(&job.failed) {
                    self.fail(Failure::lookup("the provider could not do the job".to_owned()));
                } else if is_one_of(&job.pending) {
                    self.poll_again(now);
                } else {
                    let (Target::Poll(name), true) = (&asking.target, job.result.is_some()) else { return None };
                    asking.target = Target::Result(name.clone());
                }
            }
            Target::Result(_) | Target::Url(_) | Target::JobUrl(_) => return None,
        }
        Some(())
    }

    /// The provider has taken an order: from now on it is asked how far it is.
    fn order_taken(&mut self, job: &JobPlan, name: String, now: Timestamp) {
        let target = match job.poll {
            Some(_) => Ok(Target::Poll(name)),
            None => self.asker.own_url(&name, &self.last_request.url).map(Target::PollUrl),
        };
        match target {
            Ok(target) => {
                self.current.as_mut().expect("a page was asked for").target = target;
                self.not_before = after(now, job.every);
            }
            Err(reason) => self.fail(Failure::lookup(format!("the job: {}", self.asker.scrub(&reason)))),
        }
    }

    /// Whether a job is not done, by the status of an answer.
    pub(super) fn says_pending(&self, awaiting: &Awaiting, response: &Response) -> bool {
        let Some(asking) = self.current.as_ref().filter(|_| *awaiting == Awaiting::Page) else { return false };
        let job = self.plan.lookups[asking.ask.lookup].job.as_ref();
        !matches!(asking.target, Target::Built) && job.is_some_and(|job| job.pending_status.contains(&response.status))
    }

    /// The job is not done: the same is asked again later, if it was not asked too often.
    pub(super) fn poll_again(&mut self, now: Timestamp) {
        self.attempts = 0;
        let asking = self.current.as_mut().expect("a job was asked for");
        let job = self.plan.lookups[asking.ask.lookup].job.as_ref().expect("only a lookup with a job polls");
        asking.polls += 1;
        asking.elsewhere = None;
        if asking.polls >= job.at_most {
            let text = format!("the job was not done when it was asked for {} times", job.at_most);
            return self.fail(Failure::lookup(text));
        }
        self.not_before = after(now, job.every);
    }
}

/// What an answer to an order calls the job.
fn named_job(job: &JobPlan, response: &Response) -> Option<String> {
    match &job.id {
        AnswerPlace::Body(path) => find(&response.body, path).as_ref().and_then(name_of),
        AnswerPlace::Header(name) => response.header(name).map(str::to_owned).filter(|name| !name.is_empty()),
    }
}

/// The name of a job, which may be a number.
fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
