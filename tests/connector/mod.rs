//! Integration tests of the connector with a mock OpenCTI platform, a real RabbitMQ node and a mock provider.

pub(crate) mod authority;
mod breaker;
mod crash;
mod defects;
mod entity;
mod graphql;
mod load;
mod operation;
mod outage;
mod peer;
mod platform;
mod playbook;
mod program;
mod protocols;
mod provider;
mod queues;
mod rabbit;
mod refusals;
mod review;
mod settings;
mod site;
mod store;
mod versions;
mod wait;

use wait::{free_port, runtime, soon};
