//! `stixmap-engine` compiles a profile of a passive-DNS provider to a plan, and runs the plan for one observable.
//!
//! Text in, requests out; responses in, STIX 2.1 out. The engine opens no socket, reads no file, clock or
//! environment variable: whoever drives a run does. Modules stand in the order of their dependency: each
//! names only those above it, and a test holds them to it.

pub mod parallel;
pub mod printable;
pub mod diagnostic;
pub mod yaml;
pub mod dns;
pub mod stix;
pub mod profile;
pub mod plan;
pub mod run;
pub mod case;
