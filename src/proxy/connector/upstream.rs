//! A connection to a server.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{GetProxyDigest, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::joint::{Before, Joint};
use crate::proxy::layer::layer;
use crate::proxy::trailers::Tail;

/// What a connection and the exchange on it tell each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    pub(super) tail: Arc<Tail>,
    /// What is written until it is to leave is a head, and has a body.
    is_opening: Arc<AtomicBool>,
}

impl Notes {
    /// To be called before the head is written.
    pub(super) fn expect_body(&self) {
        self.is_opening.store(true, Ordering::Relaxed);
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Upstream {
    stream: Stream,
    notes: Notes,
    joint: Joint,
    /// Where pingora lets a connection carry something of ours.
    digest: Arc<ProxyDigest>,
}

impl Upstream {
    pub(super) fn new(stream: Stream) -> pingora::Result<Self> {
        let notes = Notes::default();
        let head = Box::new(ResponseHeader::build(200, Some(0))?);
        let digest = Arc::new(ProxyDigest::new(head, Some(Box::new(notes.clone()))));
        Ok(Self { stream, notes, joint: Joint::default(), digest })
    }

    fn inner(&self) -> &Stream {
        &self.stream
    }

    fn inner_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Sends the head that waits, if one does, and `body` behind it as far as that is taken at once: so many bytes.
    fn poll_send(&mut self, context: &mut Context<'_>, body: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        while !self.joint.head().is_empty() {
            let head = IoSlice::new(self.joint.head());
            let slices: Vec<IoSlice<'_>> = std::iter::once(head).chain(body.iter().copied()).collect();
            let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, &slices))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let rest = self.joint.sent(sent);
            if rest > 0 {
                return Poll::Ready(Ok(rest));
            }
        }
        if body.is_empty() {
            Poll::Ready(Ok(0))
        } else {
            Pin::new(&mut self.stream).poll_write_vectored(context, body)
        }
    }
}

impl AsyncRead for Upstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.joint.read() {
            Before::Read => {}
            Before::Wake => context.waker().wake_by_ref(),
            // An answer may come before all of it has left.
            Before::Send => {
                if let Poll::Ready(Err(error)) = self.poll_send(context, &[]) {
                    return Poll::Ready(Err(error));
                }
            }
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.notes.tail.push(buffer.filled().get(before..).unwrap_or_default());
        result
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.notes.is_opening.load(Ordering::Relaxed) {
            self.joint.keep(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        if self.joint.head().is_empty() {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        self.poll_send(context, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.notes.is_opening.swap(false, Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_send(context, &[]))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context, &[]))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.notes.is_opening.load(Ordering::Relaxed) {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return self.poll_write(context, first);
        }
        self.poll_send(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl GetProxyDigest for Upstream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        Some(Arc::clone(&self.digest))
    }
}

layer!(Upstream);

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::task::{Wake, Waker};

    use pingora::protocols::l4::stream::Stream as Socket;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    async fn write_head(stream: Stream, has_body: bool) -> Upstream {
        let mut upstream = Upstream::new(stream).unwrap();
        if has_body {
            upstream.notes.expect_body();
        }
        upstream.write_all(b"head ").await.unwrap();
        upstream.flush().await.unwrap();
        upstream
    }

    /// A connection on which a head was written, and its server.
    async fn opened(has_body: bool) -> (Upstream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let server = listener.accept().unwrap().0;
        server.set_nonblocking(true).unwrap();
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

    /// What has come.
    fn got(mut server: &TcpStream) -> String {
        let mut bytes = [0; 100];
        let length = server.read(&mut bytes).unwrap_or_default();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[tokio::test]
    async fn a_head_leaves_with_its_body() {
        for waits in [0, 1] {
            let (mut upstream, server) = opened(true).await;
            assert!((0..waits).all(|_| wait(&mut upstream)));
            assert_eq!(got(&server), "");
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
        assert_eq!(got(&server), "");
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
        upstream.notes.expect_body();
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
        for room in 1..12 {
            let (stream, mut server) = duplex(room);
            let mut upstream = write_head(Box::new(stream), true).await;
            let mut all = Vec::new();
            let write = async {
                upstream.write_all(b"body and more").await.unwrap();
                upstream.flush().await.unwrap();
                drop(upstream);
            };
            let ((), read) = tokio::join!(write, server.read_to_end(&mut all));
            read.unwrap();
            assert_eq!(String::from_utf8_lossy(&all), "head body and more", "{room}");
        }
    }
}
