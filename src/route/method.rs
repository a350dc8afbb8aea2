//! The method that the backend acts on, where a header may put another in the place of POST.

use http::{Method, request};

use super::Route;

/// What the backend takes a request for: its own method, or, for a POST with one of the route's
/// `method_override` headers, the method named there. An override to a method that does not write (some clients
/// send long queries so) makes it no write; a word that is no method of HTTP's own changes nothing.
pub(super) fn effective(route: &Route, head: &request::Parts) -> Method {
    const KNOWN: [Method; 6] =
        [Method::PUT, Method::PATCH, Method::DELETE, Method::GET, Method::HEAD, Method::OPTIONS];
    if head.method != Method::POST {
        return head.method.clone();
    }
    let named = route.method_override.iter().find_map(|name| head.headers.get(name)?.to_str().ok());
    let named = named.unwrap_or_default().trim();
    // Backends compare without case (Rack, Symfony and Express turn it to upper case).
    let known = KNOWN.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(named));
    known.unwrap_or(Method::POST)
}
