//! What the backend is told about the client: `Host` and `X-Forwarded-*`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use ipnet::IpNet;
use pingora::http::RequestHeader;
use pingora::protocols::http::authority::raw_target_authority;
use pingora::{Error, ErrorType, OrErr as _};

use super::hop;
use super::respond::Refusal;
use super::upstream::HostHeader;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The name by which a proxy in front says that the site was called.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Peers whose `X-Forwarded-*` are believed and continued; those of others are replaced.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn contains(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&peer))
    }

    /// Where a request comes from: its peer, or, behind proxies that are believed, the last address that
    /// none of them is.
    pub(super) fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut origin = peer;
        while self.contains(origin) {
            let Some(before) = hops.next().and_then(|hop| hop.trim().parse().ok()) else { break };
            origin = before;
        }
        origin
    }
}

/// What is known of the client's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client<'a> {
    pub(super) address: Option<&'a (IpAddr, HeaderValue)>,
    pub(super) trusted: &'a TrustedProxies,
}

/// Why a request is not forwarded: it asks for a tunnel, or the backend would get another one than the
/// client sent.
pub(super) fn refusal(head: &RequestHeader) -> Option<Refusal> {
    if head.method == Method::CONNECT {
        return Some(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "no tunnel is opened here"));
    }
    // pingora frames the body anew, as chunked and nothing else (RFC 9112, section 6.1).
    let mut codings = hop::tokens(&head.headers, &header::TRANSFER_ENCODING);
    let chunked = |coding: &str| coding.eq_ignore_ascii_case("chunked");
    if codings.next().is_some_and(|coding| !chunked(coding)) || codings.next().is_some() {
        let message = "chunked is the only transfer coding that is forwarded";
        return Some(Refusal::new(StatusCode::NOT_IMPLEMENTED, message));
    }
    // pingora takes any other target for `/`.
    let target = head.raw_path();
    let known =
        target.starts_with(b"/") || target == b"*" || raw_target_authority(target).authority().is_some();
    (!known).then(|| Refusal::new(StatusCode::BAD_REQUEST, "the target of the request is not a path"))
}

/// Rewrites the head of a request for the backend. `authority`: the chosen server.
pub(super) fn rewrite(
    request: &mut RequestHeader,
    client: Client<'_>,
    host: &HostHeader,
    authority: &str,
) -> pingora::Result<()> {
    let trusted = client.address.is_some_and(|(address, _)| client.trusted.contains(*address));
    use_path(request);
    let original = request.headers.get(header::HOST).cloned();
    if !trusted && request.headers.contains_key(header::FORWARDED) {
        request.remove_header(&header::FORWARDED);
    }
    if let Some((address, header)) = client.address {
        match trusted.then(|| previous(&request.headers)).flatten() {
            Some(list) => request.insert_header("X-Forwarded-For", format!("{list}, {address}"))?,
            None => request.insert_header("X-Forwarded-For", header.clone())?,
        }
    } else {
        request.remove_header(&X_FORWARDED_FOR);
    }
    // Inserting replaces what a client that is not trusted has sent.
    if !trusted || !request.headers.contains_key(X_FORWARDED_PROTO) {
        request.insert_header("X-Forwarded-Proto", HeaderValue::from_static("http"))?;
    }
    match original {
        Some(original) if !trusted || !request.headers.contains_key(X_FORWARDED_HOST) => {
            request.insert_header("X-Forwarded-Host", original)?;
        }
        None if !trusted => drop(request.remove_header(&X_FORWARDED_HOST)),
        _ => {}
    }
    let host = match host {
        HostHeader::Preserve if request.headers.contains_key(header::HOST) => return Ok(()),
        HostHeader::Preserve | HostHeader::Upstream => authority,
        HostHeader::Fixed(name) => name,
    };
    let value = HeaderValue::from_str(host).or_err(ErrorType::InternalError, "host header")?;
    request.insert_header(header::HOST, value).map_err(Error::into_in)
}

/// The names by which a request for the backend says that the site was called.
pub fn told_hosts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = [header::HOST, X_FORWARDED_HOST].map(|name| headers.get(name));
    let texts = values.into_iter().flatten().filter_map(|value| value.to_str().ok());
    // A chain of proxies makes a list of it.
    texts.flat_map(|text| text.split(',')).map(str::trim)
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
        headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
