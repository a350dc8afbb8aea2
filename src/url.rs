//! URLs of services beside the backend that are called by restcast itself: webhooks, and issuers of tokens.

use http::Uri;

/// What is expected where [`read`] finds nothing.
pub const EXPECTED: &str = "a URL of http or https, without a user name";

/// The URL of a service that can be called.
pub fn read(text: &str) -> Option<Uri> {
    text.parse().ok().filter(is_usable)
}

/// A scheme that is spoken here, a host, and no name and password before it: those would be sent nowhere.
pub fn is_usable(url: &Uri) -> bool {
    let is_spoken = matches!(url.scheme_str(), Some("http" | "https"));
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    is_spoken && has_host && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_called_has_scheme_and_host_and_no_user() {
        for (text, expected) in [
            ("http://a", true),
            ("HTTPS://a.test:8443/b?c=d@e", true),
            ("http://[::1]/", true),
            ("", false),
            ("a", false),
            ("/a", false),
            ("a.test:80", false),
            ("ftp://a/", false),
            ("http:///a", false),
            ("http://:80/", false),
            ("http://u@a/", false),
            ("http://u:p@a/", false),
            ("http://a b/", false),
        ] {
            assert_eq!(read(text).is_some(), expected, "{text}");
        }
    }
}
