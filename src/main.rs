//! Entry point and allocator of the binary; `lib.rs` dispatches the commands.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    stixmap::run()
}
