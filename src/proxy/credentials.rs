//! With which credentials the backend is asked on a reader's behalf: those of its handshake. And which of them
//! a GET of its own has.

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

const BEARER: &[u8] = b"bearer ";

/// Headers that say nothing of who asks.
const IMPERSONAL: [&str; 40] = [
    "host",
    "connection",
    "keep-alive",
    "user-agent",
    "referer",
    "origin",
    "cache-control",
    "pragma",
    "dnt",
    "te",
    "priority",
    "upgrade-insecure-requests",
    "content-type",
    "content-length",
    "x-requested-with",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "x-request-id",
    "traceparent",
    "tracestate",
    "save-data",
    "range",
    "if-range",
    // They prove where a write comes from, beside a cookie.
    "x-csrf-token",
    "x-csrftoken",
    "x-xsrf-token",
    // Of those in front.
    "cdn-loop",
    "cf-connecting-ip",
    "cf-ipcountry",
    "cf-ray",
    "cf-visitor",
    "true-client-ip",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-forwarded-server",
];
const IMPERSONAL_PREFIXES: [&str; 3] = ["accept", "sec-", "if-"];

/// The headers of the requests that are made for whoever has this handshake; `besides`: these go along too.
pub(super) fn of_handshake(
    head: &request::Parts,
    admission: &Admission,
    besides: &[HeaderName],
) -> HeaderMap {
    let mut headers = carried(head);
    for name in besides {
        for value in head.headers.get_all(name).iter().filter(|_| !ALONG.contains(name)) {
            headers.append(name, value.clone());
        }
    }
    if !admission.takes_origin(&head.headers) {
        remove_ambient(&mut headers);
    }
    bearing(apart(&headers), head)
}

/// The same in memory of their own: values are pieces of what was read of the request, and one of them would keep
/// all of that as long as its reader is there.
fn apart(headers: &HeaderMap) -> HeaderMap {
    let mut own = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            own.append(name, value);
        }
    }
    own
}

/// The headers of a reader's handshake that has the credentials of this GET. `None`: it may have been answered
/// by something that no handshake has. Without a bearer's token any header of its own may be that, whatever cookies
/// there are: they may mean nothing. Without a token and a cookie a query may be it too.
pub(super) fn of_get(head: &request::Parts) -> Option<HeaderMap> {
    let headers = bearing(carried(head), head);
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    if authorizations.next().is_some_and(is_bearer) && authorizations.next().is_none() {
        return Some(headers);
    }
    let is_known = |name: &HeaderName| {
        name == header::AUTHORIZATION || name == header::COOKIE || is_impersonal(name.as_str())
    };
    let has_proof = headers.contains_key(header::AUTHORIZATION) || headers.contains_key(header::COOKIE);
    let may_be_all = has_proof || head.uri.query().is_none();
    (may_be_all && head.headers.keys().all(is_known)).then_some(headers)
}

fn is_impersonal(name: &str) -> bool {
    IMPERSONAL.contains(&name) || IMPERSONAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn carried(head: &request::Parts) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ALONG {
        for value in head.headers.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
    headers
}

/// With the token that stands elsewhere, if no header has one.
fn bearing(mut headers: HeaderMap, head: &request::Parts) -> HeaderMap {
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(token) = super::admission::shown(head)
        && let Ok(value) = HeaderValue::try_from(format!("Bearer {token}"))
    {
        headers.insert(header::AUTHORIZATION, value);
    }
    headers
}

/// Any page can have a browser send these along, by itself: cookies, and what somebody has logged in with
/// (Basic, Digest, Negotiate). A `Bearer` is there only if the client put it there.
fn remove_ambient(headers: &mut HeaderMap) {
    headers.remove(header::COOKIE);
    if !headers.get_all(header::AUTHORIZATION).iter().all(is_bearer) {
        headers.remove(header::AUTHORIZATION);
    }
}

fn is_bearer(value: &HeaderValue) -> bool {
    let scheme = value.as_bytes().split_at_checked(BEARER.len());
    scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(path: &str, headers: &[(&str, &str)]) -> request::Parts {
        let request = Request::get(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_get_has_the_credentials_of_a_handshake_unless_something_else_may_prove_it() {
        let language = ("accept-language", "de");
        for (path, headers, is_known) in [
            ("/a", &[][..], true),
            ("/a", &[language, ("sec-ch-ua", "x"), ("if-none-match", "x"), ("referer", "x")], true),
            ("/a?page=2", &[language], false),
            ("/a", &[("x-api-key", "k")], false),
            ("/a", &[("x-forwarded-user", "ann")], false),
            ("/a?token=t", &[("x-api-key", "k")], true),
            ("/a?page=2", &[("authorization", "Bearer t"), ("x-api-key", "k")], true),
            ("/a?page=2", &[("cookie", "s=1"), ("origin", "http://evil.test")], true),
        ] {
            let head = head(path, headers);
            let expected = is_known.then(|| {
                let mut own = head.clone();
                own.headers.remove(header::ORIGIN);
                of_handshake(&own, &Admission::default(), &[])
            });
            assert_eq!(of_get(&head), expected, "{path} {headers:?}");
        }
        let page = head("/a", &[("host", "a.test"), ("cookie", "s=1"), ("origin", "http://evil.test")]);
        assert!(!of_handshake(&page, &Admission::default(), &[]).contains_key(header::COOKIE));
    }

    /// A backend that knows users by a key, and sets a cookie for the language: what Ann had loaded counted as seen by
    /// all who speak hers, and they heard when it was deleted.
    #[test]
    fn what_one_user_had_loaded_counted_for_all_with_the_same_cookie_of_no_meaning() {
        let (language, key) = (("cookie", "lang=en"), ("x-api-key", "ann"));
        let basic = ("authorization", "Basic YTpi");
        for given in [&[language, key][..], &[basic, key], &[basic, language, ("x-user", "ann")]] {
            assert_eq!(of_get(&head("/x/7", given)), None, "{given:?}");
        }
        for given in [
            &[language, ("x-xsrf-token", "t"), ("cf-ray", "x")][..],
            &[("authorization", "Bearer t"), language, key],
        ] {
            assert!(of_get(&head("/x/7", given)).is_some(), "{given:?}");
        }
    }

    #[test]
    fn a_reader_does_not_keep_all_that_was_read_of_its_handshake() {
        let read = bytes::Bytes::from(b"GET /ws HTTP/1.1\r\nhost: a.test\r\n\r\n".to_vec());
        let mut head = head("/ws", &[]);
        let host = HeaderValue::from_maybe_shared(read.slice(24..30)).unwrap();
        assert_eq!(host, "a.test");
        head.headers.insert(header::HOST, host);
        let kept = of_handshake(&head, &Admission::default(), &[]);
        drop(head);
        assert_eq!(kept.get(header::HOST).unwrap(), "a.test");
        assert!(read.is_unique());
    }

    type Headers<'a> = &'a [(&'a str, &'a str)];

    /// What the backend is asked with: the `Authorization` and the cookie.
    fn asked_with(path: &str, given: Headers<'_>) -> (String, String) {
        let request = Request::builder().uri(path).header("host", "a.test");
        let request = given.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let head = request.body(()).unwrap().into_parts().0;
        let origins = vec!["https://app.example".to_owned()];
        let headers = of_handshake(&head, &Admission { origins, ..Admission::default() }, &[]);
        let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        (text(header::AUTHORIZATION), text(header::COOKIE))
    }

    #[test]
    fn a_foreign_page_brings_nothing_that_a_browser_adds_by_itself() {
        let basic = ("authorization", "Basic YTpi");
        let bearer = ("authorization", "bearer t");
        let digest = ("authorization", "Digest username=\"a\"");
        let cookie = ("cookie", "a=b");
        let foreign = ("origin", "https://evil.example");
        let (own, listed) = (("origin", "https://a.test"), ("origin", "https://app.example"));
        // (path, headers, Authorization, cookie)
        let rows: &[(&str, Headers<'_>, &str, &str)] = &[
            ("/ws", &[basic, cookie], "Basic YTpi", "a=b"),
            ("/ws", &[basic, cookie, own], "Basic YTpi", "a=b"),
            ("/ws", &[basic, cookie, listed], "Basic YTpi", "a=b"),
            ("/ws", &[basic, cookie, foreign], "", ""),
            ("/ws", &[digest, foreign], "", ""),
            ("/ws", &[("authorization", "Negotiate x"), foreign], "", ""),
            ("/ws", &[("authorization", "Bearer"), foreign], "", ""),
            ("/ws", &[bearer, basic, foreign], "", ""),
            ("/ws", &[bearer, cookie, foreign], "bearer t", ""),
            ("/ws?token=t", &[basic, foreign], "Bearer t", ""),
            ("/ws", &[basic, foreign, ("sec-websocket-protocol", "bearer, t")], "Bearer t", ""),
            ("/ws?token=t", &[basic], "Basic YTpi", ""),
        ];
        for (path, given, authorization, cookie) in rows {
            let expected = ((*authorization).to_owned(), (*cookie).to_owned());
            assert_eq!(asked_with(path, given), expected, "{path} {given:?}");
        }
    }
}
