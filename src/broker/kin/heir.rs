//! The side of the process that leaves: it receives the one that takes its place.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use super::mail::Mail;
use super::word::{Hello, Word};
use crate::broker::memory::Memory;
use crate::broker::remote::OutgoingLimits;
use crate::broker::wire::{Content, Letter};
use crate::broker::{Parcel, Publisher};
use crate::event::Epoch;
use crate::hub::{Estate, Heirloom};

/// What a process that carries no events is told behind its beginning.
const ONE_WORD: OutgoingLimits = OutgoingLimits { letters: 1, bytes: 1024 };
/// Letters that have come and that the hub has not seen yet.
const ARRIVED: usize = 4096;

/// What the heir is told.
#[derive(Debug)]
pub struct Reception {
    /// What carries events between processes, as the config calls it.
    pub broker: &'static str,
    /// `None`: something else does that.
    pub memory: Option<Arc<Memory>>,
    /// The epoch of the log that this follows, where one is known.
    pub log: Option<Epoch>,
    /// In line with the events.
    pub publisher: Publisher,
}

/// Tells the heir what there is, and carries what both say until one of them ends. `ready` is told once it has been said
/// that connections are the heir's. While that was not said they are accepted here, and the heir ends where it hears no
/// more: there are never two that accept and do not hear each other.
///
/// # Errors
/// It broke off. What is told here goes on.
pub async fn receive(
    stream: UnixStream,
    Reception { broker, memory, log, publisher }: Reception,
    ready: oneshot::Sender<()>,
) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let hello = Hello { broker: broker.to_owned(), log, legacy: None };
    let Some(memory) = memory else {
        let mail = Mail::new(ONE_WORD);
        let listen = listen(&mut read, (None, &publisher), (&mail, ready));
        return tokio::try_join!(tell(&mut write, hello, None, &mail), listen).map(|_| ());
    };
    let (told, hears) = oneshot::channel();
    let leads = Arc::clone(&memory);
    publisher.answer(Box::new(move || {
        // Who has gone hears nothing more.
        if let Err((_, mail)) = told.send(leads.lead()) {
            leads.lose_heir(&mail);
        }
    }));
    let (estate, mail) = hears.await.map_err(io::Error::other)?;
    let lead = Lead { memory: &memory, publisher: &publisher, mail };
    let hello = Hello { legacy: Some(estate.legacy()), ..hello };
    let listen = listen(&mut read, (Some(&memory), &publisher), (&lead.mail, ready));
    // Until both have ended: what is not read when a socket is closed has the other side lose what it has not read.
    tokio::try_join!(tell(&mut write, hello, Some(&estate), &lead.mail), listen).map(|_| ())
}

/// While it lives, the heir is told what is published: not where whoever waits for it gives it up.
struct Lead<'a> {
    memory: &'a Arc<Memory>,
    publisher: &'a Publisher,
    mail: Arc<Mail>,
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let (memory, mail) = (Arc::clone(self.memory), Arc::clone(&self.mail));
        self.publisher.answer(Box::new(move || memory.lose_heir(&mail)));
    }
}

async fn tell(
    write: &mut OwnedWriteHalf,
    hello: Hello,
    estate: Option<&Estate>,
    mail: &Mail,
) -> io::Result<()> {
    write.write_all(&Word::Hello(hello).write()).await?;
    for (offset, time, what) in estate.into_iter().flat_map(Estate::kept) {
        let word = match what {
            Heirloom::Hidden(topics) => Word::Hidden(offset, time, topics),
            Heirloom::Event(event) => {
                let content = Content::Parcel(Box::new(Parcel::Event(event.clone())));
                Word::Kept(offset, time, Letter { node: Uuid::nil(), number: 0, content, asks: None }.write())
            }
        };
        write.write_all(&word.write()).await?;
    }
    write.write_all(&Word::Settled.write()).await?;
    send(write, mail).await
}

/// Sends what waits, until nothing comes any more.
pub(super) async fn send(write: &mut OwnedWriteHalf, mail: &Mail) -> io::Result<()> {
    while let Some(frames) = mail.next().await {
        for frame in frames {
            write.write_all(&frame).await?;
        }
    }
    write.shutdown().await
}

/// Until the heir ends; then nothing more is sent to it.
async fn listen(
    read: &mut (impl AsyncRead + Unpin + Send),
    (memory, publisher): (Option<&Arc<Memory>>, &Publisher),
    (mail, ready): (&Mail, oneshot::Sender<()>),
) -> io::Result<()> {
    let (mut ready, room) = (Some(ready), Arc::new(Semaphore::new(ARRIVED)));
    while let Some(word) = Word::receive(read).await? {
        match (word, memory) {
            (Word::Ready, _) => {
                if !mail.push(&Word::Yours) {
                    return Err(io::Error::other("the new process does not take what is sent"));
                }
                // Whoever waited for it may be ending, too.
                ready.take().map(|ready| ready.send(()));
            }
            (Word::Letter(letter), Some(memory)) => {
                let room = Arc::clone(&room).acquire_owned().await;
                hand_over(memory, publisher, letter, room.ok());
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "not what a new process says")),
        }
    }
    mail.close();
    Ok(())
}

fn hand_over(memory: &Arc<Memory>, publisher: &Publisher, letter: Bytes, room: impl Send + 'static) {
    let memory = Arc::clone(memory);
    publisher.answer(Box::new(move || {
        memory.hear_heir(&letter);
        drop(room);
    }));
}
