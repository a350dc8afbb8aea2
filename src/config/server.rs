//! `[server]`: where it listens, and how it ends.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeValue;

use super::reader::Section;
use super::setting::{Setting as _, zero_or_more};
use super::up_to;
use crate::proxy::{Sockets, TrustedProxies};

/// `[server]`
#[derive(Debug)]
pub struct ServerConfig {
    /// Where REST and realtime are served.
    pub listen: Vec<SocketAddr>,
    /// Worker threads; 0: one for each core.
    pub threads: usize,
    /// Whose forwarding headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// How the process ends.
    pub drain: Drain,
    /// Where it hands its sockets to the one that takes its place; `None`: it does not.
    pub upgrade_socket: Option<String>,
}

/// What happens once the process is told to stop.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// So long everything goes on, and whoever asks hears that it is not ready.
    pub delay: Duration,
    /// Over so long realtime connections are closed.
    pub spread: Duration,
    /// How long running requests, and all of it behind the delay, may take.
    pub timeout: Duration,
}

pub(super) fn server(section: Section<'_>) -> ServerConfig {
    let listen = section.read("listen", |value| {
        let addresses = Vec::<SocketAddr>::read(value)?;
        if addresses.is_empty() { Err("at least one address".to_owned()) } else { Ok(addresses) }
    });
    let trusted = section.read("trusted_proxies", |value| {
        let parse =
            |text: &String| text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let nets: Result<Vec<IpNet>, _> = Vec::<String>::read(value)?.iter().map(parse).collect();
        nets.ok().ok_or_else(|| "IP addresses or networks, such as \"10.0.0.0/8\"".to_owned())
    });
    let config = ServerConfig {
        listen: listen.unwrap_or_else(|| vec![SocketAddr::from(([127, 0, 0, 1], 8080))]),
        threads: section.read("threads", |value| up_to(value, 1024)).unwrap_or(0),
        trusted_proxies: TrustedProxies(trusted.unwrap_or_default()),
        upgrade_socket: section.read("upgrade_socket", upgrade_socket).flatten(),
        drain: Drain {
            delay: section.read("drain_delay", zero_or_more).unwrap_or_default(),
            spread: section.read("drain_spread", zero_or_more).unwrap_or(Duration::from_secs(10)),
            timeout: section.get("drain_timeout", Duration::from_secs(30)),
        },
    };
    let most = Sockets::MOST - 1;
    if config.upgrade_socket.is_some() && config.listen.len() > most {
        section.report(
            "upgrade_socket",
            format!("no more than {most} addresses of server.listen can be handed over"),
        );
    }
    section.finish();
    config
}

fn upgrade_socket(value: &DeValue<'_>) -> Result<Option<String>, String> {
    let path = String::read(value)?;
    let is_good = path.starts_with('/') && path.len() <= Sockets::LONGEST_PATH && !path.contains('\0');
    let expected = || {
        format!(
            "the absolute path of a socket, up to {} bytes, such as \"/run/restcast/upgrade.sock\"",
            Sockets::LONGEST_PATH
        )
    };
    if path.is_empty() { Ok(None) } else { is_good.then_some(Some(path)).ok_or_else(expected) }
}
