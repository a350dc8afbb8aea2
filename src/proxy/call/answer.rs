//! Reads the answer to a request: its head with httparse, then its body, wherever that ends (RFC 9112,
//! section 6.3).

use std::mem::MaybeUninit;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header, response};
use httparse::{Header, ParserConfig, Status};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::CallError;
use crate::proxy::hop;

/// As much as pingora reads of a head.
const MAX_HEAD_BYTES: usize = 1024 * 1024;
const MAX_HEADERS: usize = 256;
const LINE_END: &[u8] = b"\r\n";
/// Most answers fit.
const READ_BYTES: usize = 2048;

/// What is read, and what of it is still to be parsed.
pub(super) struct Reader<S> {
    stream: S,
    buffer: BytesMut,
    /// Bytes that a body may have.
    limit: usize,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(super) fn new(stream: S, limit: usize) -> Self {
        Self { stream, buffer: BytesMut::new(), limit }
    }

    /// The final answer to a request of that method; `true`: another one may follow on this connection.
    pub(super) async fn answer(&mut self, method: &Method) -> Result<(Response<Bytes>, bool), CallError> {
        let head = loop {
            let head = self.head().await?;
            if !head.status().is_informational() || head.status() == StatusCode::SWITCHING_PROTOCOLS {
                break head;
            }
        };
        let (head, ()) = head.into_parts();
        let end = End::of(&head, method)?;
        let body = match end {
            End::AtOnce => Ok(Some(Bytes::new())),
            End::Behind(length) => self.sized(length).await,
            End::LastChunk => self.chunked().await,
            End::Close => self.rest().await,
        };
        let body = body.map_err(|_broken| CallError::Cut(head.status))?;
        let body = body.ok_or(CallError::TooLarge(head.status))?;
        let goes_on = end != End::Close && self.buffer.is_empty() && !hop::ends_connection(&head);
        Ok((Response::from_parts(head, body), goes_on))
    }

    async fn head(&mut self) -> Result<Response<()>, CallError> {
        loop {
            if !self.buffer.is_empty()
                && let Some(head) = parse(&mut self.buffer)?
            {
                return Ok(head);
            }
            self.fill().await?;
        }
    }

    /// `None`: it is too large, as in the functions below.
    async fn sized(&mut self, length: usize) -> Result<Option<Bytes>, CallError> {
        if length > self.limit {
            return Ok(None);
        }
        while self.buffer.len() < length {
            self.read().await?;
        }
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    async fn chunked(&mut self) -> Result<Option<Bytes>, CallError> {
        let mut body = BytesMut::new();
        loop {
            let size = self.chunk_size().await?;
            if size == 0 {
                break;
            }
            let left = self.limit - body.len();
            let Some(size) = usize::try_from(size).ok().filter(|size| *size <= left) else { return Ok(None) };
            while self.buffer.len() < size + LINE_END.len() {
                self.read().await?;
            }
            body.extend_from_slice(&self.buffer.split_to(size));
            if !self.buffer.starts_with(LINE_END) {
                return Err(broken("a chunk is longer than it says"));
            }
            self.buffer.advance(LINE_END.len());
        }
        self.trailers().await?;
        Ok(Some(body.freeze()))
    }

    async fn chunk_size(&mut self) -> Result<u64, CallError> {
        loop {
            match httparse::parse_chunk_size(&self.buffer) {
                Ok(Status::Complete((end, size))) => {
                    self.buffer.advance(end);
                    return Ok(size);
                }
                Ok(Status::Partial) => self.fill().await?,
                Err(_) => return Err(broken("a chunk has no size")),
            }
        }
    }

    async fn trailers(&mut self) -> Result<(), CallError> {
        while !skip_trailers(&mut self.buffer)? {
            self.fill().await?;
        }
        Ok(())
    }

    async fn rest(&mut self) -> Result<Option<Bytes>, CallError> {
        while self.buffer.len() <= self.limit {
            if self.more().await? == 0 {
                return Ok(Some(self.buffer.split().freeze()));
            }
        }
        Ok(None)
    }

    /// Reads more of what is parsed in one piece.
    async fn fill(&mut self) -> Result<(), CallError> {
        if self.buffer.len() > MAX_HEAD_BYTES {
            return Err(broken("the head is too large"));
        }
        self.read().await
    }

    async fn read(&mut self) -> Result<(), CallError> {
        if self.more().await? == 0 { Err(broken("the answer has no end")) } else { Ok(()) }
    }

    async fn more(&mut self) -> Result<usize, CallError> {
        self.buffer.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.buffer).await.map_err(|_error| broken("the connection broke"))
    }
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    AtOnce,
    Behind(usize),
    LastChunk,
    Close,
}

impl End {
    fn of(head: &response::Parts, method: &Method) -> Result<Self, CallError> {
        let is_empty = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if is_empty || *method == Method::HEAD {
            return Ok(Self::AtOnce);
        }
        if head.headers.contains_key(header::TRANSFER_ENCODING) {
            return Ok(if hop::is_chunked(&head.headers) { Self::LastChunk } else { Self::Close });
        }
        Ok(content_length(&head.headers)?.map_or(Self::Close, Self::Behind))
    }
}

/// The head at the beginning of the buffer, which it takes; `None`: not all of it is there.
fn parse(buffer: &mut BytesMut) -> Result<Option<Response<()>>, CallError> {
    let unreadable = || broken("the head cannot be read");
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let end = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, buffer, &mut headers);
    let Status::Complete(end) = end.ok().ok_or_else(unreadable)? else { return Ok(None) };
    let mut head = Response::new(());
    *head.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    *head.status_mut() =
        parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or_else(unreadable)?;
    head.headers_mut().reserve(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok().ok_or_else(unreadable)?;
        let value = HeaderValue::from_bytes(field.value).ok().ok_or_else(unreadable)?;
        head.headers_mut().append(name, value);
    }
    buffer.advance(end);
    Ok(Some(head))
}

/// Takes the lines behind the last chunk, which nobody reads; `false`: not all of them are there.
fn skip_trailers(buffer: &mut BytesMut) -> Result<bool, CallError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let parsed = httparse::parse_headers(buffer, &mut headers);
    let Status::Complete((end, _)) = parsed.map_err(|_error| broken("the trailers cannot be read"))? else {
        return Ok(false);
    };
    buffer.advance(end);
    Ok(true)
}

/// What `Content-Length` says, however often.
fn content_length(headers: &HeaderMap) -> Result<Option<usize>, CallError> {
    let mut lengths = hop::tokens(headers, &header::CONTENT_LENGTH).map(str::parse::<usize>);
    let Some(first) = lengths.next() else { return Ok(None) };
    let first = first.ok().filter(|first| lengths.all(|length| length.as_ref() == Ok(first)));
    first.map(Some).ok_or_else(|| broken("the length of the body is not clear"))
}

pub(super) fn broken(reason: &'static str) -> CallError {
    tracing::debug!(reason, "a call broke off");
    CallError::Broken
}
