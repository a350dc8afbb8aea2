//! Just enough of HTTP/1.1 for the benchmark's own programs: messages with a `Content-Length`.
//!
//! The programs run beside the measured server and share the machine with it, so reading a message
//! must cost next to nothing. A chunked message is an error, never a guess.

use anyhow::{Context, Result, bail};

/// What ends the head of a message.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// A message that needs more than this is a mistake of its sender.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// One request or answer, borrowed from the bytes that were read.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// The request line or the status line.
    pub(crate) start_line: &'a str,
    /// The body, whole.
    pub(crate) body: &'a [u8],
    /// Bytes of head and body.
    pub(crate) total_bytes: usize,
}

impl<'a> Message<'a> {
    /// The first message of `input`; `None` while it is incomplete.
    ///
    /// # Errors
    /// The head is not text, its length is not a number, or the message is chunked or too large.
    pub(crate) fn first(input: &'a [u8]) -> Result<Option<Self>> {
        let Some(head_bytes) = input.windows(HEAD_END.len()).position(|at| at == HEAD_END) else {
            return if input.len() > MESSAGE_BYTES_MAX {
                bail!("the head is larger than {MESSAGE_BYTES_MAX} bytes")
            } else {
                Ok(None)
            };
        };
        let (head, rest) = input.split_at(head_bytes);
        let head = std::str::from_utf8(head).context("the head is not text")?;
        let (start_line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let body_start = HEAD_END.len();
        let body_end = body_start + body_bytes(headers)?;
        Ok(rest.get(body_start..body_end).map(|body| Self {
            start_line,
            body,
            total_bytes: head_bytes + body_end,
        }))
    }
}

/// How many bytes of body the headers announce.
fn body_bytes(headers: &str) -> Result<usize> {
    let mut length = 0;
    for header in headers.split("\r\n") {
        let Some((name, value)) = header.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("bad Content-Length")?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            bail!("a chunked message: this client reads only messages with a Content-Length");
        }
    }
    if length > MESSAGE_BYTES_MAX {
        bail!("the body is larger than {MESSAGE_BYTES_MAX} bytes");
    }
    Ok(length)
}
