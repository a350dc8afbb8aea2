//! What pages of other origins may do with answers of endpoints (CORS).

use http::{HeaderName, HeaderValue, header, request};

use super::admission::Admission;

/// What a page may do, before it does it: these methods, and the headers that it asks for.
pub(super) fn preflight(head: &request::Parts, methods: HeaderValue) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![(header::ACCESS_CONTROL_ALLOW_METHODS, methods)];
    if let Some(wanted) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.push((header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()));
    }
    headers
}

/// A page of another origin is let in where none is listed; a cookie of its user is not believed then.
pub(super) fn takes_origin(head: &request::Parts, admission: &Admission) -> bool {
    admission.origins.is_empty() || admission.takes_origin(&head.headers)
}

/// The page may read the answer; with its user's cookies only where its origin is listed, or the site's own. Nothing
/// where it is not let in, or whoever asks is no page.
pub(super) fn allowed(head: &request::Parts, admission: &Admission) -> Vec<(HeaderName, HeaderValue)> {
    let Some(origin) = head.headers.get(header::ORIGIN).filter(|_| takes_origin(head, admission)) else {
        return Vec::new();
    };
    let mut headers = vec![
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
        (header::VARY, HeaderValue::from_static("Origin")),
    ];
    if admission.takes_origin(&head.headers) {
        headers.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
    }
    headers
}
