//! Where servers are, and who says so to them. Pure. No text of this file shows what stood in a URL.

use std::fmt;

use async_nats::{Auth, ServerAddr};
use http::Uri;
use percent_encoding::percent_decode_str;

const EXPECTED: &str = "URLs such as \"nats://127.0.0.1:4222\" or \"tls://user:password@nats.example:4222\", with nothing \
    behind the port; what is special in a password is written as %40";

/// The servers of one cluster, in the order in which they are asked.
#[derive(Clone)]
pub struct Servers(Vec<Address>);

/// One server.
#[derive(Clone)]
pub(super) struct Address {
    /// Without what is secret: the library logs it.
    pub(super) place: ServerAddr,
    login: Login,
}

#[derive(Clone)]
enum Login {
    Nobody,
    Token(String),
    User(String, String),
}

/// Reads `nats://` and `tls://` with `user:password@` or `token@` before the host, at least one.
///
/// # Errors
/// What would be right; never what stands there.
pub fn parse<S: AsRef<str>>(urls: &[S]) -> Result<Servers, String> {
    let found: Option<Vec<_>> = urls.iter().map(|url| address(url.as_ref())).collect();
    found.filter(|found| !found.is_empty()).map(Servers).ok_or_else(|| EXPECTED.to_owned())
}

fn address(url: &str) -> Option<Address> {
    let url: Uri = url.parse().ok()?;
    let scheme = url.scheme_str().filter(|scheme| matches!(*scheme, "nats" | "tls"))?;
    let authority = url.authority()?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || authority.host().is_empty() {
        return None;
    }
    let (login, place) = match authority.as_str().rsplit_once('@') {
        None => (Login::Nobody, authority.as_str()),
        Some((login, place)) => (read_login(login)?, place),
    };
    let port = match place.strip_prefix(authority.host())? {
        "" => 4222,
        port => port.strip_prefix(':')?.parse::<u16>().ok().filter(|port| *port > 0)?,
    };
    let place = format!("{scheme}://{}:{port}", authority.host()).parse().ok()?;
    Some(Address { place, login })
}

fn read_login(text: &str) -> Option<Login> {
    match text.split_once(':') {
        None => decoded(text).map(Login::Token),
        Some((user, password)) => Some(Login::User(decoded(user)?, decoded(password)?)),
    }
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    Some(text.into_owned()).filter(|text| !text.is_empty())
}

impl Servers {
    pub(super) fn addresses(&self) -> &[Address] {
        &self.0
    }
}

impl Address {
    pub(super) fn auth(&self) -> Auth {
        let mut auth = Auth::new();
        match &self.login {
            Login::Nobody => {}
            Login::Token(token) => auth.token = Some(token.clone()),
            Login::User(user, password) => {
                auth.username = Some(user.clone());
                auth.password = Some(password.clone());
            }
        }
        auth
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} servers", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Option<(String, Login)> {
        address(url).map(|address| (address.place.as_url_str().to_owned(), address.login))
    }

    #[test]
    fn urls_say_where_and_who() {
        let (place, login) = read("nats://127.0.0.1").unwrap();
        assert_eq!(place, "nats://127.0.0.1:4222");
        assert!(matches!(login, Login::Nobody));
        let (place, login) = read("tls://ann:p%40ss:word@nats.example:4443/").unwrap();
        assert_eq!(place, "tls://nats.example:4443");
        assert!(matches!(login, Login::User(user, password) if user == "ann" && password == "p@ss:word"));
        let (place, login) = read("nats://s3cret@[::1]:1").unwrap();
        assert_eq!(place, "nats://[::1]:1");
        assert!(matches!(login, Login::Token(token) if token == "s3cret"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_a_word_of_it() {
        for url in [
            "",
            "s3cret",
            "127.0.0.1:4222",
            "http://s3cret",
            "ws://s3cret",
            "nats://",
            "nats://:4222",
            "nats://@s3cret",
            "nats://s3cret:@a",
            "nats://:s3cret@a",
            "nats://a:0",
            "nats://a:99999",
            "nats://a/s3cret",
            "nats://a?s3cret",
            "nats://a b",
            "nats://u:s3#cret@a",
            "nats://u:s3/cret@a",
        ] {
            let error = parse(&["nats://a", url]).expect_err(url);
            assert!(!error.contains("s3cret"), "{url}: {error}");
        }
        assert!(parse::<&str>(&[]).is_err());
    }

    #[test]
    fn a_password_is_in_no_debug_text() {
        let servers = parse(&["nats://ann:s3cret@a", "nats://s3cret@b"]).unwrap();
        assert_eq!(format!("{servers:?}"), "2 servers");
    }
}
