//! Pages in browsers of this machine: which of them may talk to a port that has no password.

use http::{HeaderMap, header};

/// A browser says where the page comes from. It must be this very site, under an address: behind a name
/// there could be anybody (DNS rebinding). Without `Origin` it is no browser, or a page reads what its own
/// host says: for that there is [`is_addressed`].
pub fn same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = text(headers, &header::ORIGIN) else { return true };
    let host = text(headers, &header::HOST).unwrap_or_default();
    is_address(host) && origin.split_once("://").is_some_and(|(_, origin)| origin == host)
}

/// The client asks for an address, or for `localhost`, and for no other name: a page whose own name was made
/// to point here sends no `Origin` when it reads. Without `Host` it is no browser.
pub fn is_addressed(headers: &HeaderMap) -> bool {
    text(headers, &header::HOST).is_none_or(is_address)
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

fn is_address(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host().trim_matches(['[', ']']);
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
}
