//! Plays one row: a client and a backend, both held by one hand, step by step. Nothing runs beside it but
//! the proxy, so what a row says happens in exactly that order.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::select_all;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::end::{Done, End};
use crate::message::{Kind, Message, parse};
use crate::row::Row;
use crate::step::Step;

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

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
            Step::ClientCloses => {
                self.client.close();
                Ok(())
            }
            Step::ClientResets => {
                self.client.reset();
                Ok(())
            }
            Step::OriginReadsHead => self.origin_reads(true).await,
            Step::OriginReadsRequest => self.origin_reads(false).await,
            Step::OriginReadsEnd => self.origin().end().await,
            Step::OriginCloses | Step::OriginResets => {
                self.origin_leaves(step);
                Ok(())
            }
            Step::ProxySettles => self.settle().await,
            Step::OriginSendsContinue
            | Step::OriginSendsHints
            | Step::OriginSendsHalfHead
            | Step::OriginSendsHead
            | Step::OriginSendsHalf
            | Step::OriginSendsHeadAndHalf
            | Step::OriginSendsRest
            | Step::OriginSendsAnswer => self.origin_sends(step).await,
            Step::OriginSendsBytes => self.origin_sends_bytes(kind).await,
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

    /// Each byte arrives by itself: the proxy has read it before the next one is sent.
    async fn origin_sends_bytes(&mut self, kind: Kind) -> Done {
        for byte in self.row.answer.parts(kind).concat() {
            self.origin().send(&[byte]).await?;
            self.settle().await?;
        }
        if self.row.answer.closes() { self.origin().shut_down() } else { Ok(()) }
    }

    fn origin_leaves(&mut self, step: Step) {
        let mut origin =
            self.origins.pop().unwrap_or_else(|| panic!("the backend has no connection to leave"));
        if step == Step::OriginResets {
            origin.reset();
        } else {
            origin.close();
        }
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
