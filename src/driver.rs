//! Drives runs: sends what they ask for, waits when they say so, stops them when the user does.

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

/// What a provider answered, in order.
pub(crate) type Tape = Arc<Mutex<Vec<Result<Response, Fault>>>>;

/// What all runs of a command share.
#[derive(Clone)]
pub(crate) struct Driver {
    client: Client,
    tells_requests: bool,
    tape: Option<Tape>,
    stop: watch::Receiver<bool>,
}

impl Driver {
    /// A driver that stops its runs on an interrupt.
    pub(crate) fn new(client: Client, tells_requests: bool) -> Self {
        let (sender, stop) = watch::channel(false);
        tokio::spawn(async move {
            // Without a handler there is nothing to hear: the process then ends as it does by itself.
            if tokio::signal::ctrl_c().await.is_ok() {
                let _ = sender.send(true);
            }
            std::future::pending::<()>().await;
        });
        Self { client, tells_requests, tape: None, stop }
    }

    /// The same, and every answer is kept.
    pub(crate) fn on(self, tape: Tape) -> Self {
        Self { tape: Some(tape), ..self }
    }

    /// Drives one run to its end, or to an interrupt; either way it reports what it has.
    pub(crate) async fn drive(
        mut self,
        plan: &Plan,
        account: Arc<ProviderState>,
        input: Input,
        clock: Clock,
    ) -> Report {
        let observable = input.observable.to_string();
        let mut run = Run::new(plan, account, input, clock.now());
        // What a command finds it holds to its end: waiting would free nothing.
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
                    if self.tells_requests {
                        render::remark(&exchange(&observable, &request, &answer));
                    }
                    if let Some(tape) = &self.tape {
                        tape.lock().unwrap_or_else(PoisonError::into_inner).push(answer.clone());
                    }
                    // Mapping a large answer takes a while: other runs' sockets are served by the other threads meanwhile.
                    tokio::task::block_in_place(|| run.accept(answer, clock.now()));
                }
            }
        }
        run.finish()
    }
}

fn exchange(observable: &str, request: &Request, answer: &Result<Response, Fault>) -> String {
    let answer = match answer {
        Ok(response) => format!("{}, {} bytes", response.status, response.body.len()),
        Err(fault) => format!("{fault:?}"),
    };
    format!("{observable}: {} {} → {answer}", request.method, request.url)
}
