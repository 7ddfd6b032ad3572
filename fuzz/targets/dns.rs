//! Any text as a name, an address, a mailbox or the data of a record.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| stixmap_fuzz::dns(bytes));
