//! Any bytes as a message of the platform.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap::connector::fuzz_targets::delivery(bytes));
