//! The command line.

mod demo;
mod explain;
mod reason;
mod tail;
mod token;
mod wish;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::app;
use crate::config::Config;

/// Adds realtime events to a REST API that already exists: a reverse proxy that taps its writes.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeOptions,
    /// How log lines look; they go to standard error, filtered by `RUST_LOG` (default: info).
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Args)]
struct ConfigFile {
    /// The configuration.
    #[arg(short, long, value_name = "FILE", default_value = "proxy.toml")]
    config: PathBuf,
}

#[derive(Debug, Clone, Args)]
struct ServeOptions {
    #[command(flatten)]
    file: ConfigFile,
    /// Take the place of the process that runs: wait for its sockets, which it hands over at SIGQUIT.
    #[arg(long)]
    upgrade: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy (also what restcast does without a command).
    Serve(ServeOptions),
    /// Try restcast with nothing installed: a sample backend, the proxy in front of it, a live page.
    Demo(demo::Options),
    /// Check a configuration: all errors and warnings at once; exit code 0 or 1.
    Check(ConfigFile),
    /// Say what a request and its answer would publish, or why nothing.
    Explain(explain::Options),
    /// Subscribe and print events, one line each, reconnecting.
    Tail(tail::Options),
    /// Make a token for development, or say whether one is accepted and why not.
    Token(token::Options),
}

/// Runs the command; what goes wrong is said on standard error.
pub fn run(cli: Cli) -> ExitCode {
    start_log(cli.log_format);
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    let result = match command {
        Command::Serve(ServeOptions { file, upgrade }) => load(&file.config).and_then(|config| {
            let begin = if upgrade { app::Begin::Upgrade } else { app::Begin::Anew };
            app::run(config, begin, None, Box::new(|| {}))
        }),
        Command::Demo(options) => demo::run(&options),
        Command::Check(file) => check(&file.config),
        Command::Explain(options) => explain::run(&options),
        Command::Tail(options) => tail::run(&options),
        Command::Token(options) => token::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error leaves only the exit code.
            drop(writeln!(io::stderr(), "restcast: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn load(path: &Path) -> anyhow::Result<Config> {
    Ok(Config::load(path)?)
}

fn check(path: &Path) -> anyhow::Result<()> {
    let config = load(path)?;
    let mut out = io::stdout().lock();
    for warning in config.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    let (routes, endpoints) = (config.routes.iter().count(), config.endpoints.len());
    writeln!(out, "{}: ok ({routes} routes, {endpoints} endpoints)", path.display())?;
    Ok(())
}

/// Libraries that would log heads and messages of clients, with tokens and bodies, at the levels below.
const DISCREET: [&str; 6] =
    ["pingora_core", "pingora_proxy", "pingora_pool", "tungstenite", "tokio_tungstenite", "rustls"];

/// The first calls it an error that an idle connection was just being looked at, and opens another one; the second, that
/// it waits; the third
/// has a line for every message that a slow reader does not take. What matters of it is said by whoever uses it.
const CHATTY: [&str; 3] =
    ["pingora_core::connectors=off", "pingora_core::server::transfer_fd=off", "async_nats=off"];

fn start_log(format: LogFormat) {
    let mut filter =
        EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    let discreet = DISCREET.iter().map(|library| format!("{library}=error"));
    for directive in discreet.chain(CHATTY.map(str::to_owned)).filter_map(|directive| directive.parse().ok())
    {
        filter = filter.add_directive(directive);
    }
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    match format {
        LogFormat::Text => log.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).init(),
        LogFormat::Json => log.json().init(),
    }
}
