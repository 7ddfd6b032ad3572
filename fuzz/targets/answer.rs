//! Any bytes as the answer of a provider.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap_fuzz::answer(bytes));
