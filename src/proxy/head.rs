//! What heads of requests and answers say.

use http::{Method, StatusCode, Version, header, request, response};

use super::hop;

/// An answer that is over with its head: pingora calls no body filter for it.
pub(super) fn is_bodiless(method: &Method, response: &response::Parts) -> bool {
    // pingora has seen to it that all of them are the same number; `00` and `0, 0` are nothing as well.
    let mut lengths = hop::tokens(&response.headers, &header::CONTENT_LENGTH).peekable();
    let nothing = |length: &str| !length.is_empty() && length.bytes().all(|digit| digit == b'0');
    let empty = lengths.peek().is_some() && lengths.all(nothing);
    let chunked = response.headers.contains_key(header::TRANSFER_ENCODING);
    *method == Method::HEAD || matches!(response.status.as_u16(), 204 | 304) || (empty && !chunked)
}

pub(super) fn accepts_event_stream(request: &request::Parts) -> bool {
    hop::tokens(&request.headers, &header::ACCEPT).any(|range| range.starts_with("text/event-stream"))
}

/// Such a client knows neither chunks nor interim answers.
pub(super) fn is_http_1_0(request: &request::Parts) -> bool {
    request.version < Version::HTTP_11
}

/// Whether the final answer is still to come; after 101 there is none.
pub(super) fn is_interim(answer: &response::Parts) -> bool {
    answer.status.is_informational() && answer.status != StatusCode::SWITCHING_PROTOCOLS
}
