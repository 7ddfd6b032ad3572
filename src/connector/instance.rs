//! One profile that runs as a connector.

use super::breaker::Breakers;
use super::broker::{Address, Outbox};
use super::configuration::Configuration;
use super::journal::Journal;
use super::log::Log;
use super::metrics::Metrics;
use super::object_store::Store;
use super::platform::Platform;
use super::single_flight::SingleFlight;
use crate::memory::Budget;
use reqwest::Client;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stixmap_engine::plan::{Plan, Settings};
use stixmap_engine::run::ProviderState;
use tokio::sync::Notify;

/// Initial and maximum delay between attempts to reach the platform or the broker.
pub(super) const WAITS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// One profile that runs as a connector.
pub(super) struct Connector {
    pub(super) configuration: Configuration,
    pub(super) profile: ProfileArgument,
    pub(super) plan: Plan,
    pub(super) settings: Settings,
    pub(super) account: Arc<ProviderState>,
    pub(super) client: Client,
    pub(super) platform: Platform,
    pub(super) outbox: Outbox,
    pub(super) registered: Mutex<Option<Registration>>,
    /// Requests a new registration: the platform no longer knows the connector, or its queue is gone.
    pub(super) registration_due: Notify,
    pub(super) journal: Journal,
    pub(super) breakers: Breakers,
    pub(super) single_flight: SingleFlight,
    /// Memory budget, shared by all connectors of the process.
    pub(super) budget: Budget,
    pub(super) log: Log,
    pub(super) metrics: Metrics,
}

/// The profile argument, with the directories and files to pass on to the sandbox.
pub(super) struct ProfileArgument {
    pub(super) name: String,
    pub(super) profiles: Option<PathBuf>,
    pub(super) config: Option<PathBuf>,
}

/// The platform's response to the registration.
#[derive(Clone)]
pub(super) struct Registration {
    pub(super) address: Address,
    pub(super) user: Option<String>,
    pub(super) keys: Option<String>,
    /// State that the platform stores for the connector, as JSON.
    pub(super) state: Option<String>,
    pub(super) store: Option<Arc<Store>>,
}

impl Connector {
    pub(super) fn registered(&self) -> Option<Registration> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn address(&self) -> Option<Address> {
        self.registered().map(|registered| registered.address)
    }

    /// Returns the id of the OpenCTI user that the connector runs as.
    pub(super) fn user(&self) -> Option<String> {
        self.registered()?.user
    }

    pub(super) fn archives_bundles(&self) -> bool {
        self.configuration.directory.is_some() || self.configuration.store.is_some()
    }

    /// Returns the JSON Web Key Set (RFC 7517) that verifies tokens of the platform.
    pub(super) fn keys(&self) -> Option<String> {
        self.registered()?.keys
    }
}
