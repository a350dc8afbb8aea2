//! Where the servers are, as the config says it. Pure. No error holds what stands before an `@`.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use http::uri::Authority;
use percent_encoding::percent_decode_str;

const EXPECTED: &str = "redis://[user:password@]host[:port][/db], rediss:// for TLS, unix:///path/of.sock, \
     redis-cluster://host[:port],host[:port] or redis-sentinel://host[:port],host[:port]/master[/db]";
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Where a log is kept, and who asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisServers {
    pub(super) place: Place,
    pub(super) login: Login,
    pub(super) db: i64,
    pub(super) is_encrypted: bool,
}

/// How the server that holds the log is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// It is this one.
    Server(Address),
    /// Any node of a Cluster knows.
    Cluster(Vec<Address>),
    /// Any Sentinel knows, by the master's name.
    Sentinel(Vec<Address>, String),
}

/// Of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// What is said first. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.password.is_some() { "with password" } else { "without password" })
    }
}

impl RedisServers {
    /// Reads what the config says: one URL, or several of the nodes of one Cluster.
    ///
    /// # Errors
    /// What would be right.
    pub fn parse(urls: &[String]) -> Result<Self, String> {
        let mut read = urls.iter().map(|url| Self::of(url).ok_or_else(|| format!("expected {EXPECTED}")));
        let mut all = read.next().unwrap_or_else(|| Err("expected at least one URL".to_owned()))?;
        for other in read {
            let other = other?;
            let is_alike =
                (&all.login, all.db, all.is_encrypted) == (&other.login, other.db, other.is_encrypted);
            all.place = match (all.place.nodes(), other.place.nodes()) {
                (Some(nodes), Some(others)) if is_alike && all.db == 0 => {
                    Place::Cluster([nodes, others].concat())
                }
                _ => {
                    return Err(
                        "several URLs only for nodes of one Cluster, with one user and no db".to_owned()
                    );
                }
            };
        }
        Ok(all)
    }

    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if rest.contains(['?', '#']) {
            return None;
        }
        if scheme == "unix" {
            let path = PathBuf::from(rest);
            let place = path.is_absolute().then_some(Place::Server(Address::Unix(path)))?;
            return Some(Self { place, login: Login::default(), db: 0, is_encrypted: false });
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Login::of(login)?, hosts),
            None => (Login::default(), authority),
        };
        let (is_encrypted, kind) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis")?),
        };
        let (place, db) = match kind {
            "" => (Place::Server(address(hosts, PORT)?), path),
            "-cluster" => {
                (Place::Cluster(addresses(hosts, PORT)?), if path.is_empty() { path } else { return None })
            }
            "-sentinel" => {
                let (master, db) = path.split_once('/').unwrap_or((path, ""));
                let master = (!master.is_empty()).then(|| decoded(master))??;
                (Place::Sentinel(addresses(hosts, SENTINEL_PORT)?, master), db)
            }
            _ => return None,
        };
        let db = if db.is_empty() { 0 } else { i64::from(db.parse::<u16>().ok()?) };
        Some(Self { place, login, db, is_encrypted })
    }
}

impl Place {
    /// Such as may be of a Cluster.
    fn nodes(&self) -> Option<Vec<Address>> {
        match self {
            Self::Server(address @ Address::Tcp(..)) => Some(vec![address.clone()]),
            Self::Cluster(nodes) => Some(nodes.clone()),
            Self::Server(Address::Unix(_)) | Self::Sentinel(..) => None,
        }
    }
}

impl Address {
    /// One that a node of a Cluster names; without a host it is the node's own.
    pub(super) fn beside(&self, named: &str) -> Option<Self> {
        let (host, port) = named.rsplit_once(':')?;
        let port = port.parse().ok()?;
        match self {
            Self::Tcp(own, _) if host.is_empty() => Some(Self::Tcp(own.clone(), port)),
            Self::Tcp(..) | Self::Unix(_) => Some(Self::Tcp(host.trim_matches(['[', ']']).to_owned(), port)),
        }
    }
}

impl Login {
    fn of(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':')?;
        let (user, password) = (decoded(user)?, decoded(password)?);
        (!password.is_empty())
            .then(|| Self { user: (!user.is_empty()).then_some(user), password: Some(password) })
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

fn addresses(hosts: &str, port: u16) -> Option<Vec<Address>> {
    hosts.split(',').map(|host| address(host, port)).collect()
}

/// `host`, `host:port`, `[::1]:port`.
fn address(text: &str, port: u16) -> Option<Address> {
    let authority: Authority = text.parse().ok()?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let has_port = authority.as_str().len() > authority.host().len();
    let port = if has_port { authority.port_u16()? } else { port };
    let is_one = !host.is_empty() && !host.contains(',');
    is_one.then(|| Address::Tcp(host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(urls: &[&str]) -> Result<RedisServers, String> {
        RedisServers::parse(&urls.iter().map(|&url| url.to_owned()).collect::<Vec<_>>())
    }

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp(host.to_owned(), port)
    }

    #[test]
    fn urls_say_where_the_servers_are() {
        let place = |url| parse(&[url]).unwrap().place;
        assert_eq!(place("redis://a"), Place::Server(tcp("a", 6379)));
        assert_eq!(place("redis://[::1]:7/"), Place::Server(tcp("::1", 7)));
        assert_eq!(place("unix:///run/a.sock"), Place::Server(Address::Unix("/run/a.sock".into())));
        let nodes = Place::Cluster(vec![tcp("a", 6379), tcp("b", 7)]);
        assert_eq!(place("redis-cluster://a,b:7"), nodes);
        assert_eq!(parse(&["redis://a", "redis://b:7"]).unwrap().place, nodes);
        let sentinels = vec![tcp("a", 26379), tcp("b", 7)];
        let servers = parse(&["rediss-sentinel://u%40:p%3a%2F@a,b:7/my%20master/3"]).unwrap();
        assert_eq!(servers.place, Place::Sentinel(sentinels, "my master".to_owned()));
        assert_eq!((servers.db, servers.is_encrypted), (3, true));
        assert_eq!(servers.login, Login { user: Some("u@".to_owned()), password: Some("p:/".to_owned()) });
        let servers = parse(&["redis://:secret@a/15"]).unwrap();
        assert_eq!((servers.login.user.as_deref(), servers.db), (None, 15));
        assert!(!format!("{servers:?}").contains("secret"));
    }

    #[test]
    fn what_is_no_url_gets_an_error_without_its_password() {
        let wrong = [
            "",
            "a",
            "http://a",
            "redis:a",
            "redis://",
            "redis://a:b",
            "redis://a:70000",
            "redis://a,b",
            "redis://:secret@",
            "redis://secret@a",
            "redis://u:@a",
            "redis://a/secret",
            "redis://a/-1",
            "redis://a?secret=1",
            "redis://a#insecure",
            "unix://secret",
            "redis-cluster://a,,b",
            "redis-cluster://a/1",
            "redis-sentinel://a",
            "redis-sentinel://a/m/x",
            "redisss://a",
            "redis-x://a",
        ];
        for url in wrong {
            let error = parse(&[url]).unwrap_err();
            assert!(error.starts_with("expected redis://") && !error.contains("secret"), "{url}: {error}");
        }
        assert!(parse(&[]).is_err());
        for pair in [
            ["redis://a", "rediss://b"],
            ["redis://a/1", "redis://b/1"],
            ["redis://a", "unix:///b"],
            ["redis://:secret@a", "redis://b"],
            ["redis://a", "redis-sentinel://b/m"],
        ] {
            let error = parse(&pair).unwrap_err();
            assert!(error.contains("Cluster") && !error.contains("secret"), "{pair:?}: {error}");
        }
    }
}
