//! The stand-ins without the tests: what `benches/connector.rs` measures against.

mod authority;
pub(crate) mod entity;
mod graphql;
pub(crate) mod platform;
pub(crate) mod program;
pub(crate) mod provider;
mod queues;
mod rabbit;
mod wait;

use wait::{free_port, runtime, soon};
