//! The load tool of the benchmark: makes the traffic and reads the server's accounting.
//!
//! Each sub-command measures one thing and prints one JSON object. CPU time and memory are those of
//! the processes named with `--pid`, as the operating system accounts them.

mod fanout;
mod histogram;
#[path = "../http1.rs"]
mod http1;
mod http_client;
mod idle;
mod latency;
mod paced;
mod process;
mod requests;
mod websocket;
mod wish;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Loads a server and says what that cost it.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Many WebSocket readers of one topic, and events at a fixed rate.
    Fanout(fanout::Arguments),
    /// Many WebSockets that do nothing.
    Idle(idle::Arguments),
    /// Requests over keep-alive connections, each sent when the last one was answered.
    Http(requests::Arguments),
    /// Requests at a fixed rate, however long the answers take.
    Latency(latency::Arguments),
}

#[expect(clippy::print_stdout, reason = "the measurement is what this program prints")]
fn main() -> Result<()> {
    let report = match Arguments::parse().command {
        Command::Fanout(arguments) => block_on(fanout::run(arguments))?,
        Command::Idle(arguments) => block_on(idle::run(arguments))?,
        Command::Http(arguments) => block_on(requests::run(arguments))?,
        Command::Latency(arguments) => latency::run(&arguments)?,
    };
    println!("{report}");
    Ok(())
}

/// Runs on one thread: the measured server shall have the rest of the machine.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
