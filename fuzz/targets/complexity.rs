//! Any text, again and again, as a profile of a mebibyte.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap_fuzz::complexity(bytes));
