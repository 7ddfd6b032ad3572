//! Any bytes as a connector's configuration.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap::connector::any::configuration(bytes));
