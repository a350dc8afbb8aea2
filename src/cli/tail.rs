//! `restcast tail`.

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use futures_util::StreamExt as _;
use http::Uri;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Error, Message};

/// First pause before a reconnect; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LAST_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// An endpoint of dialect flarchitect.
    #[arg(default_value = "ws://127.0.0.1:8080/ws")]
    url: String,
    /// A model ("author") or one record of it ("author/42"); without it, everything.
    #[arg(long)]
    topic: Option<String>,
    /// Print the messages as they came.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    check_url(&options.url)?;
    let mut url = options.url.clone();
    if let Some(topic) = &options.topic {
        let topic = percent_encoding::utf8_percent_encode(topic, percent_encoding::NON_ALPHANUMERIC);
        let separator = if url.contains('?') { '&' } else { '?' };
        url = format!("{url}{separator}topic={topic}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(&url, options.json))
}

/// What no amount of reconnecting would put right.
fn check_url(url: &str) -> anyhow::Result<()> {
    let uri = url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
    match uri.as_ref().and_then(Uri::scheme_str) {
        Some("ws") => Ok(()),
        Some("wss") => bail!("{url}: TLS is not spoken here; use the ws:// address behind it"),
        _ => bail!("{url}: expected a URL such as ws://127.0.0.1:8080/ws"),
    }
}

async fn follow(url: &str, json: bool) -> anyhow::Result<()> {
    // A query may hold a token.
    let shown = url.split('?').next().unwrap_or(url);
    let mut pause = FIRST_PAUSE;
    loop {
        match tokio_tungstenite::connect_async(url).await {
            Ok((socket, _)) => {
                tracing::info!(url = shown, "connected");
                pause = FIRST_PAUSE;
                print_all(socket, json).await?;
                tracing::warn!("the connection is gone: events until the next one are missed");
            }
            Err(Error::Url(error)) => bail!("{url}: {error}"),
            Err(Error::Http(answer)) if answer.status().is_client_error() => {
                bail!("{url}: no WebSocket there: {}", answer.status());
            }
            Err(error) => tracing::warn!(url = shown, %error, retry = ?pause, "cannot connect"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

async fn print_all<S>(mut socket: tokio_tungstenite::WebSocketStream<S>, json: bool) -> anyhow::Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Text(text) = message {
            let line = one_line(if json { text.as_str().to_owned() } else { readable(&text) });
            writeln!(io::stdout(), "{line}").context("standard output is closed")?;
        }
    }
    Ok(())
}

/// Between the tokens of JSON line breaks are spaces; other control characters are none of a terminal's
/// business.
fn one_line(text: String) -> String {
    if text.contains(char::is_control) { text.replace(char::is_control, " ") } else { text }
}

/// A message of dialect flarchitect; id and payload are shown as they came.
#[derive(Deserialize)]
struct Event<'a> {
    ts: u64,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// `12:03:04.123 POST   author 42 {"id":42,…}`; a message of another form is shown as it is.
fn readable(text: &str) -> String {
    let Ok(event) = serde_json::from_str::<Event<'_>>(text) else { return text.to_owned() };
    let Event { ts, method, model, id, payload } = event;
    let (day, millis) = (ts / 1000 % 86_400, ts % 1000);
    let (hours, minutes, seconds) = (day / 3600, day / 60 % 60, day % 60);
    let time = format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}");
    format!("{time} {method:<6} {model} {id} {payload}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_id_and_payload_as_they_came() {
        let event = |id: &str, payload: &str| {
            format!(
                r#"{{"ts":45296123,"model":"author","method":"PUT","id":{id},"many":false,"payload":{payload}}}"#
            )
        };
        for (id, payload) in
            [("12345678901234567890", r#"{"z":1.0, "a":1e400}"#), ("\"a b\"", "null"), ("null", "[]")]
        {
            assert_eq!(readable(&event(id, payload)), format!("12:34:56.123 PUT    author {id} {payload}"));
        }
        for other in ["hello", "[1]", r#"{"ts":1,"model":"author"}"#] {
            assert_eq!(readable(other), other);
        }
    }
}
