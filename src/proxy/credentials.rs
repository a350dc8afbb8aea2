//! With which credentials the backend is asked on a reader's behalf: those of its handshake.

use http::{HeaderMap, HeaderName, HeaderValue, header, request};

use super::admission::Admission;
use super::forward::X_FORWARDED_HOST;

/// What goes along, so that the backend sees the reader as it would see its GET. Whether the forwarding
/// headers are believed is decided where requests are forwarded.
const ALONG: [HeaderName; 8] = [
    header::HOST,
    header::AUTHORIZATION,
    header::COOKIE,
    header::ACCEPT_LANGUAGE,
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    X_FORWARDED_HOST,
];

/// The headers of a reader's own GETs.
pub(super) fn headers(head: &request::Parts, admission: &Admission) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ALONG {
        for value in head.headers.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    // Any page can have a browser send cookies along.
    if !admission.takes_origin(&head.headers) {
        headers.remove(header::COOKIE);
    }
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(token) = super::admission::shown(head)
        && let Ok(value) = HeaderValue::try_from(format!("Bearer {token}"))
    {
        headers.insert(header::AUTHORIZATION, value);
    }
    headers
}
