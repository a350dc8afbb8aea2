//! What reads frames: how tungstenite sees a link, and what its errors mean.
//!
//! tungstenite reads as much at once as its room is large, and keeps that room for ever: little, since most clients say
//! little. So more is read from the link at once, on the stack, and what tungstenite does not take yet waits here: it
//! takes all of it before it reads again.

use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::ReadBuf;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::link::{Link, Stream};
use super::wire::Wire as _;
use crate::message::CloseReason;

/// First byte of a close frame: FIN and opcode 8.
const CLOSE_FRAME: u8 = 0x88;
/// Grows with the first larger message; idle connections keep this much.
const ROOM_BYTES: usize = 128;
/// Read from a link at once.
const READ_BYTES: usize = 8 * 1024;
/// What a control frame may hold, however small messages must be (RFC 6455, section 5.5).
const CONTROL_BYTES: usize = 125;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Codec {
    context: WebSocketContext,
    /// At most [`READ_BYTES`]; `None`: all that was read has been taken.
    rest: Option<Box<Bytes>>,
}

impl Codec {
    /// Reads `early` first, and messages of so many bytes.
    pub(super) fn new(early: Vec<u8>, max_message: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(ROOM_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message.max(CONTROL_BYTES)));
        let context = WebSocketContext::from_partially_read(early, Role::Server, Some(config));
        Self { context, rest: None }
    }

    /// The next message. `heard`: becomes true where the client said anything.
    ///
    /// # Errors
    /// See [`fault`]; one of the kind `WouldBlock`: there is none yet, and the task is woken when there is more.
    pub(super) fn read<S: Stream>(
        &mut self,
        link: &Link<S>,
        context: &mut Context<'_>,
        heard: &mut bool,
    ) -> Result<Message, Error> {
        self.context.read(&mut Socket { link, context, heard, rest: &mut self.rest })
    }
}

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
struct Socket<'a, 'c, S> {
    link: &'a Link<S>,
    context: &'a mut Context<'c>,
    heard: &'a mut bool,
    rest: &'a mut Option<Box<Bytes>>,
}

impl<S: Stream> Read for Socket<'_, '_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(rest) = self.rest {
            let (count, _) = take(rest, buffer);
            rest.advance(count);
            self.rest.take_if(|rest| rest.is_empty());
            return Ok(count);
        }
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        match self.link.poll_read(self.context, &mut read) {
            Poll::Ready(result) => result?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        }
        *self.heard = true;
        let (count, rest) = take(read.filled(), buffer);
        *self.rest = (!rest.is_empty()).then(|| Box::new(Bytes::copy_from_slice(rest)));
        Ok(count)
    }
}

/// Puts as much of `bytes` into `buffer` as it has room for; how much that was, and what is left.
fn take<'a>(bytes: &'a [u8], buffer: &mut [u8]) -> (usize, &'a [u8]) {
    let count = bytes.len().min(buffer.len());
    let (taken, left) = bytes.split_at(count);
    if let Some(room) = buffer.get_mut(..count) {
        room.copy_from_slice(taken);
    }
    (count, left)
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
