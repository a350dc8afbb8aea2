//! Memory of the server for each WebSocket that is open and does nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fanout::{Audience, HANDSHAKES_MAX, open_readers};
use crate::http_client::Target;
use crate::process::resident_bytes;
use crate::websocket::Reader;
use crate::wish::Wish;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The WebSocket's URL, e.g. <ws://127.0.0.1:8080/ws>.
    #[arg(long)]
    url: Target,
    /// How many WebSockets to open.
    #[arg(long, default_value_t = 9000)]
    connections: usize,
    /// So many come and go before memory is read first: what a server needs once, and keeps of many handshakes at a
    /// time, does not count then.
    #[arg(long, default_value_t = 0)]
    former: usize,
    /// They speak Socket.IO and come into the namespace /admin with this token.
    #[arg(long)]
    token: Option<String>,
    /// A process of the server; may be repeated.
    #[arg(long = "pid", required = true)]
    pids: Vec<u32>,
    /// Seconds to wait before memory is read: what the handshakes needed may be given back.
    #[arg(long, default_value_t = 3)]
    settle: u64,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Value> {
    let settle = Duration::from_secs(arguments.settle);
    let wish = arguments.token.map_or(Wish::Silent, Wish::Admin);
    if arguments.former > 0 {
        come_and_go(&arguments.url, arguments.former, &wish).await?;
        sleep(settle).await;
    }
    let before = resident_bytes(&arguments.pids)?;
    let audience = Arc::new(Audience::default());
    open_readers(&arguments.url, arguments.connections, &wish, &audience).await?;
    sleep(settle).await;
    let after = resident_bytes(&arguments.pids)?;
    if audience.lost() > 0 {
        bail!("the server closed {} connections", audience.lost());
    }
    let connections = u32::try_from(arguments.connections)?;
    let grown = u32::try_from(after.saturating_sub(before) / 1024)?;
    Ok(json!({
        "connections": connections,
        "resident_bytes_before": before,
        "resident_bytes_after": after,
        "bytes_per_connection": f64::from(grown) * 1024.0 / f64::from(connections),
    }))
}

async fn come_and_go(target: &Target, count: usize, wish: &Wish) -> Result<()> {
    let readers: Vec<Reader> = stream::iter(0..count)
        .map(|index| Reader::open(target, index, wish.saying(index)))
        .buffer_unordered(HANDSHAKES_MAX)
        .try_collect()
        .await?;
    drop(readers);
    Ok(())
}
