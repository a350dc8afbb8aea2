//! One connection of a reader.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::event::{Reading, hash};
use super::ledger::Ledger;
use super::told::{Stretch, Told};
use crate::harness::DEADLINE;

/// What all readers share.
#[derive(Debug)]
pub struct Audience {
    pub address: SocketAddr,
    pub ledger: Arc<Ledger>,
    pub told: Told,
    pub come: AtomicU64,
    pub gone: AtomicU64,
    pub too_slow: AtomicU64,
    pub frames: AtomicU64,
}

impl Audience {
    pub fn new(address: SocketAddr, ledger: Arc<Ledger>) -> Self {
        let [come, gone, too_slow, frames] = [(); 4].map(|()| AtomicU64::new(0));
        Self { address, ledger, told: Told::default(), come, gone, too_slow, frames }
    }
}

/// One connection.
pub struct Life<'a> {
    audience: &'a Audience,
    socket: WebSocketStream<TcpStream>,
    pub reading: Reading,
    pub stretch: Stretch,
}

/// How a connection ended that did not go by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed(Option<CloseCode>),
    /// Without a close frame.
    Cut,
}

impl<'a> Life<'a> {
    pub async fn begin(audience: &'a Audience, reading: Reading, is_small: bool) -> Self {
        let from = audience.told.len();
        let path = if reading.canonical { "events" } else { "ws" };
        let url = format!("ws://{}/{path}?topic={}", audience.address, reading.topic);
        let opened = timeout(DEADLINE, async {
            let stream = connect(audience.address, is_small).await.unwrap();
            tokio_tungstenite::client_async(url, stream).await
        });
        let opened = opened.await.unwrap_or_else(|_| panic!("no handshake"));
        let (socket, _) = opened.unwrap_or_else(|error| panic!("no reader: {error}"));
        audience.come.fetch_add(1, Ordering::Relaxed);
        let stretch = Stretch { from, first_write: audience.ledger.len(), ..Stretch::default() };
        Self { audience, socket, reading, stretch }
    }

    /// The text of the next frame.
    pub async fn next(&mut self) -> Result<String, End> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    self.audience.frames.fetch_add(1, Ordering::Relaxed);
                    return Ok(text.as_str().to_owned());
                }
                Some(Ok(Message::Close(frame))) => return Err(End::Closed(frame.map(|frame| frame.code))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Cut),
            }
        }
    }

    pub async fn read(&mut self) -> Result<(), End> {
        let text = self.next().await?;
        self.stretch.frames.push(hash(&text));
        Ok(())
    }

    pub async fn read_until(&mut self, end: Instant) -> Result<(), End> {
        while let Ok(read) = timeout_at(end, self.read()).await {
            read?;
        }
        Ok(())
    }

    /// Reads on until it has what was told until now.
    pub async fn catch_up(&mut self) -> Result<(), End> {
        let told = &self.audience.told;
        self.stretch.until = told.len();
        let last = told.last(self.reading, &self.stretch);
        let end = Instant::now() + DEADLINE;
        loop {
            // Two frames of one moment can be the same, so to have the last one is not all.
            let has_it = last.is_none_or(|last| self.stretch.frames.contains(&last));
            let held = told.holds(self.reading, &self.stretch);
            if has_it && held.is_ok() {
                return Ok(());
            }
            let seed = self.audience.ledger.seed;
            assert!(
                Instant::now() < end,
                "seed {seed}: {:?} has not what others have: {held:?}",
                self.reading
            );
            let read = self.read_until(Instant::now() + Duration::from_millis(20)).await;
            read.inspect_err(|_| self.stretch.until = 0)?;
        }
    }

    /// Closes as the protocol has it; what comes until the other side has closed too counts as well.
    pub async fn close(&mut self) -> End {
        if self.socket.send(Message::Close(None)).await.is_err() {
            return End::Cut;
        }
        let rest = timeout(DEADLINE, async {
            loop {
                if let Err(end) = self.read().await {
                    break end;
                }
            }
        });
        rest.await.unwrap_or_else(|_| panic!("{:?}: its close is not answered", self.reading))
    }

    pub fn reset(self) -> Stretch {
        self.socket.get_ref().set_zero_linger().unwrap();
        self.stretch
    }

    /// What it got is a part of what was told, at the latest when those who read all have it too.
    pub async fn settle(audience: &Audience, reading: Reading, stretch: Stretch) {
        audience.gone.fetch_add(1, Ordering::Relaxed);
        let end = Instant::now() + DEADLINE;
        while let Err(fault) = audience.told.holds(reading, &stretch) {
            let Stretch { from, first_write, until, frames } = &stretch;
            let place =
                format!("from {from}, first write {first_write}, until {until}, {} frames", frames.len());
            assert!(Instant::now() < end, "seed {}: {reading:?} ({place}): {fault}", audience.ledger.seed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn connect(address: SocketAddr, is_small: bool) -> std::io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    if is_small {
        // Small segments keep the sender's buffer small too: on loopback, 2.6 MB would fit into it.
        socket.set_tcp_mss(536)?;
        socket.set_recv_buffer_size(2048)?;
    }
    socket.set_nonblocking(true)?;
    tokio::net::TcpSocket::from_std_stream(socket.into()).connect(address).await
}
