//! A head leaves with what there is of its body, and without it where there is nothing.

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use pingora::protocols::l4::stream::Stream as Socket;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{Digest, GetProxyDigest, Stream};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufWriter, ReadBuf, duplex};
use tokio::time::timeout;

use super::begin;
use super::upstream::Upstream;
use crate::proxy::layer::layer;

/// No test waits that long unless it fails.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn begin_on(upstream: &Upstream, has_body: bool) {
    let digest = Digest { proxy_digest: upstream.get_proxy_digest(), ..Digest::default() };
    begin(Some(&digest), has_body).unwrap();
}

async fn write_head(stream: Stream, has_body: bool) -> Upstream {
    let mut upstream = Upstream::new(stream).unwrap();
    begin_on(&upstream, has_body);
    upstream.write_all(b"head ").await.unwrap();
    upstream.flush().await.unwrap();
    upstream
}

/// A connection on which a head was written, and its server.
async fn opened(has_body: bool) -> (Upstream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let server = listener.accept().unwrap().0;
    server.set_read_timeout(Some(DEADLINE)).unwrap();
    (write_head(Box::new(Socket::from(socket)), has_body).await, server)
}

/// Waits for the answer for a moment; whether it is to be waited for once more.
fn wait(upstream: &mut Upstream) -> bool {
    let task = Arc::<Woken>::default();
    let (mut bytes, waker) = ([0; 10], Waker::from(Arc::clone(&task)));
    let mut buffer = ReadBuf::new(&mut bytes);
    assert!(Pin::new(upstream).poll_read(&mut Context::from_waker(&waker), &mut buffer).is_pending());
    task.0.load(Ordering::SeqCst)
}

/// What has come, which is something.
fn got(mut server: &TcpStream) -> String {
    let mut bytes = [0; 100];
    let length = server.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// Nothing has come.
fn is_silent(server: &TcpStream) -> bool {
    server.set_nonblocking(true).unwrap();
    let is_silent = server.peek(&mut [0]).is_err();
    server.set_nonblocking(false).unwrap();
    is_silent
}

#[tokio::test]
async fn a_head_leaves_with_its_body() {
    for waits in [0, 1] {
        let (mut upstream, server) = opened(true).await;
        assert!((0..waits).all(|_| wait(&mut upstream)));
        assert!(is_silent(&server));
        upstream.write_all(b"body").await.unwrap();
        assert_eq!(got(&server), "head body");
        upstream.flush().await.unwrap();
        assert!(!wait(&mut upstream));
    }
}

#[tokio::test]
async fn a_head_leaves_with_the_first_chunk_of_its_body() {
    let (mut upstream, server) = opened(true).await;
    let mut chunk = bytes::Buf::chain(&b"4\r\n"[..], bytes::Buf::chain(&b"body"[..], &b"\r\n"[..]));
    upstream.write_all_buf(&mut chunk).await.unwrap();
    assert_eq!(got(&server), "head 4\r\nbody\r\n");
}

#[tokio::test]
async fn a_head_whose_body_is_late_does_not_wait_for_it() {
    let (mut upstream, server) = opened(true).await;
    assert!(wait(&mut upstream), "the task comes round again");
    assert!(is_silent(&server));
    assert!(!wait(&mut upstream));
    assert_eq!(got(&server), "head ");
    upstream.write_all(b"bo").await.unwrap();
    assert_eq!(got(&server), "bo");
}

#[tokio::test]
async fn a_head_leaves_where_no_body_follows() {
    let (mut upstream, server) = opened(false).await;
    assert_eq!(got(&server), "head ");
    assert!(!wait(&mut upstream));
    // One of which nothing follows after all.
    begin_on(&upstream, true);
    upstream.write_all(b"next").await.unwrap();
    upstream.flush().await.unwrap();
    upstream.flush().await.unwrap();
    assert_eq!(got(&server), "next");
    let (mut upstream, server) = opened(true).await;
    upstream.shutdown().await.unwrap();
    assert_eq!(got(&server), "head ");
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_where_the_server_takes_little_at_a_time() {
    for (room, waits) in (1..12).flat_map(|room| (0..4).map(move |waits| (room, waits))) {
        let (stream, mut server) = duplex(room);
        let mut upstream = write_head(Box::new(stream), true).await;
        (0..waits).for_each(|_| assert!(wait(&mut upstream) || waits > 1));
        let mut all = Vec::new();
        let write = async {
            upstream.write_all(b"body and more").await.unwrap();
            upstream.flush().await.unwrap();
            drop(upstream);
        };
        let ((), read) = tokio::join!(write, server.read_to_end(&mut all));
        read.unwrap();
        assert_eq!(String::from_utf8_lossy(&all), "head body and more", "{room} {waits}");
    }
}

/// A connection that holds back what it takes until it is flushed, as TLS may do.
#[derive(Debug)]
struct Holding(BufWriter<Stream>);

impl Holding {
    fn inner(&self) -> &Stream {
        self.0.get_ref()
    }

    fn inner_mut(&mut self) -> &mut Stream {
        self.0.get_mut()
    }
}

impl AsyncRead for Holding {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Holding {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl GetProxyDigest for Holding {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

layer!(Holding);

/// pingora flushes a body of known length only at its end.
#[tokio::test]
async fn a_head_did_not_leave_a_connection_that_holds_back_what_it_takes() {
    for part in [&b""[..], b"bo"] {
        let (stream, mut server) = duplex(100);
        let holding = Holding(BufWriter::new(Box::new(stream)));
        let mut upstream = write_head(Box::new(holding), true).await;
        upstream.write_all(part).await.unwrap();
        assert!(wait(&mut upstream));
        assert!(!wait(&mut upstream));
        let mut bytes = vec![0; 5 + part.len()];
        timeout(DEADLINE, server.read_exact(&mut bytes)).await.expect("it left").unwrap();
        assert_eq!(bytes, [b"head ", part].concat());
    }
}
