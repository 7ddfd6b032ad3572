//! The tests of the whole program, in one binary. What they read and compare are files beside them.

mod assurance;
mod cli;
mod connector;
mod corpus;
mod deploy;
mod diagnostics;
mod diff;
mod editor;
mod effect;
mod explain;
mod fault;
mod files;
mod kit;
mod printable;
mod profiles;
mod properties;
mod reports;
mod runs;
mod schemas;
mod second;
mod security;
mod seeded;
mod stix;
mod support;
mod tls;
mod trust;
