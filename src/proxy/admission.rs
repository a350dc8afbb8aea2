//! Who comes in at an endpoint: where tokens stand in a handshake, and which pages may bring them.
//!
//! A browser sends cookies along with whatever page asks, and lets any page open a WebSocket. So where a
//! cookie says who the reader is, the page must be the site's own, or one that is listed.

use http::{HeaderMap, StatusCode, header, request};
use percent_encoding::percent_decode_str;

use super::hop;
use super::respond::Refusal;
use crate::auth::TokenError;
use crate::dialect::{Manner, Places};
use crate::identity::Credential;
use crate::metrics::Metrics;
use crate::verify::Verifier;

/// The subprotocol behind which a browser can put a token (it has no other header to choose).
const BEARER: &str = "bearer";
/// Where the keys of an issuer cannot be had.
const RETRY_AFTER_SECONDS: &str = "5";
const FORBIDDEN: &str = "a page of this origin may not connect";

/// What an endpoint asks of its clients.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// Whose tokens are believed; `None`: nobody is asked for one.
    pub verifier: Option<Verifier>,
    /// Without a token nobody comes in.
    pub required: bool,
    /// Where a token may stand.
    pub places: Places,
    /// The cookies that may hold a token; the first that is there does.
    pub cookies: Vec<String>,
    /// Where pages may come from; empty: anywhere, unless a cookie says who the reader is.
    pub origins: Vec<String>,
}

/// What a refused token is to a dialect. A token that names nobody is as good as none (`protocols.md`,
/// section 2.1).
pub(super) fn credential(error: TokenError) -> Credential {
    match error {
        TokenError::Missing | TokenError::NoUser => Credential::Missing,
        TokenError::Expired => Credential::Expired,
        TokenError::NoKeys => Credential::Unchecked,
        TokenError::Malformed
        | TokenError::Algorithm
        | TokenError::Signature
        | TokenError::UnknownKey
        | TokenError::Issuer
        | TokenError::Audience
        | TokenError::NoExpiry
        | TokenError::NotYetValid
        | TokenError::Refresh => Credential::Invalid,
    }
}

/// What it is to a client of HTTP.
fn refusal(error: TokenError) -> Refusal {
    if error == TokenError::NoKeys {
        // The token may be a good one.
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error.text());
        return refusal.with(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    Refusal::new(StatusCode::UNAUTHORIZED, error.text()).with(header::WWW_AUTHENTICATE, "Bearer")
}

/// Where a token stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Whoever sent it chose to.
    Chosen,
    /// A browser adds it by itself.
    Cookie,
}

impl Admission {
    /// Who the client is. The refusal is counted, and says nothing of the token. A dialect that accepts
    /// everybody gets the credential, good or bad, and says itself what is wrong with it.
    pub(super) async fn admit(
        &self,
        head: &request::Parts,
        manner: Manner,
        metrics: &Metrics,
    ) -> Result<Credential, Refusal> {
        let found = self.verifier.as_ref().and_then(|_| self.token(head));
        let by_cookie = found.as_ref().is_some_and(|(place, _)| *place == Place::Cookie);
        let is_restricted = by_cookie || !self.origins.is_empty();
        if is_restricted && !self.takes_origin(&head.headers) {
            metrics.origin_refused();
            return Err(Refusal::new(StatusCode::FORBIDDEN, FORBIDDEN));
        }
        let identity = match (&self.verifier, found) {
            (Some(verifier), Some((_, token))) => verifier.identify(&token).await.map(Credential::Valid),
            (Some(_), None) if self.required => Err(TokenError::Missing),
            _ => Ok(Credential::Missing),
        };
        identity.or_else(|error| {
            metrics.token_refused(error.number());
            match manner {
                Manner::Accept => Ok(credential(error)),
                Manner::Answer => Err(refusal(error)),
            }
        })
    }

    /// The subprotocol to select.
    pub(super) fn protocol(&self, head: &request::Parts) -> Option<&'static str> {
        let is_read = self.verifier.is_some() && self.places == Places::All;
        is_read.then(|| from_protocols(&head.headers)).flatten().map(|_| BEARER)
    }

    /// The first of the places that holds one; what was chosen comes before what a browser adds.
    fn token(&self, head: &request::Parts) -> Option<(Place, String)> {
        let in_headers = || from_authorization(&head.headers).or_else(|| from_protocols(&head.headers));
        let in_headers = match self.places {
            Places::All => in_headers(),
            Places::QueryAndCookies => None,
        };
        let chosen = in_headers.or_else(|| from_query(head.uri.query().unwrap_or_default()));
        let cookie = || self.cookies.iter().find_map(|name| from_cookies(&head.headers, name));
        chosen.map(|token| (Place::Chosen, token)).or_else(|| Some((Place::Cookie, cookie()?)))
    }

    /// Whoever sends no `Origin` is no browser.
    pub(super) fn takes_origin(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|_| hosts.next().is_none());
        headers.get_all(header::ORIGIN).iter().all(|origin| {
            let Ok(origin) = origin.to_str() else { return false };
            let named = origin.split_once("://").map(|(_, authority)| authority);
            let is_own = named.zip(host).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other));
            is_own || self.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
        })
    }
}

/// The token that a client chose to show in a place where the backend would not look for it.
pub(super) fn shown(head: &request::Parts) -> Option<String> {
    from_protocols(&head.headers).or_else(|| from_query(head.uri.query().unwrap_or_default()))
}

fn from_authorization(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| token.trim().to_owned()).filter(|token| !token.is_empty())
}

/// `Sec-WebSocket-Protocol: bearer, TOKEN`
fn from_protocols(headers: &HeaderMap) -> Option<String> {
    let mut protocols = hop::tokens(headers, &header::SEC_WEBSOCKET_PROTOCOL);
    protocols.find(|protocol| *protocol == BEARER)?;
    protocols.next().map(ToOwned::to_owned).filter(|token| !token.is_empty())
}

fn from_query(query: &str) -> Option<String> {
    let token = query.split('&').find_map(|pair| pair.strip_prefix("token="))?;
    let token = percent_decode_str(token).decode_utf8().ok()?;
    (!token.is_empty()).then(|| token.into_owned())
}

fn from_cookies(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(found, _)| *found == name)?;
    let token = token.trim_matches('"');
    (!token.is_empty()).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn head(path: &str, headers: Headers<'_>) -> request::Parts {
        let request = Request::builder().uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_token_is_found_wherever_it_may_stand() {
        let admission = Admission { cookies: vec!["session".to_owned()], ..Admission::default() };
        // (path, headers, what is found; a `c` before it: in a cookie)
        let rows: &[(&str, Headers<'_>, &str)] = &[
            ("/ws", &[], ""),
            ("/ws?token=a.b.c", &[], "a.b.c"),
            ("/ws?topic=x&token=a%2Eb", &[], "a.b"),
            ("/ws?token=", &[], ""),
            ("/ws?atoken=a", &[], ""),
            ("/ws?topic=token=a", &[], ""),
            ("/ws?token=%ff", &[], ""),
            ("/ws", &[("authorization", "Bearer t")], "t"),
            ("/ws", &[("authorization", "bearer  t ")], "t"),
            ("/ws", &[("authorization", "Basic t")], ""),
            ("/ws", &[("authorization", "Bearer")], ""),
            ("/ws", &[("sec-websocket-protocol", "bearer, t")], "t"),
            ("/ws", &[("sec-websocket-protocol", "json, bearer"), ("sec-websocket-protocol", "t")], "t"),
            ("/ws", &[("sec-websocket-protocol", "json, t")], ""),
            ("/ws", &[("sec-websocket-protocol", "bearer")], ""),
            ("/ws", &[("cookie", "a=b; session=t")], "ct"),
            ("/ws", &[("cookie", "a=b"), ("cookie", "session=\"t\"")], "ct"),
            ("/ws", &[("cookie", "xsession=t")], ""),
            ("/ws?token=q", &[("cookie", "session=t"), ("authorization", "Bearer h")], "h"),
            ("/ws?token=q", &[("cookie", "session=t")], "q"),
        ];
        for (path, headers, expected) in rows {
            let found = admission.token(&head(path, headers)).map_or(String::new(), |(place, token)| {
                format!("{}{token}", if place == Place::Cookie { "c" } else { "" })
            });
            assert_eq!(found, *expected, "{path} {headers:?}");
        }
        assert_eq!(Admission::default().token(&head("/ws", &[("cookie", "session=t")])), None);
    }

    #[test]
    fn headers_hold_no_token_where_a_dialect_does_not_read_them() {
        let cookies = vec!["session".to_owned()];
        let admission = Admission { places: Places::QueryAndCookies, cookies, ..Admission::default() };
        let in_headers = [("authorization", "Bearer h"), ("sec-websocket-protocol", "bearer, p")];
        let with_cookie = [&in_headers[..], &[("cookie", "session=c")]].concat();
        for (path, headers, expected) in [
            ("/ws", &in_headers[..], None),
            ("/ws", &with_cookie, Some("c")),
            ("/ws?token=q", &with_cookie, Some("q")),
        ] {
            let found = admission.token(&head(path, headers)).map(|(_, token)| token);
            assert_eq!(found.as_deref(), expected, "{path} {headers:?}");
        }
    }

    #[test]
    fn only_the_sites_own_pages_and_listed_ones_may_connect() {
        let admission = Admission { origins: vec!["https://app.example".to_owned()], ..Admission::default() };
        let rows: &[(Headers<'_>, bool)] = &[
            (&[("host", "a.test")], true),
            (&[("host", "a.test"), ("origin", "http://a.test")], true),
            (&[("host", "a.test"), ("origin", "https://A.test")], true),
            (&[("host", "a.test:81"), ("origin", "http://a.test")], false),
            (&[("host", "a.test"), ("origin", "http://a.test.evil")], false),
            (&[("host", "a.test"), ("origin", "http://evil/a.test")], false),
            (&[("host", "a.test"), ("origin", "null")], false),
            (&[("host", "null"), ("origin", "null")], false),
            (&[("origin", "http://a.test")], false),
            (&[("host", "a.test"), ("origin", "https://app.example")], true),
            (&[("host", "a.test"), ("origin", "http://app.example")], false),
            (&[("host", "a.test"), ("origin", "http://a.test"), ("origin", "http://evil")], false),
            (&[("host", "evil"), ("host", "a.test"), ("origin", "http://evil")], false),
        ];
        for (headers, expected) in rows {
            assert_eq!(admission.takes_origin(&head("/ws", headers).headers), *expected, "{headers:?}");
        }
    }
}
