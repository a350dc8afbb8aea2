//! A request as it is written.

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

use crate::proxy::hop;

/// Most heads fit.
const HEAD_BYTES: usize = 1024;
/// A larger body is written by itself instead of being copied behind its head.
const COPIED_BYTES: usize = 8 * 1024;

/// The head with `along`, which gives way to headers of the request's own, and what of the body is still to be
/// written behind it.
pub(super) fn written(request: Request<Bytes>, along: &HeaderMap) -> (BytesMut, Bytes) {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut head = BytesMut::with_capacity(HEAD_BYTES);
    for word in [parts.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        head.put_slice(word.as_bytes());
    }
    let along = along.iter().filter(|(name, _)| !parts.headers.contains_key(*name));
    for (name, value) in along.chain(&parts.headers).filter(|(name, _)| is_carried(name)) {
        put(&mut head, name, value);
    }
    // No length says that there is no body; some backends want to hear it of a write all the same.
    if !body.is_empty() || matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        put(&mut head, &header::CONTENT_LENGTH, &HeaderValue::from(body.len()));
    }
    head.put_slice(b"\r\n");
    if body.len() > COPIED_BYTES {
        return (head, body);
    }
    head.put_slice(&body);
    (head, Bytes::new())
}

fn is_carried(name: &HeaderName) -> bool {
    !hop::frames_or_connects(name) && *name != header::EXPECT
}

/// With capitals, as most clients write names: the backend sees them as they are here.
fn put(head: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    let begin = head.len();
    head.put_slice(name.as_str().as_bytes());
    let mut is_first = true;
    for byte in head.iter_mut().skip(begin) {
        if is_first {
            byte.make_ascii_uppercase();
        }
        is_first = *byte == b'-';
    }
    head.put_slice(b": ");
    head.put_slice(value.as_bytes());
    head.put_slice(b"\r\n");
}
