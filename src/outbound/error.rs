//! Why there is no answer.

use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use crate::url;

type Cause = Box<dyn Error + Send + Sync>;

/// See the module's documentation. None of them holds a URL or a header, which may be secret.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// A bug of the caller: configurations are checked when they are read.
    #[error("not {}", url::EXPECTED)]
    Url,
    /// No connection could be made, certificate and name included: nothing was sent.
    #[error("cannot connect")]
    Unreachable(#[source] Cause),
    /// The connection ended, or what came was no HTTP. The request may have been acted upon.
    #[error("the exchange broke off")]
    Broken(#[source] Cause),
    /// Not done within this time. The request may have been acted upon.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The answer's body has more than so many bytes. The request was probably acted upon.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

impl OutboundError {
    /// One line for a log: the message and what caused it.
    pub fn reason(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let part = error.to_string();
            // Libraries repeat their causes, and say whose error it is where that is plain.
            if !text.contains(&part) && !part.starts_with("client error") {
                // A `String` takes everything.
                write!(text, ": {part}").ok();
            }
            cause = error.source();
        }
        text.replace(char::is_control, " ")
    }
}
