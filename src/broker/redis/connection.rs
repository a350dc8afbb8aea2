//! One connection to one server.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, PushInfo, RedisConnectionInfo, RedisError};
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::url::{Address, Login};
use crate::broker::Away;

/// A server that has not taken a connection and a password within that is away.
const CONNECT: Duration = Duration::from_secs(2);
/// One that has not answered within that is away.
pub(super) const ANSWER: Duration = Duration::from_secs(3);

/// Clones share it; it ends with the last of them.
#[derive(Clone)]
pub(super) struct Connection {
    /// Asks.
    pub(super) link: MultiplexedConnection,
    _driver: Arc<JoinSet<()>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Asks the server to answer.
    pub(super) async fn ping(&mut self) -> Result<(), RedisError> {
        redis::cmd("PING").query_async(&mut self.link).await
    }
}

/// How to connect.
#[derive(Clone)]
pub(super) struct Entrance {
    pub(super) login: Login,
    pub(super) db: i64,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Entrance {
    /// Connects; `take` gets what the server says unasked.
    pub(super) async fn connect(
        &self,
        address: &Address,
        take: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Connection, RedisError> {
        let take = move |info| {
            take(info);
            Ok::<(), ()>(())
        };
        let settings = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER)).set_push_sender(take);
        let greeting = self.greeting();
        let connecting = async {
            let stream = self.stream(address).await?;
            MultiplexedConnection::new_with_config(&greeting, stream, settings).await
        };
        let (link, driver) = timeout(CONNECT, connecting).await.map_err(|_elapsed| timed_out())??;
        let mut tasks = JoinSet::new();
        tasks.spawn(driver);
        Ok(Connection { link, _driver: Arc::new(tasks) })
    }

    fn greeting(&self) -> RedisConnectionInfo {
        let Login { user, password } = &self.login;
        // What is published comes beside answers only in the third version.
        let info = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3).set_db(self.db);
        let info = info.set_skip_set_lib_name();
        let info = if let Some(user) = user { info.set_username(user) } else { info };
        if let Some(password) = password { info.set_password(password) } else { info }
    }

    async fn stream(&self, address: &Address) -> Result<Box<dyn Stream>, RedisError> {
        let (host, port) = match address {
            Address::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
            Address::Tcp(host, port) => (host, *port),
        };
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        Ok(Box::new(stream.map_err(nameless)?))
    }
}

/// Bytes to and from a server.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// rustls says which name it is that the certificate lacks.
fn nameless(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let lacks_name = matches!(
        cause,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
        ))
    );
    if lacks_name { io::Error::other("its certificate has another name") } else { error }
}

fn timed_out() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

/// What is said of an error: it holds no address, which redirections have.
pub(super) fn away(error: &RedisError) -> Away {
    if error.redirect_node().is_some() {
        return Away("the log is on another node".to_owned());
    }
    if error.is_timeout() {
        return Away("no answer in time".to_owned());
    }
    Away(error.to_string().replace(char::is_control, " "))
}
