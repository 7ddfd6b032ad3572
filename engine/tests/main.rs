//! All tests of the engine's public interface in one binary, which is linked once.

mod answers;
mod architecture;
mod completeness;
mod contradictions;
mod complexity;
mod dropped_addresses;
mod fuzz_corpus;
mod lost_records;
mod properties;
mod requests;
mod second_reader;
mod secrets;
mod simulation;
mod times;
mod tokens;
mod waits;
mod window_parts;
mod yardstick;
