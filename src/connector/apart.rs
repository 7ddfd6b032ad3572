//! An answer that is suspected of having ended the process is mapped by another process first, and made ready for sending as it
//! would be here; that process may die of it.

use super::Connector;
use super::log::because;
use super::split::split;
use crate::files::named;
use serde_json::Value;
use std::process::Stdio;
use stixmap_engine::run::Report;
use stixmap_engine::stix::Observable;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Whether a process dies of the answer. One that cannot be tried is not held against it.
pub(super) async fn kills(
    connector: &Connector,
    observable: &Observable,
    lookup: &str,
    each: Option<&str>,
    answer: &[u8],
) -> bool {
    match tried(connector, observable, lookup, each, answer).await {
        Ok(is_deadly) => is_deadly,
        Err(error) => {
            connector.log.warning("A suspected answer cannot be tried apart", because(error));
            false
        }
    }
}

async fn tried(
    connector: &Connector,
    observable: &Observable,
    lookup: &str,
    each: Option<&str>,
    answer: &[u8],
) -> std::io::Result<bool> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["map", "--as-sent", "--quiet", "--output", "/dev/null"]);
    command.args(["--profile", &connector.profile.name, "--lookup", lookup]);
    let places = [("--profiles", &connector.profile.shelf), ("--config", &connector.profile.config)];
    for (option, path) in places.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
        command.arg(option).arg(path);
    }
    command.args(["--observable", observable.value(), "--type", observable.kind().stix_type()]);
    if let Some(each) = each {
        command.args(["--each", each]);
    }
    // It is told the answer by a pipe: there may be no place for a file.
    command.arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // It may die before it has read everything.
        let _ = input.write_all(answer).await;
    }
    // An exit code is an answer; without one, it was ended by a signal.
    Ok(child.wait().await?.code().is_none())
}

/// This process is the one to end when there is no memory left, and not the one that tries it.
pub(crate) fn stand_in() {
    // Elsewhere than on Linux there is no such file.
    let _ = named::tell_system("/proc/self/oom_score_adj", "1000");
}

/// What is done with what was found before it is sent.
pub(crate) fn rehearse(report: &Report) {
    let mut found = serde_json::to_value(&report.bundle).expect("a bundle is JSON");
    if let Value::Array(objects) = found["objects"].take() {
        drop(split(objects, true));
    }
}
