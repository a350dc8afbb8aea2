//! Headers that concern one connection and not the message (RFC 9110, section 7.6.1).

use http::{HeaderMap, HeaderName, Version, header, response};

/// Whether a list such as that of `Connection` holds this token, in any case.
pub(super) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Whether the backend will hang up after this answer (RFC 9112, section 9.3).
pub(super) fn ends_connection(response: &response::Parts) -> bool {
    let says = |token| has_token(&response.headers, &header::CONNECTION, token);
    says("close") || (response.version < Version::HTTP_11 && !says("keep-alive"))
}
