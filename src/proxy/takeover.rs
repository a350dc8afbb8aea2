//! Takes a connection out of pingora's hands: what is left is a byte stream.

use std::io::Cursor;

use http::header;
use pingora::protocols::Stream;
use pingora::protocols::http::ServerSession;

use super::downstream::Downstream;

/// Seconds; only says that the connection is to be kept, nothing waits for it.
const KEEP: Option<u64> = Some(60);

/// A connection without HTTP around it.
pub(super) struct Taken {
    pub(super) stream: Stream,
    /// What the client sent right behind its request.
    pub(super) early: Vec<u8>,
}

/// Takes the connection and leaves a session on an empty stream in its place, with which pingora can do
/// as it likes. The request must have no body. `None`: the client has left.
///
/// pingora gives bytes that were read too far only to a connection that it would use again for a pipelined
/// request, so that is what this one pretends to be.
pub(super) async fn take(session: &mut ServerSession) -> Option<Taken> {
    let empty = ServerSession::new_http1(Box::new(Cursor::new(Vec::new())));
    let mut taken = std::mem::replace(session, empty);
    // What a client says of a connection that is its own from here on: at a `close` pingora would not keep it.
    taken.req_header_mut().remove_header(&header::CONNECTION);
    taken.set_pipelining_enabled(true);
    taken.set_keepalive(KEEP);
    taken.set_keepalive_reuses_remaining(None);
    let (stream, early) = taken.finish().await.ok()??.into_parts();
    let stream = if (*stream).as_any().is::<Downstream>() {
        stream.into_any().downcast::<Downstream>().ok()?.into_inner()
    } else {
        stream
    };
    Some(Taken { stream, early: early.map(|bytes| bytes.to_vec()).unwrap_or_default() })
}
