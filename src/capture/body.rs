//! The copy of a body: bounded while it arrives, bounded again when it is decoded.

use std::io::{self, Read};

use bytes::Bytes;

use super::Reason;
use super::budget::{Budget, Reservation};

/// More stacked codings than any server sends.
const MAX_CODINGS: usize = 3;
/// Zstandard windows up to 8 MiB, which RFC 8878 (section 3.1.1.1.2) asks every decoder to take.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes of an answer or a request, kept up to a limit.
#[derive(Debug)]
pub(super) struct Body {
    kept: Vec<u8>,
    limit: usize,
    reservation: Reservation,
    full: bool,
}

impl Body {
    pub(super) fn new(limit: usize, budget: &Budget) -> Self {
        Self { kept: Vec::new(), limit, reservation: budget.reserve_nothing(), full: false }
    }

    /// Keeps a copy of `chunk`. Past the limit, or without memory left, the whole copy is dropped: half a
    /// document is worth nothing.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        if self.full {
            return;
        }
        if self.kept.len() + chunk.len() > self.limit || !self.reservation.grow(chunk.len()) {
            self.full = true;
            self.kept = Vec::new();
            self.reservation.release();
            return;
        }
        self.kept.extend_from_slice(chunk);
    }

    /// Keeps nothing of what came so far.
    pub(super) fn clear(&mut self) {
        self.kept = Vec::new();
        self.reservation.release();
        self.full = false;
    }

    /// What came, if all of it could be kept.
    pub(super) fn plain(self) -> Option<Bytes> {
        (!self.full).then(|| Bytes::from(self.kept))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty() && !self.full
    }

    /// What came, without its `Content-Encoding`s.
    pub(super) fn decode(self, codings: &str, limit: usize) -> Result<Bytes, Reason> {
        if self.full { Err(Reason::TooLarge) } else { decoded(self.kept, codings, limit) }
    }
}

/// Undoes the `Content-Encoding`s of a body, the last applied first (RFC 9110, section 8.4).
///
/// # Errors
/// It is no such coding, or has more than `limit` bytes without it.
pub fn decoded(mut body: Vec<u8>, codings: &str, limit: usize) -> Result<Bytes, Reason> {
    let codings: Vec<String> =
        codings.split(',').map(|c| c.trim().to_ascii_lowercase()).filter(|c| !c.is_empty()).collect();
    if codings.len() > MAX_CODINGS {
        return Err(Reason::Undecodable);
    }
    for coding in codings.iter().rev() {
        body = undo(coding, body, limit)?;
    }
    if body.len() > limit { Err(Reason::TooLarge) } else { Ok(Bytes::from(body)) }
}

fn undo(coding: &str, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, Reason> {
    let input = body.as_slice();
    match coding {
        "identity" => Ok(body),
        "gzip" | "x-gzip" => read_all(flate2::read::MultiGzDecoder::new(input), limit),
        "deflate" if is_zlib(input) => read_all(flate2::read::ZlibDecoder::new(input), limit),
        "deflate" => read_all(flate2::read::DeflateDecoder::new(input), limit),
        "br" if has_large_window(input) => Err(Reason::Undecodable),
        "br" => read_all(brotli::Decompressor::new(input, 4096), limit),
        "zstd" => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(undecodable)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(undecodable)?;
            read_all(decoder, limit)
        }
        _ => Err(Reason::Undecodable),
    }
}

/// "deflate" means the zlib format (RFC 9110, section 8.4.1.2), but some servers send the bare one.
fn is_zlib(input: &[u8]) -> bool {
    match input {
        [first, second, ..] => {
            first & 0x0F == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31)
        }
        _ => false,
    }
}

/// The begin that brotli's own format keeps free (RFC 7932, section 9.1), and that an extension of it, which is no
/// HTTP coding, uses to have the decoder make room for a window of up to 1 GiB.
fn has_large_window(input: &[u8]) -> bool {
    input.first().is_some_and(|first| first & 0x7F == 0x11)
}

fn read_all(decoder: impl Read, limit: usize) -> Result<Vec<u8>, Reason> {
    let mut output = Vec::new();
    decoder.take((limit as u64).saturating_add(1)).read_to_end(&mut output).map_err(undecodable)?;
    if output.len() > limit { Err(Reason::TooLarge) } else { Ok(output) }
}

fn undecodable(_: io::Error) -> Reason {
    Reason::Undecodable
}
