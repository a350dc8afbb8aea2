//! HTTP/1.1 by hand, for the writers and the backend.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::plan::How;

pub struct Line(BufReader<TcpStream>);

/// What of a head says how to go on.
#[derive(Debug, Default)]
pub struct Head {
    pub first: String,
    length: Option<usize>,
    chunked: bool,
    pub closes: bool,
}

impl Line {
    pub fn of(stream: TcpStream) -> Self {
        Self(BufReader::new(stream))
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    pub async fn half_close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }

    /// `None`: the peer has closed the connection before it.
    pub async fn head(&mut self) -> io::Result<Option<Head>> {
        let mut head = Head::default();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await? == 0 {
                return if head.first.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                _ if head.first.is_empty() => head.first = line,
                Some(("content-length", length)) => head.length = length.parse().ok(),
                Some(("transfer-encoding", _)) => head.chunked = true,
                Some(("connection", value)) => head.closes = value == "close",
                Some(_) => {}
                None => return Ok(Some(head)),
            }
        }
    }

    /// Reads the body of a request.
    pub async fn request_body(&mut self, head: &Head) -> io::Result<()> {
        self.skip(head.length.unwrap_or(0)).await
    }

    /// Reads the body of an answer; `false`: to the end of the connection.
    pub async fn answer_body(&mut self, head: &Head) -> io::Result<bool> {
        if head.first.contains(" 204 ") {
            return Ok(true);
        }
        if head.chunked {
            loop {
                let mut line = String::new();
                self.0.read_line(&mut line).await?;
                let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
                self.skip(size + 2).await?;
                if size == 0 {
                    return Ok(true);
                }
            }
        }
        match head.length {
            Some(length) => self.skip(length).await.map(|()| true),
            None => self.end().await.map(|()| false),
        }
    }

    async fn skip(&mut self, count: usize) -> io::Result<()> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.map(drop)
    }

    /// Reads until the peer has closed the connection.
    pub async fn end(&mut self) -> io::Result<()> {
        self.0.read_to_end(&mut Vec::new()).await.map(drop)
    }

    /// Ends the connection.
    pub fn leave(self, how: How) {
        if how == How::Resets {
            self.0.into_inner().set_zero_linger().unwrap();
        }
    }
}
