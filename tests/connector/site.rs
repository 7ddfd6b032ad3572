//! Platform, provider and connector of one test.

use super::entity::Entity;
use super::platform::{NEWEST, Platform, TOKEN, Work};
use super::program::Program;
use super::provider::{Answer, Provider};
use crate::support::{root, stixmap};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The connector's id on the platform.
pub(crate) const ID: &str = "6f1a1c6e-2f7b-4b50-9d3e-000000000002";

pub(crate) struct Site {
    pub(crate) platform: Platform,
    pub(crate) provider: Provider,
    settings: Vec<(String, String)>,
    /// Directory of the journal.
    journal: tempfile::TempDir,
    /// Memory limit of the connector in KiB.
    memory: Option<u32>,
    /// Working directory of the connector.
    folder: PathBuf,
}

impl Site {
    /// Creates the newest platform and a provider with these responses.
    pub(crate) fn new(answers: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Site {
        Site::on(Platform::new(NEWEST), Provider::answering(answers))
    }

    pub(crate) fn on(platform: Platform, provider: Provider) -> Site {
        let pairs = [
            ("STIXMAP_PROFILE", "riskiq"),
            ("OPENCTI_URL", &platform.url()),
            ("OPENCTI_TOKEN", TOKEN),
            ("CONNECTOR_ID", ID),
            ("CONNECTOR_NAME", "RiskIQ"),
            ("CONNECTOR_SCOPE", "Domain-Name,IPv4-Addr,IPv6-Addr"),
            ("CONNECTOR_LOG_LEVEL", "debug"),
            ("RISKIQ_USERNAME", "user"),
            ("RISKIQ_API_KEY", "key"),
            ("RISKIQ_API_BASE_URL", &provider.url),
        ];
        let settings = pairs.map(|(name, value)| (name.to_string(), value.to_string())).to_vec();
        let journal = tempfile::tempdir().expect("a folder");
        Site { platform, provider, settings, journal, memory: None, folder: root() }
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Site {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Unsets a variable.
    pub(crate) fn without(mut self, name: &str) -> Site {
        self.settings.retain(|(known, _)| known != name);
        self
    }

    /// Limits the memory in KiB.
    pub(crate) fn within(mut self, memory: u32) -> Site {
        self.memory = Some(memory);
        self
    }

    /// Sets the working directory.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Site {
        self.folder = folder.into();
        self
    }

    /// Returns whether the journal says that a message was reported.
    pub(crate) fn has_reported(&self) -> bool {
        let is_report = |path: std::path::PathBuf| path.extension().is_some_and(|extension| extension == "done");
        let folder = std::fs::read_dir(self.journal.path().join(ID)).into_iter().flatten();
        folder.flatten().any(|file| is_report(file.path()))
    }

    /// Deletes the directory of the journal.
    pub(crate) fn lose_journal(&self) {
        std::fs::remove_dir_all(self.journal.path().join(ID)).expect("the connector made it");
    }

    /// Gives the next connector an empty journal.
    pub(crate) fn elsewhere(self) -> Site {
        Site { journal: tempfile::tempdir().expect("a folder"), ..self }
    }

    fn command(&self) -> Command {
        let mut command = stixmap(&["connector"]);
        if let Some(memory) = self.memory {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -v {memory}; exec \"$0\" connector")]).arg(command.get_program());
            shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command = shell;
        }
        command.env("CONNECTOR_JOURNAL_PATH", self.journal.path());
        command.envs(self.settings.iter().cloned()).current_dir(&self.folder);
        command
    }

    /// Starts the connector without waiting for it.
    pub(crate) fn launch(&self) -> Program {
        Program::start(self.command())
    }

    /// Starts the connector and waits until it consumes its queue.
    pub(crate) fn start(&self) -> Program {
        let connector = self.launch();
        self.platform.await_consumer(ID);
        connector
    }

    /// Enriches an entity and waits for the last report.
    pub(crate) fn enrich(&self, entity: Entity) -> Work {
        let entity = self.platform.add(entity);
        self.platform.await_report(&self.platform.enrich(ID, &entity))
    }

    /// Publishes a message with an additional value at `section.key`. Returns the id of its work.
    pub(crate) fn enrich_with(&self, entity: Entity, (section, key): (&str, &str), value: impl Into<Value>) -> String {
        let entity = self.platform.add(entity);
        let (work, mut message) = self.platform.message(ID, &entity);
        message[section][key] = value.into();
        self.platform.publish(ID, &message);
        work
    }

    /// Enriches an entity, waits for completion, and asserts success.
    pub(crate) fn complete(&self, entity: Entity) -> Work {
        let entity = self.platform.add(entity);
        let work = self.platform.await_complete(&self.platform.enrich(ID, &entity));
        assert!(work.errors.is_empty() && work.reports.iter().all(|(_, in_error)| !in_error), "{work:#?}");
        work
    }
}
