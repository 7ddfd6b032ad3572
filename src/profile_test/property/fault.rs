//! Injects faults into generated responses: statuses, rows of `answers`, redirects, broken connections.

use super::body::set;
use super::pool::{ValuePool, scalar};
use super::reply::{Reply, plain};
use super::scenario::InjectedFault;
use serde_json::{Value, json};
use stixmap_engine::plan::{AnswerPlan, BodyTestPlan, Plan, ResponseLocation};

/// Injects faults into responses of a profile's provider.
pub(super) struct FaultInjector<'s> {
    pub(super) plan: &'s Plan,
    pub(super) pool: &'s ValuePool,
}

impl FaultInjector<'_> {
    /// Returns the response with its fault.
    pub(super) fn with_fault(&self, fault: &InjectedFault, mut reply: Reply) -> Reply {
        match fault {
            InjectedFault::None => {}
            InjectedFault::Status(number) => {
                let named = self.plan.answers.iter().flat_map(|row| row.status.iter().copied());
                let mut statuses = vec![429, 500, 404, 401, 200, 204, 301, 400, 403, 408, 418, 503];
                statuses.extend(named);
                reply.status = statuses[usize::from(*number) % statuses.len()];
                let waits = ["3", "0", "-1", "99999999", "soon", "Fri, 01 Mar 2024 00:00:05 GMT"];
                let wait = waits[usize::from(*number) / 16 % waits.len()];
                reply.headers.push(("retry-after".to_owned(), wait.to_owned()));
                if number % 2 == 1 {
                    reply.body = json!({ "message": self.pool.hostile(*number) }).to_string().into_bytes();
                }
            }
            InjectedFault::Answer(number) => {
                if let Some(row) = self.plan.answers.get(usize::from(*number) % self.plan.answers.len().max(1)) {
                    reply = self.matching(row, *number, reply);
                }
            }
            InjectedFault::Redirect(number) => {
                reply.status = 302;
                let places = ["/elsewhere", "https://other.example/", "", "//other.example/a", "\\\\other.example"];
                let place = places[usize::from(*number) % places.len()];
                reply.headers.push(("location".to_owned(), place.to_owned()));
            }
            InjectedFault::Truncated => reply.fault = Some("reset"),
            InjectedFault::Fault(number) => {
                reply.body.clear();
                reply.fault = Some(["timeout", "connect", "reset"][usize::from(*number) % 3]);
            }
            InjectedFault::Body(number) => reply.body = self.pool.hostile(*number).to_string().into_bytes(),
            InjectedFault::Text(text) => reply.body = text.clone().into_bytes(),
        }
        reply
    }

    /// Returns a response that matches a row of `answers`.
    fn matching(&self, row: &AnswerPlan, number: u16, mut reply: Reply) -> Reply {
        reply.status = row.status.first().copied().unwrap_or(reply.status);
        let mut body: Value = json!({});
        row.message.iter().for_each(|at| set(&mut body, at, self.pool.hostile_text(number).into()));
        let wait = Value::from(number % 20);
        match &row.retry_after {
            Some((ResponseLocation::Body(at), _)) => set(&mut body, at, wait),
            Some((ResponseLocation::Header(name), _)) => reply.headers.push((name.to_lowercase(), plain(&wait))),
            None => {}
        }
        if let Some((name, text)) = &row.header {
            reply.headers.push((name.to_lowercase(), text.clone().unwrap_or_else(|| "yes".to_owned())));
        }
        reply.body = match &row.body {
            Some(BodyTestPlan::Value(at, values)) => {
                set(&mut body, at, values.first().map_or_else(|| json!("x"), scalar));
                body.to_string().into_bytes()
            }
            Some(BodyTestPlan::Text(at, texts)) => {
                let text = texts.first().map_or_else(String::new, |text| format!("so: {text}!"));
                set(&mut body, at, text.into());
                body.to_string().into_bytes()
            }
            Some(BodyTestPlan::Contains(text)) if number.is_multiple_of(2) => text.clone().into_bytes(),
            Some(BodyTestPlan::Contains(text)) => {
                body["extra"] = text.as_str().into();
                body.to_string().into_bytes()
            }
            Some(BodyTestPlan::Is(text)) => text.clone().into_bytes(),
            Some(BodyTestPlan::Empty(true)) => vec![],
            Some(BodyTestPlan::Empty(false)) | None => body.to_string().into_bytes(),
        };
        reply
    }
}
