//! `stixmap serve`: a mock provider that answers from recorded cases. It ignores credentials and answers recorded
//! requests only.

mod request;
mod matching;

use crate::cli::{ServeArgs, Verbosity};
use crate::exit::Exit;
use crate::loopback::{self, Answer, Incoming};
use crate::{catalog, render, standard_streams};
use anyhow::{Context, bail};
use matching::{Found, Script};
use std::sync::{Arc, Mutex, PoisonError};
use stixmap_engine::case::{Case, input};
use stixmap_engine::plan::{BASE_URL, BaseUrl, Plan, TOKEN_URL};
use stixmap_engine::profile::SettingType;
use stixmap_engine::run::Response;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) fn run(args: &ServeArgs, verbosity: Verbosity) -> anyhow::Result<Exit> {
    let folder = catalog::find(&args.profile, args.catalog.profiles.as_deref())?;
    let Some(plan) = folder.plan()? else { return Ok(Exit::Failure) };
    let mut cases = vec![];
    for file in folder.cases()? {
        let Some(case) = folder.case(&file)? else { return Ok(Exit::Failure) };
        cases.push((file.trim_end_matches(".yaml").to_owned(), case));
    }
    let cases = chosen(cases, &args.case, &plan)?;
    let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
    runtime.block_on(async {
        let listener =
            TcpListener::bind(args.listen).await.with_context(|| format!("failed to listen on {}", args.listen))?;
        let origin = format!("http://{}", listener.local_addr()?);
        let script = Script::new(&plan, cases);
        standard_streams::print(&format!("{origin}\n"))?;
        if verbosity > Verbosity::Quiet {
            render::remark(&usage(&args.profile, &plan, script.best(), &origin));
        }
        until_stopped(listener, mock(&plan, script, origin, verbosity)).await
    })
}

/// Selects the cases with these names; all if there are none.
fn chosen(cases: Vec<(String, Case)>, names: &[String], plan: &Plan) -> anyhow::Result<Vec<(String, Case)>> {
    let known: Vec<&str> = cases.iter().map(|(name, _)| name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("unknown case `{unknown}` of {}; available: {}", plan.id, known.join(", "));
    }
    if cases.is_empty() {
        bail!("no recorded cases of {}", plan.id);
    }
    let is_wanted = |name: &String| names.is_empty() || names.contains(name);
    Ok(cases.into_iter().filter(|(name, _)| is_wanted(name)).collect())
}

/// Serves until SIGTERM or SIGINT.
async fn until_stopped(
    listener: TcpListener,
    answer: impl Fn(&Incoming<'_>) -> anyhow::Result<Answer> + Send + Sync + 'static,
) -> anyhow::Result<Exit> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(Exit::Success),
        _ = interrupt.recv() => Ok(Exit::Success),
        () = loopback::serve(listener, answer) => bail!("the server stopped accepting connections"),
    }
}

/// Returns recorded responses; URLs of the provider are replaced by those of the server, so that clients can follow
/// them.
fn mock(
    plan: &Plan,
    script: Script,
    origin: String,
    verbosity: Verbosity,
) -> impl Fn(&Incoming<'_>) -> anyhow::Result<Answer> + use<> {
    let script = Arc::new(Mutex::new(script));
    let provider = match &plan.http.base_url {
        BaseUrl::Literal(url) => Some(url.as_str().trim_end_matches('/').to_owned()),
        BaseUrl::Setting(_) => None,
    };
    move |incoming| {
        // The token URL follows the server's origin.
        let target = incoming.target;
        let target = target.strip_prefix('/').filter(|rest| rest.starts_with("https://")).unwrap_or(target);
        let incoming = &Incoming { target, ..*incoming };
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        let shown_target = script.shown(target);
        let (answer, remark) = match script.next(incoming) {
            Some(found) => (named(found.exchange.response(), &found), found.remark()),
            // Many profiles read 404 as the statement that there is no data.
            None => (loopback::text(501, &script.not_recorded(incoming)), String::new()),
        };
        if verbosity > Verbosity::Quiet {
            render::remark(&format!("{} {shown_target} → {}{remark}", incoming.method, shown(&answer)));
        }
        Ok(match &provider {
            Some(provider) => answer.map(|response| rebased(response, provider, &origin)),
            None => answer,
        })
    }
}

/// Adds headers with the case and the names of values that differ from the recorded request.
fn named(answer: Answer, found: &Found<'_>) -> Answer {
    answer.map(|mut response| {
        let mut add = |name: &str, value: &str| {
            response.headers.push((name.to_owned(), value.escape_default().to_string()));
        };
        add("stixmap-case", &format!("{}; about {}", found.case, found.about));
        if !found.differences.is_empty() {
            add("stixmap-differs", &found.differences.join(", "));
        }
        response
    })
}

fn shown(answer: &Answer) -> String {
    match answer {
        Ok(response) => format!("{}, {} bytes", response.status, response.body.len()),
        Err(fault) => format!("{fault:?}"),
    }
}

fn rebased(mut response: Response, from: &str, to: &str) -> Response {
    let escaped = |text: &str| text.replace('/', "\\/");
    if let Ok(body) = std::str::from_utf8(&response.body) {
        response.body = body.replace(from, to).replace(&escaped(from), &escaped(to)).into_bytes();
    }
    for (_, value) in &mut response.headers {
        *value = value.replace(from, to);
    }
    response
}

/// Returns the command that queries this server, with its settings.
fn usage(profile: &str, plan: &Plan, case: &Case, origin: &str) -> String {
    let mut text = format!("stixmap enrich {} --profile {profile} --set {BASE_URL}={origin}", case.observable.value());
    if let Some(url) = input(plan, case).ok().and_then(|input| plan.token_url(&input.settings)) {
        text.push_str(&format!(" --set {TOKEN_URL}={origin}/{url}"));
    }
    for spec in plan.settings.iter().filter(|spec| spec.required && spec.default.is_none()) {
        let recorded = spec.names().find_map(|name| case.settings.get(name)).map_or("any", String::as_str);
        let value = if spec.kind == SettingType::Secret { "any" } else { recorded };
        text.push_str(&format!(" --set {}={value}", spec.name));
    }
    text
}
