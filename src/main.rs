//! The binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser as _;

/// A proxied request is hundreds of small allocations, which this one is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    restcast::cli::run(restcast::cli::Cli::parse())
}
