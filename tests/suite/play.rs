//! Plays one row: a client and a backend, both held by one hand, step by step. Nothing runs beside it but
//! the proxy, so what a row says happens in exactly that order.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::select_all;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::message::{Kind, Message, Progress, parse};
use crate::row::Row;

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens in a row that does not say it. That the client has its first byte before the last one was
/// sent is part of it.
pub const STANDARD: &[&str] = &[
    "client sends request",
    "origin reads request",
    "origin sends head and first half",
    "client reads first byte",
    "origin sends the rest",
    "client reads answer",
];

/// One thing that client or backend does; `STEPS` has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    ClientSendsRequest,
    ClientSendsHead,
    ClientSendsHalf,
    ClientSendsRest,
    ClientReadsHead,
    ClientReadsByte,
    ClientReadsInterim,
    ClientReadsAnswer,
    ClientReadsEnd,
    ClientStops,
    ClientCloses,
    ClientResets,
    OriginReadsHead,
    OriginReadsRequest,
    OriginReadsEnd,
    OriginSendsContinue,
    OriginSendsHints,
    OriginSendsHalfHead,
    OriginSendsHead,
    OriginSendsHalf,
    OriginSendsHeadAndHalf,
    OriginSendsRest,
    OriginSendsAnswer,
    OriginCloses,
    OriginResets,
    ProxySettles,
}

const STEPS: &[(&str, Step)] = &[
    ("client sends request", Step::ClientSendsRequest),
    ("client sends head", Step::ClientSendsHead),
    ("client sends half its body", Step::ClientSendsHalf),
    ("client sends the rest", Step::ClientSendsRest),
    ("client reads head", Step::ClientReadsHead),
    ("client reads first byte", Step::ClientReadsByte),
    ("client reads interim answer", Step::ClientReadsInterim),
    ("client reads answer", Step::ClientReadsAnswer),
    ("client reads end", Step::ClientReadsEnd),
    ("client stops sending", Step::ClientStops),
    ("client closes", Step::ClientCloses),
    ("client resets", Step::ClientResets),
    ("origin reads head", Step::OriginReadsHead),
    ("origin reads request", Step::OriginReadsRequest),
    ("origin reads end", Step::OriginReadsEnd),
    ("origin sends continue", Step::OriginSendsContinue),
    ("origin sends early hints", Step::OriginSendsHints),
    ("origin sends half its head", Step::OriginSendsHalfHead),
    ("origin sends head", Step::OriginSendsHead),
    ("origin sends first half", Step::OriginSendsHalf),
    ("origin sends head and first half", Step::OriginSendsHeadAndHalf),
    ("origin sends the rest", Step::OriginSendsRest),
    ("origin sends answer", Step::OriginSendsAnswer),
    ("origin closes", Step::OriginCloses),
    ("origin resets", Step::OriginResets),
    ("proxy settles", Step::ProxySettles),
];

impl Step {
    pub fn read(text: &str) -> Self {
        let found = STEPS.iter().find(|(name, _)| *name == text);
        found.unwrap_or_else(|| panic!("{text:?} is no step; see tests/suite/play.rs")).1
    }

    fn name(self) -> &'static str {
        STEPS.iter().find(|(_, step)| *step == self).map_or("", |(name, _)| name)
    }
}

/// What went over the wire at either end.
#[derive(Debug, Default)]
pub struct Played {
    pub answers: Vec<Message>,
    pub requests: Vec<Message>,
}

/// Plays `row` with a client that connects to `target`, and the backend at `listener`.
pub async fn play(row: &Row, target: SocketAddr, listener: &TcpListener) -> Result<Played, String> {
    let stream = TcpStream::connect(target).await.map_err(|error| format!("cannot connect: {error}"))?;
    let mut stage = Stage {
        row,
        listener,
        target,
        client: End::of(stream),
        origins: Vec::new(),
        played: Played::default(),
        at_origin: target == listener.local_addr().unwrap(),
    };
    for step in &row.steps {
        let done = timeout(PATIENCE, stage.act(*step)).await.unwrap_or_else(|_| Err("in vain".to_owned()));
        done.map_err(|error| format!("{}: {error}", step.name()))?;
    }
    Ok(stage.played)
}

struct Stage<'a> {
    row: &'a Row,
    listener: &'a TcpListener,
    target: SocketAddr,
    client: End,
    /// The one that had the last request is the last.
    origins: Vec<End>,
    played: Played,
    /// The client is connected to the backend itself.
    at_origin: bool,
}

type Done = Result<(), String>;

impl Stage<'_> {
    async fn act(&mut self, step: Step) -> Done {
        let kind = self.row.request.kind_of_answer();
        match step {
            Step::ClientSendsRequest
            | Step::ClientSendsHead
            | Step::ClientSendsHalf
            | Step::ClientSendsRest => self.client_sends(step).await,
            Step::ClientReadsHead => self.client.until(kind, |progress| progress.head).await,
            Step::ClientReadsByte => {
                let bodyless = self.row.answer.body.is_empty() || kind == Kind::AnswerToHead;
                self.client
                    .until(kind, |progress| progress.head && (bodyless || progress.body_bytes > 0))
                    .await
            }
            Step::ClientReadsAnswer => self.client_reads_answer(kind).await,
            Step::ClientReadsInterim => self.client_reads(kind).await.map(drop),
            Step::ClientReadsEnd => self.client.end().await,
            Step::ClientStops => self.client.shut_down(),
            Step::ClientCloses => self.client.close(),
            Step::ClientResets => self.client.reset(),
            Step::OriginReadsHead => self.origin_reads(true).await,
            Step::OriginReadsRequest => self.origin_reads(false).await,
            Step::OriginReadsEnd => self.origin().end().await,
            Step::OriginCloses => self.origin_leaves(End::close),
            Step::OriginResets => self.origin_leaves(End::reset),
            Step::ProxySettles => self.settle().await,
            Step::OriginSendsContinue
            | Step::OriginSendsHints
            | Step::OriginSendsHalfHead
            | Step::OriginSendsHead
            | Step::OriginSendsHalf
            | Step::OriginSendsHeadAndHalf
            | Step::OriginSendsRest
            | Step::OriginSendsAnswer => self.origin_sends(step).await,
        }
    }

    async fn client_sends(&mut self, step: Step) -> Done {
        let (head, body) = (self.row.request.head(), &self.row.request.body);
        let (first, second) = body.split_at(body.len() / 2);
        match step {
            Step::ClientSendsRequest => self.client.send(&[&head, body.as_slice()].concat()).await,
            Step::ClientSendsHead => self.client.send(&head).await,
            Step::ClientSendsHalf => self.client.send(first).await,
            _ => self.client.send(second).await,
        }
    }

    /// Reads the final answer, and any interim one before it.
    async fn client_reads_answer(&mut self, kind: Kind) -> Done {
        while self.client_reads(kind).await?.starts_with('1') {}
        Ok(())
    }

    /// Reads one answer; its status.
    async fn client_reads(&mut self, kind: Kind) -> Result<String, String> {
        let answer = self.client.message(kind).await?;
        let status = answer.status().to_owned();
        self.played.answers.push(answer);
        Ok(status)
    }

    async fn origin_sends(&mut self, step: Step) -> Done {
        let [head, first, rest] = self.row.answer.parts(self.row.request.kind_of_answer());
        let bytes = match step {
            Step::OriginSendsContinue => b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
            Step::OriginSendsHints => b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n".to_vec(),
            Step::OriginSendsHalfHead => head[..head.len() / 2].to_vec(),
            Step::OriginSendsHead => head,
            Step::OriginSendsHalf => first,
            Step::OriginSendsHeadAndHalf => [head, first].concat(),
            Step::OriginSendsRest => rest,
            _ => [head, first, rest].concat(),
        };
        let last = matches!(step, Step::OriginSendsRest | Step::OriginSendsAnswer);
        let closes = last && self.row.answer.closes();
        let origin = self.origin();
        origin.send(&bytes).await?;
        if closes { origin.shut_down() } else { Ok(()) }
    }

    fn origin_leaves(&mut self, leave: fn(&mut End) -> Done) -> Done {
        leave(self.origin())?;
        self.origins.pop();
        Ok(())
    }

    fn origin(&mut self) -> &mut End {
        self.origins.last_mut().unwrap_or_else(|| panic!("the backend has no request yet"))
    }

    /// Waits for a request on any connection of the backend, or only for its head.
    async fn origin_reads(&mut self, head_alone: bool) -> Done {
        loop {
            for index in 0..self.origins.len() {
                let origin = &mut self.origins[index];
                let found = parse(&origin.raw, Kind::Request, false);
                let enough = match &found {
                    Ok(_) => true,
                    Err(progress) => head_alone && progress.head,
                };
                if let (Ok((request, length)), false) = (found, head_alone) {
                    origin.raw.drain(..length);
                    self.played.requests.push(request);
                }
                if enough {
                    let origin = self.origins.remove(index);
                    self.origins.push(origin);
                    return Ok(());
                }
            }
            self.more().await.map_err(|error| error.to_string())?;
        }
    }

    /// Waits until a connection comes or one of those there has more.
    async fn more(&mut self) -> io::Result<()> {
        let waiting = self.origins.iter().map(|origin| origin.readable().boxed_local());
        // Never ready; there may be no connection yet.
        let waiting = waiting.chain([std::future::pending().boxed_local()]);
        let index = tokio::select! {
            accepted = self.listener.accept() => Err(accepted?.0),
            (_, index, _) = select_all(waiting) => Ok(index),
        };
        match index {
            Err(stream) => self.origins.push(End::of(stream)),
            Ok(index) if self.origins[index].fill().await => {}
            Ok(index) => drop(self.origins.remove(index)),
        }
        Ok(())
    }

    /// By the time that an answer on another connection came, the proxy has seen what went before.
    async fn settle(&mut self) -> Done {
        if self.at_origin {
            return Ok(());
        }
        let stream = TcpStream::connect(self.target).await.map_err(|error| error.to_string())?;
        let mut other = End::of(stream);
        other.send(b"GET /events HTTP/1.1\r\nHost: api.example\r\n\r\n").await?;
        other.message(Kind::Answer).await.map(drop)
    }
}

/// One end of a connection.
struct End {
    stream: Option<TcpStream>,
    /// What came and was not taken yet.
    raw: Vec<u8>,
    ended: bool,
    /// It ended with an error.
    broken: bool,
}

impl End {
    fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream: Some(stream), raw: Vec::new(), ended: false, broken: false }
    }

    fn stream(&self) -> &TcpStream {
        self.stream.as_ref().unwrap_or_else(|| panic!("the row uses a connection that it has closed"))
    }

    async fn readable(&self) -> io::Result<()> {
        self.stream().readable().await
    }

    /// Takes what came; `false`: nothing more will.
    async fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            if self.readable().await.is_err() {
                self.broken = true;
                break;
            }
            match self.stream().try_read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    self.raw.extend_from_slice(&buffer[..read]);
                    return true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        self.ended = true;
        false
    }

    /// The next message, whole or as far as it came.
    async fn message(&mut self, kind: Kind) -> Result<Message, String> {
        loop {
            match parse(&self.raw, kind, self.ended) {
                Ok((mut message, length)) => {
                    // The end of a connection ends such a body only if it was meant to.
                    message.whole &= !(self.broken && message.is_close_delimited());
                    self.raw.drain(..length);
                    return Ok(message);
                }
                Err(_) if self.ended => {
                    return Err(format!("ended after {:?}", self.raw.escape_ascii().to_string()));
                }
                Err(_) => drop(self.fill().await),
            }
        }
    }

    /// Waits until there is enough of a final answer.
    async fn until(&mut self, kind: Kind, enough: impl Fn(Progress) -> bool) -> Done {
        loop {
            match parse(&self.raw, kind, self.ended) {
                Ok(_) => return Ok(()),
                Err(progress) if enough(progress) => return Ok(()),
                Err(_) if self.ended => return Err("ended before".to_owned()),
                Err(_) => drop(self.fill().await),
            }
        }
    }

    /// Waits for the other side to end the connection.
    async fn end(&mut self) -> Done {
        while self.fill().await {}
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Done {
        let mut rest = bytes;
        while !rest.is_empty() {
            let ready = self.stream().writable().await;
            match ready.and_then(|()| self.stream().try_write(rest)) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Whether the other side still listens is not what a row is about.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    fn shut_down(&mut self) -> Done {
        let socket = self.stream.take().map(|stream| stream.into_std().unwrap()).unwrap();
        drop(socket.shutdown(std::net::Shutdown::Write));
        self.stream = Some(TcpStream::from_std(socket).map_err(|error| error.to_string())?);
        Ok(())
    }

    fn close(&mut self) -> Done {
        drop(self.stream.take());
        Ok(())
    }

    fn reset(&mut self) -> Done {
        if let Some(stream) = self.stream.take() {
            stream.set_zero_linger().map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
