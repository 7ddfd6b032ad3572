//! Sandbox for responses that may have crashed the connector: a child process (`stixmap map --as-sent`) maps the response and
//! splits the bundle first. If a signal kills the child, the response is not mapped here.

use super::instance::Connector;
use super::log::with_reason;
use super::objects::{Found, Objects};
use super::split::split;
use crate::files::operator_path;
use rustix::process::{Resource, Rlimit, getppid, getrlimit, setrlimit};
use std::process::Stdio;
use stixmap_engine::stix::{Bundle, Observable};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Address space that publishing may take, in bytes: the allocator gives a new thread an arena of 32 MiB, aligned to as much.
const PUBLISHING: u64 = 64 << 20;

/// Returns whether a signal kills the sandbox that maps the response; false if the sandbox cannot run.
pub(super) async fn crashes(
    connector: &Connector,
    observable: &Observable,
    lookup: &str,
    each: Option<&str>,
    response: &[u8],
) -> bool {
    match run_sandbox(connector, observable, lookup, each, response).await {
        Ok(is_killed) => is_killed,
        Err(error) => {
            connector.log.warning("Cannot map a suspect response in a sandbox", with_reason(error));
            false
        }
    }
}

async fn run_sandbox(
    connector: &Connector,
    observable: &Observable,
    lookup: &str,
    each: Option<&str>,
    response: &[u8],
) -> std::io::Result<bool> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["map", "--as-sent", "--quiet", "--output", "/dev/null"]);
    command.args(["--profile", &connector.profile.name, "--lookup", lookup]);
    let paths = [("--profiles", &connector.profile.profiles), ("--config", &connector.profile.config)];
    for (option, path) in paths.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))) {
        command.arg(option).arg(path);
    }
    command.args(["--observable", observable.value(), "--type", observable.kind().stix_type()]);
    if let Some(each) = each {
        command.args(["--each", each]);
    }
    // A pipe, since there may be no writable folder.
    command.arg("-").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // It may be killed before it has read everything.
        let _ = input.write_all(response).await;
    }
    // A process that was killed by a signal has no exit code.
    Ok(child.wait().await?.code().is_none())
}

/// Prepares this process as the sandbox: the kernel kills it first when memory runs out, and its address space is limited to
/// what the connector has left, so that a response that passes here also fits there.
pub(crate) fn enter_sandbox() {
    // The file exists on Linux only.
    let _ = operator_path::tell_system("/proc/self/oom_score_adj", "1000");
    limit_address_space();
}

/// Limits the address space to what the parent process has left. Without a limit of its own (`RLIMIT_AS`), or where sizes are
/// unknown, nothing is limited: a limit of the control group counts both processes anyway.
fn limit_address_space() -> Option<()> {
    let limit = getrlimit(Resource::As);
    let [parent, own] = [getppid()?.as_raw_nonzero().to_string(), "self".to_owned()].map(|process| size(&process));
    let current = Some(sandbox_limit(limit.current?, parent?, own?));
    setrlimit(Resource::As, Rlimit { current, ..limit }).ok()
}

/// Returns the size of a process's address space in bytes.
fn size(process: &str) -> Option<u64> {
    let status = operator_path::ask_system(&format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// Returns the limit of a process of size `own` with as much free space as its parent has, less what publishing takes there.
fn sandbox_limit(limit: u64, parent: u64, own: u64) -> u64 {
    let free = limit.saturating_sub(parent);
    limit.min(own + free - PUBLISHING.min(free / 2))
}

/// Splits a bundle as for publishing, and discards the result.
pub(crate) fn split_and_discard(bundle: Bundle) {
    drop(split(Objects::of(Found::Bundle(Box::new(bundle))), true));
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn sandbox_has_no_more_free_space_than_its_parent() {
        for (limit, parent, own, expected) in [
            (1000, 300, 100, 100 + 700 - 64),
            (400, 300, 100, 100 + 50),
            (300, 300, 100, 100),
            // The limit was lowered after the parent was started.
            (200, 300, 100, 100),
            (1000, 100, 900, 1000),
        ] {
            assert_eq!(sandbox_limit(limit * MIB, parent * MIB, own * MIB), expected * MIB, "{limit} {parent} {own}");
        }
    }

    #[test]
    fn size_of_process_is_read_from_the_system() {
        assert!(size("self").is_some_and(|size| size > MIB));
        assert_eq!(size("unknown"), None);
    }
}
