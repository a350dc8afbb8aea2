//! The REST backend behind the measured proxies: as cheap as an HTTP/1.1 server can be.
//!
//! GET answers with a fixed JSON record of 250 bytes, every other method with `201` and the body of
//! the request as the record, so that whoever writes decides the size of the answer (and can put a
//! timestamp in it). A write without body gets the fixed record.

mod http1;

use std::net::SocketAddr;

use anyhow::Result;
use bytes::{Buf, BytesMut};
use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use http1::Message;

/// Bytes of the record that a GET gets.
const RECORD_BYTES: usize = 250;

/// Answers every request with a small JSON record.
#[derive(Parser)]
struct Arguments {
    /// The address to listen at.
    #[arg(long)]
    listen: SocketAddr,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        #[expect(clippy::disallowed_methods, reason = "one task per connection, which ends with it")]
        tokio::spawn(async move {
            // How a connection ended is its other end's to tell.
            drop(serve(stream).await);
        });
    }
}

/// Answers the requests of one connection until it ends.
async fn serve(mut stream: TcpStream) -> Result<()> {
    let record = fixed_record();
    let mut input = BytesMut::with_capacity(4096);
    let mut output = Vec::with_capacity(1024);
    while stream.read_buf(&mut input).await? > 0 {
        output.clear();
        while let Some(request) = Message::first(&input)? {
            write_answer(&mut output, &request, &record);
            let request_bytes = request.total_bytes;
            input.advance(request_bytes);
        }
        if !output.is_empty() {
            stream.write_all(&output).await?;
        }
    }
    Ok(())
}

/// Appends the answer to `request`; `record` stands in where the request has no body.
fn write_answer(output: &mut Vec<u8>, request: &Message<'_>, record: &[u8]) {
    let status = if request.start_line.starts_with("GET ") { "200 OK" } else { "201 Created" };
    let body = if request.body.is_empty() { record } else { request.body };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    output.extend_from_slice(head.as_bytes());
    output.extend_from_slice(body);
}

/// A record of exactly [`RECORD_BYTES`].
fn fixed_record() -> Vec<u8> {
    let start = r#"{"id":42,"name":""#;
    let end = r#""}"#;
    let name_bytes = RECORD_BYTES - start.len() - end.len();
    format!("{start}{}{end}", "x".repeat(name_bytes)).into_bytes()
}
