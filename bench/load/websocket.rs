//! A WebSocket reader that costs as little as it can: it counts frames and answers pings.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::http_client::Target;
use crate::wish::Saying;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// Frames are small, and a thousand readers fit the processor's cache with a small buffer each.
const BUFFER_BYTES: usize = 1024;
/// Opcodes of RFC 6455, section 11.8.
const OPCODE_TEXT: u8 = 1;
const OPCODE_CLOSE: u8 = 8;
const OPCODE_PING: u8 = 9;
const OPCODE_PONG: u8 = 10;
/// Frames of at most this many bytes have a header of two bytes.
const SHORT_PAYLOAD_MAX: u8 = 125;
/// Says that the length is in the two bytes behind it.
const LONG_PAYLOAD: u8 = 126;
/// Whether the client lives, in Engine.IO, and that it does. No other message has one byte.
const ENGINE_PING: &[u8] = b"2";
const ENGINE_PONG: &[u8] = b"3";

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: TcpStream,
    input: BytesMut,
}

impl Reader {
    /// Connects, upgrades, and says what there is to say. The `index` chooses a loopback address to come from: one
    /// address has too few ports for many connections beside those still waiting to be forgotten.
    pub(crate) async fn open(target: &Target, index: usize, saying: Option<Saying>) -> Result<Self> {
        let opened = async {
            let mut reader = Self::open_untimed(target, index).await?;
            if let Some(Saying { opening, message, answer }) = saying {
                if let Some(opening) = opening {
                    reader.wait_for(opening).await?;
                }
                reader.ask(&message, answer).await?;
            }
            Ok(reader)
        };
        timeout(HANDSHAKE_TIMEOUT, opened).await.context("no handshake in time")?
    }

    /// Says `message` and waits for a message that holds `answer`; gives the length of that.
    ///
    /// # Errors
    /// Another message came, or none in time, or the connection broke.
    pub(crate) async fn exchange(&mut self, message: &str, answer: &str) -> Result<usize> {
        timeout(HANDSHAKE_TIMEOUT, self.ask(message, answer)).await.context("no answer in time")?
    }

    async fn ask(&mut self, message: &str, answer: &str) -> Result<usize> {
        self.stream.write_all(&masked(OPCODE_TEXT, message.as_bytes())?).await?;
        self.wait_for(answer).await
    }

    /// Reads up to a message that holds `text`; gives its length.
    async fn wait_for(&mut self, text: &str) -> Result<usize> {
        loop {
            while let Some(frame) = Frame::first(&self.input)? {
                let payload = self.input.get(frame.payload_start..frame.total_bytes).unwrap_or_default();
                let (length, said) =
                    (payload.len(), memchr::memmem::find(payload, text.as_bytes()).is_some());
                self.input.advance(frame.total_bytes);
                if said {
                    return Ok(length);
                }
            }
            self.input.reserve(BUFFER_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                bail!("the server closed the connection instead of answering");
            }
        }
    }

    async fn open_untimed(target: &Target, index: usize) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(source_address(index))?;
        // Without this, thousands of closed connections would wait for a minute each.
        socket.set_zero_linger()?;
        socket.set_nodelay(true)?;
        let mut stream = socket.connect(target.address).await?;
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: cmVzdGNhc3QtYmVuY2gtMQ==\r\n\r\n",
            target.path_and_query, target.address
        );
        stream.write_all(request.as_bytes()).await?;
        let mut input = BytesMut::with_capacity(BUFFER_BYTES);
        while !skip_handshake(&mut input)? {
            if stream.read_buf(&mut input).await? == 0 {
                bail!("the server closed the connection during the handshake");
            }
        }
        Ok(Self { stream, input })
    }

    /// Gives the payload of each message to `receive` until the server ends the connection.
    ///
    /// # Errors
    /// The connection broke, or a frame is masked, as a server's never is.
    pub(crate) async fn run(mut self, mut receive: impl FnMut(&[u8])) -> Result<()> {
        loop {
            while let Some(frame) = Frame::first(&self.input)? {
                let payload = self.input.get(frame.payload_start..frame.total_bytes);
                let payload = payload.unwrap_or_default();
                match frame.opcode {
                    OPCODE_CLOSE => return Ok(()),
                    OPCODE_PING => self.stream.write_all(&masked(OPCODE_PONG, payload)?).await?,
                    OPCODE_TEXT if payload == ENGINE_PING => {
                        self.stream.write_all(&masked(OPCODE_TEXT, ENGINE_PONG)?).await?;
                    }
                    opcode if opcode < OPCODE_CLOSE => receive(payload),
                    _ => {}
                }
                let total_bytes = frame.total_bytes;
                self.input.advance(total_bytes);
            }
            self.input.reserve(BUFFER_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(());
            }
        }
    }
}

/// One of 127.0.0.1 to 127.0.0.8, any port.
fn source_address(index: usize) -> SocketAddr {
    let last = u8::try_from(index % 8 + 1).unwrap_or(1);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)
}

/// Removes the answer to the handshake, once it is there; what follows it stays.
fn skip_handshake(input: &mut BytesMut) -> Result<bool> {
    let Some(end) = input.windows(4).position(|at| at == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = input.split_to(end + 4);
    if !head.starts_with(b"HTTP/1.1 101") {
        bail!("the handshake failed: {:?}", String::from_utf8_lossy(&head));
    }
    Ok(true)
}

/// Where a frame's parts are in the input.
struct Frame {
    opcode: u8,
    payload_start: usize,
    total_bytes: usize,
}

impl Frame {
    /// The first frame of `input`; `None` while it is incomplete.
    fn first(input: &[u8]) -> Result<Option<Self>> {
        let &[flags, length, ref rest @ ..] = input else {
            return Ok(None);
        };
        let (length_bytes, payload_bytes) = match (length, rest) {
            (128.., _) => bail!("a masked frame from the server"),
            (..=SHORT_PAYLOAD_MAX, _) => (0, usize::from(length)),
            (126, &[high, low, ..]) => (2, usize::from(u16::from_be_bytes([high, low]))),
            (127, _) => bail!("a frame of 64 KiB or more"),
            _ => return Ok(None),
        };
        let payload_start = 2 + length_bytes;
        let total_bytes = payload_start + payload_bytes;
        Ok((input.len() >= total_bytes).then_some(Self { opcode: flags & 0x0f, payload_start, total_bytes }))
    }
}

/// A frame of the client; the mask is zero, so the payload stays as it is.
fn masked(opcode: u8, payload: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(payload.len()).context("a message of 64 KiB or more")?;
    let short = u8::try_from(length).ok().filter(|length| *length <= SHORT_PAYLOAD_MAX);
    let [high, low] = length.to_be_bytes();
    let length: &[u8] =
        if let Some(short) = short { &[0x80 | short] } else { &[0x80 | LONG_PAYLOAD, high, low] };
    Ok([&[0x80 | opcode], length, &[0; 4], payload].concat())
}
