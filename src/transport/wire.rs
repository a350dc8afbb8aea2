//! What a client that talks is to what carries its words.

use bytes::Bytes;

use super::ahead::Hold;
use crate::hub::{Full, Lane};
use crate::message::CloseReason;

/// The way to one client, as whoever talks with it sees it; the hub sees the same as a [`Lane`].
pub(super) trait Wire: Hold + Lane + 'static {
    /// Sends a frame that answers the client. Never too much: it is not read while the wire [is
    /// busy](Self::is_busy).
    fn answer(&self, frame: &Bytes);
    /// What waits, answers and what the client missed, leaves room for as much as may wait behind it.
    fn excuse(&self);
    /// Ends it after what waits.
    fn close_after(&self, reason: CloseReason);
    /// Call number `call` is being answered from now on.
    fn begin_call(&self, call: u64);
    /// The call is answered: what was held back follows.
    ///
    /// # Errors
    /// As of [`release`](Self::release).
    fn end_call(&self) -> Result<(), Full>;
    /// What was held back leaves now.
    ///
    /// # Errors
    /// It is more than may wait, and the wire is closing.
    fn release(&self) -> Result<(), Full>;
    /// What was held back is for nobody, and what comes is held back still.
    fn forget(&self);
    /// What was sent is for nobody any more: it is not sent again to whoever comes back.
    fn disown(&self) {}
    /// The client has got what it was asked about under this number.
    fn acknowledged(&self, _number: u64) {}
    /// So much waits that the client should read before it says more.
    fn is_busy(&self) -> bool;
}
