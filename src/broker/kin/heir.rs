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
use super::word::Word;
use crate::broker::memory::Memory;
use crate::broker::wire::{Content, Letter};
use crate::broker::{Parcel, Publisher};
use crate::hub::{Estate, Heirloom};

/// Letters that have come and that the hub has not seen yet.
const ARRIVED: usize = 4096;

/// What the heir is told.
#[derive(Debug)]
pub struct Reception {
    /// What carries events between processes, as the config calls it.
    pub broker: &'static str,
    /// `None`: something else does that.
    pub memory: Option<Arc<Memory>>,
    /// In line with the events.
    pub publisher: Publisher,
}

/// Tells the heir what there is, and carries what both say until one of them ends. `ready` is told once it accepts
/// connections.
///
/// # Errors
/// It broke off. What is told here goes on.
pub async fn receive(
    stream: UnixStream,
    Reception { broker, memory, publisher }: Reception,
    ready: oneshot::Sender<()>,
) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let Some(memory) = memory else {
        write
            .write_all(&[Word::Hello(broker.to_owned(), None).write(), Word::Settled.write()].concat())
            .await?;
        return listen(&mut read, None, ready).await;
    };
    let (told, hears) = oneshot::channel();
    let leads = Arc::clone(&memory);
    // Nobody hears it who has gone.
    publisher.answer(Box::new(move || drop(told.send(leads.lead()))));
    let _led = Led { memory: Arc::clone(&memory), publisher: publisher.clone() };
    let (estate, mail) = hears.await.map_err(io::Error::other)?;
    let listen = async {
        let ended = listen(&mut read, Some((&memory, &publisher)), ready).await;
        mail.close();
        ended
    };
    // Until both have ended: what is not read when a socket is closed has the other side lose what it has not read.
    tokio::try_join!(tell(&mut write, broker, &estate, &mail), listen).map(|_| ())
}

/// An heir, until it is dropped: also where whoever waits for it gives it up.
struct Led {
    memory: Arc<Memory>,
    publisher: Publisher,
}

impl Drop for Led {
    fn drop(&mut self) {
        let memory = Arc::clone(&self.memory);
        self.publisher.answer(Box::new(move || memory.lose_heir()));
    }
}

async fn tell(write: &mut OwnedWriteHalf, broker: &str, estate: &Estate, mail: &Mail) -> io::Result<()> {
    write.write_all(&Word::Hello(broker.to_owned(), Some(estate.legacy())).write()).await?;
    for (offset, time, what) in estate.kept() {
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

/// Until the heir ends.
async fn listen(
    read: &mut (impl AsyncRead + Unpin + Send),
    memory: Option<(&Arc<Memory>, &Publisher)>,
    ready: oneshot::Sender<()>,
) -> io::Result<()> {
    let (mut ready, room) = (Some(ready), Arc::new(Semaphore::new(ARRIVED)));
    while let Some(word) = Word::receive(read).await? {
        match (word, memory) {
            (Word::Ready, _) => {
                // Whoever waited for it may have given up.
                ready.take().map(|ready| ready.send(()));
            }
            (Word::Letter(letter), Some((memory, publisher))) => {
                let room = Arc::clone(&room).acquire_owned().await;
                hand_over(memory, publisher, letter, room.ok());
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "not what a new process says")),
        }
    }
    Ok(())
}

fn hand_over(memory: &Arc<Memory>, publisher: &Publisher, letter: Bytes, room: impl Send + 'static) {
    let memory = Arc::clone(memory);
    publisher.answer(Box::new(move || {
        memory.hear_heir(&letter);
        drop(room);
    }));
}
