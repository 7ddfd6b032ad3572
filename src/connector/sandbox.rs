//! An answer that is suspected of having ended the process is mapped by another process first, and made ready for sending as it
//! would be here; that process may die of it.

use super::Connector;
use super::log::because;
use super::objects::{Found, Objects};
use super::split::split;
use crate::files::operator_path;
use rustix::process::{Resource, Rlimit, getppid, getrlimit, setrlimit};
use std::process::Stdio;
use stixmap_engine::stix::{Bundle, Observable};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The address space that sending may take, in octets: a thread that had none gets a piece of 32 MiB from the allocator, with as
/// much around it.
const SENDING: u64 = 64 << 20;

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

/// This process is the one to end when there is no memory left, and not the one that tries it; and it has no more room than that
/// one has left: what is survived here is survived there.
pub(crate) fn stand_in() {
    // Elsewhere than on Linux there is no such file.
    let _ = operator_path::tell_system("/proc/self/oom_score_adj", "1000");
    narrow();
}

/// Takes the room of the process that started this one. Where it is not known, this one has what the system gives; so it is where
/// there is no limit: a limit for all processes together counts this one's memory with that of the other.
fn narrow() -> Option<()> {
    let limit = getrlimit(Resource::As);
    let [other, own] = [getppid()?.as_raw_nonzero().to_string(), "self".to_owned()].map(|process| size(&process));
    let current = Some(narrowed(limit.current?, other?, own?));
    setrlimit(Resource::As, Rlimit { current, ..limit }).ok()
}

/// How much address space a process takes, in octets.
fn size(process: &str) -> Option<u64> {
    let told = operator_path::ask_system(&format!("/proc/{process}/status")).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// The limit of a process of its own size that has as much room as another has below a limit, without what sending takes there.
fn narrowed(limit: u64, other: u64, own: u64) -> u64 {
    let room = limit.saturating_sub(other);
    limit.min(own + room - SENDING.min(room / 2))
}

/// What is done with what was found before it is sent.
pub(crate) fn rehearse(bundle: Bundle) {
    drop(split(Objects::of(Found::Bundle(Box::new(bundle))), true));
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn process_that_tries_has_no_more_room_than_the_one_that_asks() {
        for (limit, other, own, expected) in [
            (1000, 300, 100, 100 + 700 - 64),
            (400, 300, 100, 100 + 50),
            (300, 300, 100, 100),
            // It was lowered after the other was started.
            (200, 300, 100, 100),
            (1000, 100, 900, 1000),
        ] {
            assert_eq!(narrowed(limit * MIB, other * MIB, own * MIB), expected * MIB, "{limit} {other} {own}");
        }
    }

    #[test]
    fn size_of_a_process_is_what_the_system_says() {
        assert!(size("self").is_some_and(|size| size > MIB));
        assert_eq!(size("nobody"), None);
    }
}
