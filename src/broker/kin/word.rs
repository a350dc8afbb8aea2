//! What two processes say to each other: frames of a length, a letter for the kind, and what belongs to it. Numbers have
//! eight bytes, the highest first.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::broker::wire::nanos;
use crate::event::{Epoch, Position, Topic};
use crate::hub::Legacy;

/// More is no word.
const MOST_BYTES: usize = 1 << 28;
/// Of this form. Whoever speaks another is not understood.
const VERSION: u32 = 2;

/// See the module's documentation. Letters are as a broker has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) enum Word {
    /// The elder.
    Hello(Hello),
    /// An event that is kept: its offset, when it came, and its letter.
    Kept(u64, SystemTime, Bytes),
    /// The same for one that only the backend can show.
    Hidden(u64, SystemTime, Vec<Topic>),
    /// That was all that is kept.
    Settled,
    /// A letter stands at this offset.
    Entry(u64, Bytes),
    /// The heir's letter of this number stands at this offset.
    Placed(u64, u64),
    /// Offsets go on from here in another epoch.
    Begin(Position),
    /// The heir goes on by itself.
    Over,
    /// The heir can accept connections.
    Ready,
    /// The elder accepts none any more: they are the heir's.
    Yours,
    /// The heir wants this published.
    Letter(Bytes),
}

/// What the elder says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) struct Hello {
    /// What carries its events between processes.
    pub(super) broker: String,
    /// The epoch of the log that this follows, where one is known.
    pub(super) log: Option<Epoch>,
    /// Where the elder carries them itself, where its hub stands.
    pub(super) legacy: Option<Legacy>,
}

#[derive(Serialize, Deserialize)]
struct Text {
    v: u32,
    broker: String,
    #[serde(default)]
    log: Option<u64>,
    hub: Option<Hub>,
}

#[derive(Serialize, Deserialize)]
struct Hub {
    epoch: u64,
    offset: u64,
    floor: u64,
    floors: Vec<(String, u64)>,
}

fn unreadable(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl Word {
    pub(super) fn write(&self) -> Bytes {
        let mut frame = BytesMut::from([0; 4].as_slice());
        match self {
            Self::Hello(hello) => {
                frame.put_u8(b'H');
                frame.put_slice(&hello.write());
            }
            Self::Kept(offset, time, letter) => {
                frame.put_u8(b'K');
                frame.put_u64(*offset);
                frame.put_u64(nanos(*time));
                frame.put_slice(letter);
            }
            Self::Hidden(offset, time, topics) => {
                frame.put_u8(b'T');
                frame.put_u64(*offset);
                frame.put_u64(nanos(*time));
                let names: Vec<&str> = topics.iter().map(Topic::name).collect();
                // Texts can be written.
                frame.put_slice(&serde_json::to_vec(&names).unwrap_or_default());
            }
            Self::Settled => frame.put_u8(b'S'),
            Self::Entry(offset, letter) => {
                frame.put_u8(b'E');
                frame.put_u64(*offset);
                frame.put_slice(letter);
            }
            Self::Placed(offset, number) => {
                frame.put_u8(b'P');
                frame.put_u64(*offset);
                frame.put_u64(*number);
            }
            Self::Begin(position) => {
                frame.put_u8(b'B');
                frame.put_u64(position.epoch.number());
                frame.put_u64(position.offset);
            }
            Self::Over => frame.put_u8(b'O'),
            Self::Ready => frame.put_u8(b'R'),
            Self::Yours => frame.put_u8(b'Y'),
            Self::Letter(letter) => {
                frame.put_u8(b'L');
                frame.put_slice(letter);
            }
        }
        let length = u32::try_from(frame.len() - 4).unwrap_or(u32::MAX);
        if let Some(head) = frame.first_chunk_mut::<4>() {
            *head = length.to_be_bytes();
        }
        frame.freeze()
    }

    /// The next one; `None`: the other has ended. Must not be dropped before it is there.
    pub(super) async fn receive(stream: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<Option<Self>> {
        let length = match stream.read_u32().await {
            Ok(length) => length as usize,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        if length > MOST_BYTES {
            return Err(unreadable("a word of the other process is too long"));
        }
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).await?;
        Self::read(Bytes::from(frame)).map(Some)
    }

    fn read(mut frame: Bytes) -> io::Result<Self> {
        let cut = || unreadable("a word of the other process is cut off");
        let kind = frame.try_get_u8().or(Err(cut()))?;
        let mut number = || frame.try_get_u64().or(Err(cut()));
        match kind {
            b'H' => Hello::read(&frame).map(Self::Hello),
            b'K' => Ok(Self::Kept(number()?, time(number()?), frame)),
            b'T' => {
                let (offset, time) = (number()?, time(number()?));
                let names: Vec<String> = serde_json::from_slice(&frame)?;
                Ok(Self::Hidden(offset, time, names.iter().map(|name| Topic::named(name)).collect()))
            }
            b'S' => Ok(Self::Settled),
            b'E' => Ok(Self::Entry(number()?, frame)),
            b'P' => Ok(Self::Placed(number()?, number()?)),
            b'B' => Ok(Self::Begin(Position { epoch: Epoch::read(number()?), offset: number()? })),
            b'O' => Ok(Self::Over),
            b'R' => Ok(Self::Ready),
            b'Y' => Ok(Self::Yours),
            b'L' => Ok(Self::Letter(frame)),
            _ => Err(unreadable("a word of the other process is unknown")),
        }
    }
}

impl Hello {
    fn write(&self) -> Vec<u8> {
        let hub = self.legacy.as_ref().map(|Legacy { position, floor, floors }| Hub {
            epoch: position.epoch.number(),
            offset: position.offset,
            floor: *floor,
            floors: floors.iter().map(|(topic, floor)| (topic.name().to_owned(), *floor)).collect(),
        });
        let text = Text { v: VERSION, broker: self.broker.clone(), log: self.log.map(Epoch::number), hub };
        // Texts and numbers can be written.
        serde_json::to_vec(&text).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> io::Result<Self> {
        let Text { v, broker, log, hub } = serde_json::from_slice(bytes)?;
        if v != VERSION {
            return Err(unreadable("the other process is of a version that hands over in another way"));
        }
        let legacy = hub.map(|Hub { epoch, offset, floor, floors }| Legacy {
            position: Position { epoch: Epoch::read(epoch), offset },
            floor,
            floors: floors.into_iter().map(|(name, floor)| (Topic::named(&name), floor)).collect(),
        });
        Ok(Self { broker, log: log.map(Epoch::read), legacy })
    }
}

fn time(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn words_arrive_as_they_were_said() {
        let position = Position { epoch: Epoch::new(7), offset: 42 };
        let floors = vec![(Topic::parse("a/1"), 3), (Topic::room("/n", "r"), 0)];
        let at = UNIX_EPOCH + Duration::from_nanos(1_712_345_678_901_234_567);
        let words = [
            Word::Hello(Hello {
                broker: "memory".to_owned(),
                log: None,
                legacy: Some(Legacy { position, floor: 2, floors }),
            }),
            Word::Hello(Hello { broker: "redis".to_owned(), log: Some(Epoch::new(8)), legacy: None }),
            Word::Kept(1, at, Bytes::from_static(b"{}")),
            Word::Hidden(2, at, vec![Topic::all(), Topic::parse("a/B")]),
            Word::Settled,
            Word::Entry(u64::MAX, Bytes::from_static(b"x")),
            Word::Placed(5, 6),
            Word::Begin(position),
            Word::Over,
            Word::Ready,
            Word::Yours,
            Word::Letter(Bytes::new()),
        ];
        let all: Vec<u8> = words.iter().flat_map(|word| word.write().to_vec()).collect();
        let mut rest = all.as_slice();
        for word in words {
            assert_eq!(Word::receive(&mut rest).await.unwrap(), Some(word));
        }
        assert_eq!(Word::receive(&mut rest).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_no_word_is_an_error() {
        let frames: [&[u8]; 6] =
            [b"", b"X", b"E123", b"P\0\0\0\0\0\0\0\x01", b"H{}", b"H{\"v\":1,\"broker\":\"x\"}"];
        for frame in frames {
            let wire = [&u32::try_from(frame.len()).unwrap().to_be_bytes(), frame].concat();
            assert!(Word::receive(&mut wire.as_slice()).await.is_err(), "{frame:?}");
        }
        assert!(Word::receive(&mut [0xFF; 4].as_slice()).await.is_err(), "too long");
    }
}
