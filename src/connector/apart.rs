//! An answer that is suspected of having ended the process is mapped by another process first, which may die of it.

use super::Connector;
use super::log::because;
use std::io::Write;
use std::process::Stdio;
use stixmap_engine::stix::Observable;
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
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(answer)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["map", "--quiet", "--output", "/dev/null", "--profile", &connector.profile, "--lookup", lookup]);
    command.args(["--observable", observable.value(), "--type", observable.kind().stix_type()]);
    if let Some(each) = each {
        command.args(["--each", each]);
    }
    command.arg(file.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    // An exit code is an answer; without one, it was ended by a signal.
    Ok(command.status().await?.code().is_none())
}
