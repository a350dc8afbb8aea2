//! Readers: some stay, some come and go, some do not read as fast as events come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::dice::Dice;
use super::ledger::Ledger;
use super::told::{Reading, Stretch, Told, hash};
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
    stretch: Stretch,
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

    /// The next frame, with its text; `None`: the connection is over.
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

    async fn read(&mut self) -> Result<(), End> {
        let text = self.next().await?;
        self.stretch.frames.push(hash(&text));
        Ok(())
    }

    async fn read_until(&mut self, end: Instant) -> Result<(), End> {
        while let Ok(read) = timeout_at(end, self.read()).await {
            read?;
        }
        Ok(())
    }

    /// Reads on until it has what was told until now.
    async fn catch_up(&mut self) -> Result<(), End> {
        let told = &self.audience.told;
        self.stretch.until = told.len();
        let last = told.last(self.reading, &self.stretch);
        let end = Instant::now() + DEADLINE;
        loop {
            // Two frames of one moment can be the same, so to have the last one is not all.
            let has_it = last.is_none_or(|last| self.stretch.frames.contains(&last));
            if has_it && told.holds(self.reading, &self.stretch).is_ok() {
                return Ok(());
            }
            let seed = self.audience.ledger.seed;
            assert!(Instant::now() < end, "seed {seed}: {:?} never gets what others have", self.reading);
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

    fn reset(self) -> Stretch {
        self.socket.get_ref().set_zero_linger().unwrap();
        self.stretch
    }

    /// What it got is a part of what was told, at the latest when those who read all have it too.
    async fn settle(audience: &Audience, reading: Reading, stretch: Stretch) {
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

/// Comes and goes until it is told to stop.
pub async fn come_and_go(audience: Arc<Audience>, mut dice: Dice, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let mut life = Life::begin(&audience, super::reading(&mut dice), false).await;
        let reading = life.reading;
        let end = Instant::now() + Duration::from_millis(20 + dice.below(5) * dice.below(1500));
        let mut ended = life.read_until(end).await;
        let leaves = dice.below(4);
        if leaves < 2 && ended.is_ok() {
            ended = life.catch_up().await;
        }
        assert!(ended.is_ok(), "seed {}: a reader that reads was closed: {ended:?}", audience.ledger.seed);
        let stretch = match leaves {
            0 | 1 => {
                let end = life.close().await;
                assert!(matches!(end, End::Closed(_)), "seed {}: {end:?} for a close", audience.ledger.seed);
                life.stretch
            }
            2 => life.reset(),
            _ => std::mem::take(&mut life.stretch),
        };
        Life::settle(&audience, reading, stretch).await;
    }
}

/// Comes, reads nothing or too little for a while, and then all that there is.
pub async fn come_and_dawdle(audience: Arc<Audience>, mut dice: Dice, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let mut life = Life::begin(&audience, super::reading(&mut dice), true).await;
        let reading = life.reading;
        let end = Instant::now() + Duration::from_millis(500 + dice.below(9000));
        let pause = if dice.below(2) == 0 { DEADLINE } else { Duration::from_millis(40) };
        let mut ended = Ok(());
        while ended.is_ok() && Instant::now() < end && !*stop.borrow() {
            let pause = (Instant::now() + pause).min(end);
            drop(timeout_at(pause, stop.wait_for(|stop| *stop)).await);
            if pause < end {
                ended = timeout_at(end, life.read()).await.unwrap_or(Ok(()));
            }
        }
        if ended.is_ok() {
            ended = life.catch_up().await;
        }
        let how = match ended {
            Ok(()) => life.close().await,
            Err(end) => end,
        };
        match how {
            End::Closed(Some(CloseCode::Again)) | End::Cut => {
                audience.too_slow.fetch_add(1, Ordering::Relaxed);
            }
            End::Closed(None) => {}
            End::Closed(code) => {
                panic!("seed {}: a slow reader was closed with {code:?}", audience.ledger.seed)
            }
        }
        let stretch = std::mem::take(&mut life.stretch);
        drop(life);
        Life::settle(&audience, reading, stretch).await;
    }
}

/// Stays to the end and gets all of it; the first of them says what was told. `complete`: nothing more will be.
pub async fn stay(
    audience: Arc<Audience>,
    reading: Reading,
    is_first: bool,
    complete: watch::Receiver<bool>,
) {
    let mut life = Life::begin(&audience, reading, false).await;
    let (mut next, mut pending, mut end) = (0, Vec::new(), None);
    let who = format!("seed {}: {reading:?}, which stays", audience.ledger.seed);
    loop {
        if let Ok(got) = timeout(Duration::from_millis(200), life.next()).await {
            let text = got.unwrap_or_else(|end| panic!("{who}, was closed: {end:?}"));
            if is_first {
                audience.told.add(&text);
            }
            pending.push(hash(&text));
            if pending.len() < 100 {
                continue;
            }
        }
        let followed = audience.told.follow(reading, &mut next, &mut pending);
        followed.unwrap_or_else(|fault| panic!("{who}: {fault}"));
        if *complete.borrow() {
            let missing = audience.told.missing(reading, next);
            if missing.is_empty() {
                break;
            }
            let end = *end.get_or_insert_with(|| Instant::now() + DEADLINE);
            assert!(Instant::now() < end, "{who}, never gets the events of the writes {missing:?}");
        }
    }
    assert_eq!(life.close().await, End::Closed(None), "{who}");
    let more = pending.len() + life.stretch.frames.len();
    assert_eq!(more, 0, "{who}, got frames that nobody else got");
}
