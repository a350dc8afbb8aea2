//! How tungstenite sees a link, and what its errors mean.

use std::io::{self, Read, Write};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::ReadBuf;
use tokio_tungstenite::tungstenite::Error;

use super::link::{Link, Stream};
use super::wire::Wire as _;
use crate::message::CloseReason;

/// First byte of a close frame: FIN and opcode 8.
const CLOSE_FRAME: u8 = 0x88;

/// What an error of the codec means for the peer; `None` where there is no peer left to tell.
pub(super) fn fault(error: &Error) -> Option<CloseReason> {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    if matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) {
        return None;
    }
    let reasons = [
        (matches!(error, Error::Protocol(_)), CloseReason::Protocol),
        (matches!(error, Error::Utf8(_)), CloseReason::NotUtf8),
        (matches!(error, Error::Capacity(_)), CloseReason::TooBig),
    ];
    reasons.into_iter().find_map(|(is_it, reason)| is_it.then_some(reason))
}

/// The link as the codec wants to see it: reading is polling, and writing hands whole frames over.
pub(super) struct Socket<'a, 'c, S> {
    pub(super) link: &'a Link<S>,
    pub(super) context: &'a mut Context<'c>,
    pub(super) heard: &'a mut bool,
}

impl<S: Stream> Read for Socket<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(buffer);
        match self.link.poll_read(self.context, &mut buffer) {
            Poll::Ready(result) => result?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        *self.heard = true;
        Ok(buffer.filled().len())
    }
}

impl<S: Stream> Write for Socket<'_, '_, S> {
    /// The codec's own frames, one at a time since its write buffer has no size: PONGs, and its answer to a
    /// close, after which nothing may follow (RFC 6455, section 5.5.1).
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let frame = Bytes::copy_from_slice(buffer);
        if buffer.first() == Some(&CLOSE_FRAME) {
            self.link.answer_last(&frame);
        } else {
            self.link.answer(&frame);
        }
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
