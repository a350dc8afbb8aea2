//! How a connection hears its client.

use std::task::Context;

use crate::message::{Caught, CloseReason, Frame, Message};
use crate::transport::link::{Link, Stream};

/// What there is to be heard.
pub(in crate::transport) enum Heard {
    /// A message.
    Message(Message),
    /// What is no message.
    Noise,
    /// Nothing yet; the task is woken when there is more.
    Nothing,
    /// The last that the client says.
    End,
    /// It cannot be understood.
    Fault(CloseReason),
    /// Nobody is there any more.
    Gone,
}

/// See the module's documentation.
pub(in crate::transport) trait Ears: Send + 'static {
    /// The client answers our last words.
    const ANSWERS: bool;
    /// What shows an idle client that we are there says where it stands.
    const SAYS_POSITION: bool;

    /// What comes next.
    fn hear<S: Stream>(&mut self, link: &Link<S>, context: &mut Context<'_>) -> Heard;

    /// Whether the client has given a sign of life since the last call.
    fn is_alive<S: Stream>(&mut self, link: &Link<S>) -> bool;

    /// What shows an idle client that we are there, and where it stands.
    fn ping(&self, here: Caught) -> Frame;
}
