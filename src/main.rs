//! The `tollgate` binary with the filters that come with it.

use std::process::ExitCode;

/// Measured against the system's allocator: see `benches/RESULTS.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tollgate::run(tollgate::Filters::builtin())
}
