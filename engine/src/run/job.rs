//! Asynchronous jobs: a request starts a job, polling follows its state, and a last request fetches its result.

use super::extract::find;
use super::shown_value::shown_value;
use super::target::Target;
use super::trace::Failure;
use super::{Awaiting, Response, Run};
use crate::plan::{JobPlan, ResponseLocation, after};
use crate::profile::Scalar;
use jiff::Timestamp;
use serde_json::Value;

impl Run<'_> {
    /// Processes a job's response; `None` if it contains rows.
    pub(super) fn job(&mut self, response: &Response, now: Timestamp) -> Option<()> {
        let current = self.current.as_mut().expect("a page was requested");
        let job = self.plan.lookups[current.paged_lookup.lookup].job.as_ref()?;
        match &current.target {
            Target::Built => match job_id(job, response) {
                Some(name) => self.start_polling(job, name, now),
                None => self.fail(Failure::lookup(format!("missing job id at `{}`", job.id))),
            },
            Target::Poll(_) | Target::PollUrl(_) => match job_state(job, response) {
                JobState::Failed(reason) => self.fail(Failure::lookup(self.builder.redact(&reason))),
                JobState::Pending => self.poll_again(now),
                JobState::Done => {
                    let (Target::Poll(name), true) = (&current.target, job.result.is_some()) else { return None };
                    current.target = Target::Result(name.clone());
                }
            },
            Target::Result(_) | Target::Url(_) | Target::JobUrl(_) => return None,
        }
        Some(())
    }

    /// Starts to poll a job that the provider has accepted.
    fn start_polling(&mut self, job: &JobPlan, name: String, now: Timestamp) {
        let target = match job.poll {
            Some(_) => Ok(Target::Poll(name)),
            None => self.builder.own_url(&name, &self.last_request.url).map(Target::PollUrl),
        };
        match target {
            Ok(target) => {
                self.current.as_mut().expect("a page was requested").target = target;
                self.not_before = after(now, job.every);
            }
            Err(reason) => self.fail(Failure::lookup(format!("invalid job URL: {}", self.builder.redact(&reason)))),
        }
    }

    /// Whether the status code says that the job is pending.
    pub(super) fn is_pending(&self, awaiting: &Awaiting, response: &Response) -> bool {
        let Some(current) = self.current.as_ref().filter(|_| *awaiting == Awaiting::Page) else { return false };
        let job = self.plan.lookups[current.paged_lookup.lookup].job.as_ref();
        !matches!(current.target, Target::Built) && job.is_some_and(|job| job.pending_status.contains(&response.status))
    }

    /// Schedules the next poll, or fails the lookup after the last one.
    pub(super) fn poll_again(&mut self, now: Timestamp) {
        self.attempts = 0;
        let current = self.current.as_mut().expect("a job was polled");
        let job = self.plan.lookups[current.paged_lookup.lookup].job.as_ref().expect("only a lookup with a job polls");
        current.polls += 1;
        current.redirected_to = None;
        if current.polls >= job.at_most {
            let text = format!("the job was not complete after {} polls", job.at_most);
            return self.fail(Failure::lookup(text));
        }
        self.not_before = after(now, job.every);
    }
}

/// State of a job, by a polling response whose status code does not tell that it is pending.
enum JobState {
    Pending,
    Done,
    /// It failed, or its state is unknown, with the reason.
    Failed(String),
}

fn job_state(job: &JobPlan, response: &Response) -> JobState {
    let Some(path) = job.state.as_ref().filter(|_| !job.done.is_empty()) else { return JobState::Done };
    let Some(state) = find(&response.body, path).filter(|state| !state.is_null()) else {
        return JobState::Failed(format!("missing job state at `{path}`"));
    };
    let is_one_of = |states: &[Scalar]| states.iter().any(|known| is_same_state(known, &state));
    if is_one_of(&job.failed) {
        JobState::Failed("the job failed".to_owned())
    } else if is_one_of(&job.pending) {
        JobState::Pending
    } else if is_one_of(&job.done) {
        JobState::Done
    } else {
        JobState::Failed(format!("unknown job state {}", shown_value(&state)))
    }
}

/// Whether a state is this one, ignoring the case of texts.
fn is_same_state(known: &Scalar, state: &Value) -> bool {
    match (known, state) {
        (Scalar::Text(known), Value::String(state)) => known.to_lowercase() == state.to_lowercase(),
        _ => known.is(state),
    }
}

/// Returns the id of the job in the response that started it.
fn job_id(job: &JobPlan, response: &Response) -> Option<String> {
    match &job.id {
        ResponseLocation::Body(path) => find(&response.body, path).as_ref().and_then(id_text),
        ResponseLocation::Header(name) => response.header(name).map(str::to_owned).filter(|name| !name.is_empty()),
    }
}

/// Converts a job id, which may be a number, to text.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
