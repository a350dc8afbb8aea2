//! `restcast demo`.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use crate::app::{self, Sidecar};
use crate::config::Config;
use crate::demo::Backend;

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where the API and its events are.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where the live page is.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin: SocketAddr,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let backend = free_address()?;
    let text = config_text(options, backend);
    let config = Config::parse("demo", &text)?;
    let sidecar = Sidecar { site: Arc::new(Backend::seeded()), address: backend };
    let words = words(options, backend);
    let announce = move || drop(io::stdout().write_all(words.as_bytes()));
    app::run(config, app::Begin::Anew, Some(sidecar), Box::new(announce))
        .context("the demo did not start; --listen and --admin choose other addresses")
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?)
}

/// What a user would write for this backend.
fn config_text(options: &Options, backend: SocketAddr) -> String {
    let Options { listen, admin } = options;
    format!(
        r#"[server]
listen = "{listen}"
[admin]
listen = "{admin}"
[upstream]
servers = ["http://{backend}"]
health_interval = "1s"
[[route]]
path = "/api/authors/{{id}}"
model = "author"
[[route]]
path = "/api/authors/{{author_id}}/books/{{id}}"
model = "book"
[[endpoint]]
path = "/ws"
dialect = "flarchitect"
"#
    )
}

fn words(options: &Options, backend: SocketAddr) -> String {
    let Options { listen, admin } = options;
    format!(
        r#"
restcast demo is running; Ctrl-C ends it.

  live page      http://{admin}/
  REST API       http://{listen}/api/authors   (through the proxy)
  events         ws://{listen}/ws              (?topic=author for one model)
  the backend    http://{backend}   (unchanged, knows nothing of events)

Try, in another terminal:

  restcast tail ws://{listen}/ws
  curl -i http://{listen}/api/authors -H 'Content-Type: application/json' -d '{{"name":"Ada Lovelace"}}'
  curl -i -X DELETE http://{listen}/api/authors/1

"#
    )
}
