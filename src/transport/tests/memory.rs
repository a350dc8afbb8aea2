//! What a connection keeps as long as it is there.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, duplex};
use tokio_tungstenite::tungstenite::{Error, Message as Received};

use super::super::codec::Codec;
use super::super::connection::Connection;
use super::super::link::Link;
use super::super::websocket::Frames;
use super::*;

/// As many as there are connections: an `async fn` had room for its argument, for the variable that this becomes, and
/// for what is done behind the end.
#[tokio::test]
async fn the_task_of_a_websocket_does_not_keep_it_twice() {
    let (stream, _client) = duplex(1000);
    let hub = hub();
    let socket = Newcomer::on_websocket(stream, Vec::new(), Bytes::from(GREETING), LIMITS);
    let subscriber = hub.attach(socket.lane(), profile()).unwrap();
    let task = socket.run((echo(), Turn::default()), subscriber, Arc::new(Alone), [0_u8; 8]);
    let bytes = size_of::<Connection<DuplexStream, Frames>>();
    let task_bytes = size_of_val(&task);
    assert!(task_bytes <= bytes + 64, "{task_bytes} for {bytes}");
}

/// Counts how often it is read.
#[derive(Debug)]
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.1.fetch_add(1, Relaxed);
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A frame of a client, whose mask is zero.
fn text(payload: &str) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0x81, 0xfe, high, low, 0, 0, 0, 0], payload.as_bytes()].concat()
}

/// Reads all there is.
fn read(codec: &mut Codec, link: &Link<Counted>) -> Vec<String> {
    let mut context = Context::from_waker(Waker::noop());
    let mut messages = Vec::new();
    loop {
        match codec.read(link, &mut context, &mut false) {
            Ok(Received::Text(text)) => messages.push(text.as_str().to_owned()),
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return messages,
            other => panic!("{other:?}"),
        }
    }
}

/// Each was a system call for 256 bytes, since idle connections have no more room.
#[tokio::test]
async fn what_is_there_is_read_at_once_whatever_the_room_of_an_idle_connection() {
    let reads = Arc::new(AtomicUsize::new(0));
    let (stream, mut client) = duplex(64 * 1024);
    let link = Link::new(Counted(stream, Arc::clone(&reads)), Bytes::new(), LIMITS.outbox);
    let mut codec = Codec::new(text("early")[..5].to_vec(), 60_000);
    let long = "long ".repeat(3000);
    // (what comes, what is heard, looks at the link)
    let rows = [
        (text("early")[5..].to_vec(), vec!["early"], 2),
        ([text("one"), text("two"), text("three")].concat(), vec!["one", "two", "three"], 2),
        (text(&long), vec![&*long], 3),
        (text("behind it"), vec!["behind it"], 2),
    ];
    for (bytes, expected, looks) in rows {
        client.write_all(&bytes).await.unwrap();
        reads.store(0, Relaxed);
        assert_eq!(read(&mut codec, &link), expected);
        assert_eq!(reads.load(Relaxed), looks, "{} bytes", bytes.len());
    }
}
