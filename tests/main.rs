//! The tests of the whole program, in one binary. What they read and compare are files beside them.

mod cli;
mod diagnostics;
mod fault;
mod profiles;
mod schemas;
mod stix;
mod support;
mod tls;
