//! What the backend is told about the client: `Host` and `X-Forwarded-*`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};
use ipnet::IpNet;
use pingora::http::RequestHeader;
use pingora::{Error, ErrorType, OrErr as _};

use super::upstream::HostHeader;

/// Peers whose `X-Forwarded-*` are believed and continued; those of others are replaced.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn contains(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&peer))
    }
}

/// What is known of the client's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client<'a> {
    pub(super) address: Option<IpAddr>,
    pub(super) trusted: &'a TrustedProxies,
}

/// Rewrites the head of a request for the backend. `authority`: the chosen server.
pub(super) fn rewrite(
    request: &mut RequestHeader,
    client: Client<'_>,
    host: &HostHeader,
    authority: &str,
) -> pingora::Result<()> {
    let trusted = client.address.is_some_and(|address| client.trusted.contains(address));
    use_path(request);
    let original = request.headers.get(header::HOST).cloned();
    if !trusted {
        for name in ["x-forwarded-host", "x-forwarded-proto", "forwarded"] {
            request.remove_header(name);
        }
    }
    if let Some(address) = client.address {
        let value = match previous(&request.headers).filter(|_| trusted) {
            Some(list) => format!("{list}, {address}"),
            None => address.to_string(),
        };
        request.insert_header("X-Forwarded-For", value)?;
    }
    if !request.headers.contains_key("x-forwarded-proto") {
        request.insert_header("X-Forwarded-Proto", HeaderValue::from_static("http"))?;
    }
    if let Some(original) = original
        && !request.headers.contains_key("x-forwarded-host")
    {
        request.insert_header("X-Forwarded-Host", original)?;
    }
    let host = match host {
        HostHeader::Preserve if request.headers.contains_key(header::HOST) => return Ok(()),
        HostHeader::Preserve | HostHeader::Upstream => authority,
        HostHeader::Fixed(name) => name,
    };
    let value = HeaderValue::from_str(host).or_err(ErrorType::InternalError, "host header")?;
    request.insert_header(header::HOST, value).map_err(Error::into_in)
}

/// Makes a request for a whole URL (RFC 9112, section 3.2.2) one for its path. pingora has seen to it that
/// `Host` names the same host, and keeps the path in `uri`.
fn use_path(request: &mut RequestHeader) {
    let target = request.raw_path();
    if !target.starts_with(b"/") && target != b"*" && request.uri.path().starts_with('/') {
        request.set_uri(request.uri.clone());
    }
}

/// `X-Forwarded-For` so far, several lines joined.
fn previous(headers: &HeaderMap) -> Option<String> {
    let lines: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
