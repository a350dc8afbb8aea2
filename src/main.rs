//! The binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser as _;

/// Fewer instructions for each small allocation than the system's; bench/README.md has the figure.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    restcast::cli::run(restcast::cli::Cli::parse())
}
