//! Headers that concern one connection and not the message (RFC 9110, section 7.6.1).

use http::{HeaderMap, HeaderName, StatusCode, Version, header, response};
use pingora::http::ResponseHeader;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Whether a list such as that of `Connection` holds this token, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// What a list says, over all its lines.
pub(super) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Whether a body ends with its last chunk (RFC 9112, section 6.3).
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    let last = tokens(headers, &header::TRANSFER_ENCODING).last();
    last.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// Whether the backend will hang up after this answer (RFC 9112, section 9.3).
pub(super) fn ends_connection(response: &response::Parts) -> bool {
    let says = |token| has_token(&response.headers, &header::CONNECTION, token);
    says("close") || (response.version < Version::HTTP_11 && !says("keep-alive"))
}

/// Whether a field belongs to the connection, or tells where a message ends.
pub(super) fn frames_or_connects(name: &HeaderName) -> bool {
    // Made once, not for each field.
    static FIELDS: [HeaderName; 8] = [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
    ];
    FIELDS.contains(name)
}

/// Removes from a final answer what the backend says about its connection to us; pingora replaces
/// `Connection` itself.
pub(super) fn strip(response: &mut ResponseHeader) {
    let named: Vec<HeaderName> =
        tokens(&response.headers, &header::CONNECTION).filter_map(|token| token.parse().ok()).collect();
    // What frames the body is ours to say, and 426 says to the client what it should speak.
    let kept = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];
    for name in named.iter().filter(|name| !kept.contains(name)) {
        response.remove_header(name);
    }
    response.remove_header(&KEEP_ALIVE);
    response.remove_header(&PROXY_CONNECTION);
    if response.status != StatusCode::UPGRADE_REQUIRED {
        response.remove_header(&header::UPGRADE);
    }
}
