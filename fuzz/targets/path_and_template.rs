//! Any text where a path, a template, a condition or a time format stands.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap_fuzz::path_and_template(bytes));
