//! The mocks without the tests, for `benches/connector.rs`.

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
