//! Any bytes as a profile.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap_fuzz::profile(bytes));
