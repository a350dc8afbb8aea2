//! One keep-alive connection that sends a request and waits for its answer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http1::Message;

/// An answer that takes longer is a failure of the server, and ends the measurement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Where requests go: an address and a path.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) path_and_query: String,
}

impl std::str::FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let uri: Uri = text.parse()?;
        let authority = uri.authority().context("the URL has no host and port")?;
        let path = uri.path_and_query();
        Ok(Self {
            address: authority.as_str().parse().context("not IP:PORT")?,
            path_and_query: path.map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

impl Target {
    /// The bytes of a GET, or of a POST when there is a body.
    pub(crate) fn request(&self, body: Option<&str>) -> Vec<u8> {
        let Self { address, path_and_query } = self;
        match body {
            None => format!("GET {path_and_query} HTTP/1.1\r\nhost: {address}\r\n\r\n"),
            Some(body) => format!(
                "POST {path_and_query} HTTP/1.1\r\nhost: {address}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        }
        .into_bytes()
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    input: BytesMut,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: BytesMut::with_capacity(4096) })
    }

    /// Sends `request` and waits for its answer, whose body's length it gives.
    ///
    /// # Errors
    /// The answer is no success, is late, or the connection broke.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<usize> {
        timeout(ANSWER_TIMEOUT, self.exchange_untimed(request)).await.context("no answer in time")?
    }

    async fn exchange_untimed(&mut self, request: &[u8]) -> Result<usize> {
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("the server closed the connection before its answer");
            }
            if let Some((answer_bytes, body_bytes)) = success(&self.input)? {
                self.input.advance(answer_bytes);
                return Ok(body_bytes);
            }
        }
    }
}

/// The sizes of the answer in `input` and of its body; `None` while it is incomplete.
///
/// # Errors
/// The answer is no success.
pub(crate) fn success(input: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(answer) = Message::first(input)? else {
        return Ok(None);
    };
    if answer.start_line.split(' ').nth(1).is_none_or(|status| !status.starts_with('2')) {
        bail!("the server answered {:?}", answer.start_line);
    }
    Ok(Some((answer.total_bytes, answer.body.len())))
}
