//! One connection, which ends where the network breaks it, where the server stays silent, and where the server says
//! that something may not be.

use std::fmt;
use std::future::{Future, ready};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{Auth, AuthError, Client, ConnectErrorKind, ConnectOptions, Event, Message, Subscriber};
use async_nats::{ConnectError, HeaderMap, RequestErrorKind};
use bytes::Bytes;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::address::Address;
use crate::broker::Away;

/// To connect and log in.
const CONNECTED: Duration = Duration::from_secs(2);
/// Whatever is asked is answered in that time.
pub(super) const ANSWERED: Duration = Duration::from_secs(5);
/// A server that has been silent for so long is asked whether it is there; at the third time it is not.
const PING: Duration = Duration::from_secs(1);
/// So many messages wait for each subscription. Those for which there is no room are dropped.
pub(super) const WAITING: usize = 512;

#[derive(Clone)]
pub(super) struct Link {
    client: Client,
    end: watch::Receiver<Option<String>>,
}

impl Link {
    pub(super) async fn connect(address: &Address, tls: ClientConfig) -> Result<Self, Away> {
        let (told, end) = watch::channel(None);
        let connecting = ConnectOptions::with_auth_callback(once(address.auth()))
            .name("restcast")
            .connection_timeout(CONNECTED)
            .request_timeout(Some(ANSWERED))
            .ping_interval(PING)
            .max_reconnects(1)
            .ignore_discovered_servers()
            .subscription_capacity(WAITING)
            .tls_client_config(tls)
            .event_callback(move |event| {
                tell(&told, &event);
                ready(())
            })
            .connect(&address.place);
        let client = connecting.await.map_err(|error| refused(&error))?;
        Ok(Self { client, end })
    }

    /// When the connection is over, and why; never before.
    pub(super) async fn ended(&mut self) -> Away {
        match self.end.wait_for(Option::is_some).await {
            Ok(why) => Away(why.clone().unwrap_or_default()),
            Err(_) => broken(),
        }
    }

    /// As `work` says, unless the connection is over before.
    pub(super) async fn during<T>(&self, work: impl Future<Output = Result<T, Away>>) -> Result<T, Away> {
        let mut link = self.clone();
        tokio::select! {
            biased;
            away = link.ended() => Err(away),
            done = work => done,
        }
    }

    pub(super) async fn subscribe(&self, subject: String) -> Result<Subscriber, Away> {
        self.client.subscribe(subject).await.or(Err(broken()))
    }

    /// A subject for answers, which nobody else has.
    pub(super) fn inbox(&self) -> String {
        self.client.new_inbox()
    }

    /// Of a message with its headers, in bytes.
    pub(super) fn max_payload(&self) -> usize {
        self.client.max_payload()
    }

    /// Sends in the order of the calls.
    pub(super) async fn publish(
        &self,
        subject: &str,
        reply: String,
        headers: HeaderMap,
        bytes: Bytes,
    ) -> Result<(), Away> {
        let sending = self.client.publish_with_reply_and_headers(subject.to_owned(), reply, headers, bytes);
        match timeout(ANSWERED, sending).await {
            Ok(sent) => sent.map_err(|error| Away(error.to_string())),
            Err(_) => Err(silent()),
        }
    }

    /// Sends to whoever listens.
    pub(super) async fn tell(&self, subject: &str, bytes: Bytes) -> Result<(), Away> {
        match timeout(ANSWERED, self.client.publish(subject.to_owned(), bytes)).await {
            Ok(sent) => sent.map_err(|error| Away(error.to_string())),
            Err(_) => Err(silent()),
        }
    }

    /// Asks the server's own services.
    pub(super) async fn ask(&self, subject: String, body: &Value) -> Result<Message, Away> {
        let asking = self.client.request(subject, body.to_string().into());
        let answer = async {
            asking.await.map_err(|error| match error.kind() {
                RequestErrorKind::NoResponders => {
                    Away("JetStream is not enabled there, or not for this account".to_owned())
                }
                RequestErrorKind::TimedOut => silent(),
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                    Away(error.to_string())
                }
                RequestErrorKind::Other => broken(),
            })
        };
        self.during(answer).await
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a connection")
    }
}

pub(super) fn broken() -> Away {
    Away("the connection broke off".to_owned())
}

pub(super) fn silent() -> Away {
    Away(format!("no answer in {} s", ANSWERED.as_secs()))
}

/// Logs in for the first connection and for none that the library makes by itself.
fn once(auth: Auth) -> impl Fn(Vec<u8>) -> std::future::Ready<Result<Auth, AuthError>> {
    let was_used = AtomicBool::new(false);
    move |_| {
        let is_first = !was_used.swap(true, Ordering::Relaxed);
        ready(if is_first {
            Ok(auth.clone())
        } else {
            Err(AuthError::new("an opened log has one connection"))
        })
    }
}

fn tell(told: &watch::Sender<Option<String>>, event: &Event) {
    let why = match event {
        Event::Disconnected | Event::Closed => broken().0,
        Event::ServerError(error) => error.to_string(),
        Event::Connected
        | Event::LameDuckMode
        | Event::Draining
        | Event::SlowConsumer(_)
        | Event::ClientError(_) => return,
    };
    told.send_if_modified(|end| end.is_none() && end.replace(why).is_none());
}

/// In words that hold no address.
fn refused(error: &ConnectError) -> Away {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    let text = match (error.kind(), source.map(std::io::Error::kind)) {
        (ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation, _) => {
            "it does not accept this user and password, or token"
        }
        (ConnectErrorKind::TimedOut, _) => "no answer to the connection",
        (ConnectErrorKind::Dns, _) => "its name is not known",
        (ConnectErrorKind::Tls, _) | (_, Some(ErrorKind::InvalidData)) => {
            "its certificate is not believed, or it speaks no TLS"
        }
        (_, Some(kind)) => return Away(format!("cannot connect: {kind}")),
        (_, None) => "cannot connect",
    };
    Away(text.to_owned())
}
