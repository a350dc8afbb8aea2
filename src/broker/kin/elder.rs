//! The side of the process that comes: what it finds, and how it goes on.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{Semaphore, oneshot};

use super::heir::send;
use super::mail::Mail;
use super::word::{Hello, Word};
use crate::broker::memory::Memory;
use crate::broker::wire::{Content, Letter};
use crate::broker::{Parcel, Publisher};
use crate::event::{Epoch, Event};
use crate::hub::{Heirloom, Hub, Legacy};

/// Words that have come and that the hub has not seen yet.
const ARRIVED: usize = 4096;

/// What the elder holds.
#[derive(Debug)]
pub struct Bequest {
    legacy: Legacy,
    kept: Vec<(u64, SystemTime, Heirloom<Event>)>,
}

/// The elder, while this process is set up.
#[derive(Debug)]
pub struct Meeting {
    stream: UnixStream,
    /// What carries its events between processes, as its config calls it.
    pub broker: String,
    /// The epoch of the log that it follows, where one is known.
    pub log: Option<Epoch>,
    /// `None`: something else carries them.
    pub bequest: Option<Bequest>,
}

/// Hears what the elder holds.
///
/// # Errors
/// It broke off, or says what is not understood.
pub async fn meet(mut stream: UnixStream) -> io::Result<Meeting> {
    let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "the old process said nothing");
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "not what an old process says");
    let Some(Word::Hello(hello)) = Word::receive(&mut stream).await? else { return Err(gone()) };
    let Hello { broker, log, legacy } = hello;
    let mut kept = Vec::new();
    loop {
        match Word::receive(&mut stream).await?.ok_or_else(gone)? {
            Word::Settled => break,
            Word::Hidden(offset, time, topics) => kept.push((offset, time, Heirloom::Hidden(topics))),
            Word::Kept(offset, time, letter) => {
                match Letter::read(&letter).map_err(io::Error::other)?.content {
                    Content::Parcel(parcel) => match *parcel {
                        Parcel::Event(event) => kept.push((offset, time, Heirloom::Event(event))),
                        Parcel::Push(_) => return Err(strange()),
                    },
                    Content::Lost => return Err(strange()),
                }
            }
            Word::Hello(_)
            | Word::Entry(..)
            | Word::Placed(..)
            | Word::Begin(_)
            | Word::Over
            | Word::Ready
            | Word::Yours
            | Word::Letter(_) => return Err(strange()),
        }
    }
    Ok(Meeting { stream, broker, log, bequest: legacy.map(|legacy| Bequest { legacy, kept }) })
}

impl Meeting {
    /// The hub goes on where the elder's stands.
    pub fn settle(&mut self, hub: &Hub) {
        if let Some(Bequest { legacy, kept }) = self.bequest.take() {
            hub.inherit(legacy, kept);
        }
    }

    /// Says that this process can accept connections, and carries what both say until the elder has gone; `ours` is told
    /// once they are this one's, and dropped where they are not going to be. `memory` follows it from now on: before there
    /// are events.
    pub fn go_on(
        self,
        memory: Option<Arc<Memory>>,
        publisher: Publisher,
        ours: oneshot::Sender<()>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mail = memory.as_ref().map(|memory| memory.follow());
        let stream = self.stream;
        async move {
            let (mut read, mut write) = stream.into_split();
            let ended = async {
                write.write_all(&Word::Ready.write()).await?;
                let listen = listen(&mut read, (memory.as_ref(), &publisher), (mail.as_deref(), ours));
                let Some(mail) = &mail else { return listen.await };
                tokio::try_join!(send(&mut write, mail), listen).map(|_| ())
            };
            if let Err(error) = ended.await {
                tracing::warn!(%error, "the old process broke off");
            }
            if let Some(memory) = memory {
                publisher.answer(Box::new(move || memory.lose_elder()));
            }
        }
    }
}

/// Until the elder has gone; then nothing more is sent to it.
async fn listen(
    read: &mut OwnedReadHalf,
    (memory, publisher): (Option<&Arc<Memory>>, &Publisher),
    (mail, ours): (Option<&Mail>, oneshot::Sender<()>),
) -> io::Result<()> {
    let (mut ours, room) = (Some(ours), Arc::new(Semaphore::new(ARRIVED)));
    while let Some(word) = Word::receive(read).await? {
        match (word, memory) {
            (Word::Yours, _) => {
                // Whoever waited for it may be ending.
                ours.take().map(|ours| ours.send(()));
            }
            (word, Some(memory)) => {
                let (room, memory) = (Arc::clone(&room).acquire_owned().await, Arc::clone(memory));
                publisher.answer(Box::new(move || {
                    memory.hear_elder(word);
                    drop(room);
                }));
            }
            (_, None) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not what an old process says"));
            }
        }
    }
    if let Some(mail) = mail {
        mail.close();
    }
    Ok(())
}
