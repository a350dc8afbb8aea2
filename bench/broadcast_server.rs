//! A plain WebSocket broadcast server: what most people would write with tokio-tungstenite.
//!
//! Every reader has a task, a bounded channel and a tungstenite stream with default settings. One
//! port serves both sides: a connection that begins with `POST` publishes (each body goes to every
//! reader as one text message), any other is a WebSocket handshake.

mod http1;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use bytes::{Buf, BytesMut};
use clap::Parser;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::{Message as Frame, Utf8Bytes};

use http1::Message;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages that wait for one reader; a reader that is slower loses its connection.
const QUEUE_FRAMES: usize = 256;

/// Sends the body of each POST to every WebSocket that is open.
#[derive(Parser)]
struct Arguments {
    /// The address to listen at.
    #[arg(long)]
    listen: SocketAddr,
}

/// The channels of all readers.
#[derive(Clone, Default)]
struct Readers(Arc<Mutex<Vec<Sender<Utf8Bytes>>>>);

impl Readers {
    fn add(&self) -> Receiver<Utf8Bytes> {
        let (sender, receiver) = mpsc::channel(QUEUE_FRAMES);
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.push(sender);
        receiver
    }

    /// Queues `text` for every reader, and forgets those that are gone or too slow.
    fn publish(&self, text: &Utf8Bytes) {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| reader.try_send(text.clone()).is_ok());
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let listener = TcpListener::bind(arguments.listen).await?;
    let readers = Readers::default();
    loop {
        let (stream, _) = listener.accept().await?;
        let readers = readers.clone();
        #[expect(clippy::disallowed_methods, reason = "one task per connection, which ends with it")]
        tokio::spawn(async move {
            // How a connection ended is its other end's to tell.
            drop(serve(stream, readers).await);
        });
    }
}

/// Serves one connection as what its first byte says it is.
async fn serve(stream: TcpStream, readers: Readers) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first == *b"P" {
        serve_publisher(stream, &readers).await
    } else {
        serve_reader(stream, &readers).await
    }
}

/// Publishes the body of each request.
async fn serve_publisher(mut stream: TcpStream, readers: &Readers) -> Result<()> {
    let mut input = BytesMut::with_capacity(4096);
    while stream.read_buf(&mut input).await? > 0 {
        while let Some(request) = Message::first(&input)? {
            if !request.start_line.starts_with("POST /publish ") {
                bail!("not a POST to /publish: {}", request.start_line);
            }
            readers.publish(&Utf8Bytes::from(std::str::from_utf8(request.body)?));
            let request_bytes = request.total_bytes;
            input.advance(request_bytes);
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await?;
        }
    }
    Ok(())
}

/// Sends what is published to one WebSocket until either side ends it.
async fn serve_reader(stream: TcpStream, readers: &Readers) -> Result<()> {
    let mut socket = accept_async(stream).await?;
    let mut queue = readers.add();
    loop {
        tokio::select! {
            text = queue.recv() => match text {
                Some(text) => socket.send(Frame::Text(text)).await?,
                None => return Ok(()),
            },
            // Reading answers pings and notices that the reader has left.
            frame = socket.next() => match frame {
                Some(frame) => drop(frame?),
                None => return Ok(()),
            },
        }
    }
}
