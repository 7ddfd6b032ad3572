//! Any bytes as a connector's configuration.

#![no_main]

const PROFILE: &str = include_str!("../../tests/providers/lines/profile.yaml");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap::connector::fuzz_targets::configuration(PROFILE, bytes));
