//! Drives runs: sends their requests, sleeps until their waits are over, and stops them on an interrupt.

use crate::clock::Clock;
use crate::http;
use crate::memory::Share;
use crate::render;
use reqwest::Client;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stixmap_engine::plan::Plan;
use stixmap_engine::run::{Fault, Input, ProviderState, Report, Request, Response, Run, Step};
use tokio::sync::watch;

/// A response, or a fault of the connection.
pub(crate) type Received = Result<Response, Fault>;

/// Recorded responses and faults, in order.
pub(crate) type Tape = Arc<Mutex<Vec<Received>>>;

/// What all runs of a command share: HTTP client, logging, recording and the interrupt.
#[derive(Clone)]
pub(crate) struct Driver {
    client: Client,
    logs_requests: bool,
    tape: Option<Tape>,
    stop: watch::Receiver<bool>,
}

impl Driver {
    /// A driver that stops its runs on an interrupt.
    pub(crate) fn new(client: Client, logs_requests: bool) -> Self {
        let (sender, stop) = watch::channel(false);
        tokio::spawn(async move {
            // Without a handler, an interrupt ends the process.
            if tokio::signal::ctrl_c().await.is_ok() {
                let _ = sender.send(true);
            }
            std::future::pending::<()>().await;
        });
        Self { client, logs_requests, tape: None, stop }
    }

    /// Records every response on a tape.
    pub(crate) fn recording_to(self, tape: Tape) -> Self {
        Self { tape: Some(tape), ..self }
    }

    /// Drives one run to its end or to an interrupt, and returns its report, which may be partial.
    pub(crate) async fn drive(
        mut self,
        plan: &Plan,
        account: Arc<ProviderState>,
        input: Input,
        clock: Clock,
    ) -> Report {
        let observable = input.observable.to_string();
        let (deadline, stop) = (input.deadline, self.stop.clone());
        let run = Run::new(plan, account, input, clock.now());
        let mut run = run.interrupted_by(move || *stop.borrow() || clock.now() >= deadline);
        // A command keeps its results until its end: waiting for memory would free nothing.
        let mut share = Share::unlimited();
        while !*self.stop.borrow() {
            match run.next(clock.now()) {
                Step::Done => break,
                Step::Wait(until) => {
                    let wait = Duration::try_from(until.duration_since(clock.now())).unwrap_or(Duration::ZERO);
                    tokio::select! { () = tokio::time::sleep(wait) => {}, _ = self.stop.changed() => break }
                }
                Step::Send(request) => {
                    let answer = tokio::select! { answer = http::send(&self.client, &request, &mut share) => answer, _ = self.stop.changed() => break };
                    if self.logs_requests {
                        render::remark(&exchange(&observable, &request, &answer));
                    }
                    if let Some(tape) = &self.tape {
                        tape.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
                    }
                    // Mapping a large response takes long; other threads serve the sockets of other runs.
                    tokio::task::block_in_place(|| run.accept(answer, clock.now()));
                }
            }
        }
        run.finish()
    }
}

fn exchange(observable: &str, request: &Request, answer: &Received) -> String {
    let answer = match answer {
        Ok(response) => format!("{}, {} bytes", response.status, response.body.len()),
        Err(fault) => format!("{fault:?}"),
    };
    format!("{observable}: {} {} → {answer}", request.method, request.url)
}
