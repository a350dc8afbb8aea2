//! WebSocket frames as bytes: a client that can also do what no client should.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::harness::*;

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xA;
pub const FIN: u8 = 0x80;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What RFC 6455, section 1.3, says is the answer to this key.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The bytes of a masked frame; `head` is its first byte: FIN, reserved bits and opcode.
pub fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(head, 0x80, payload.len());
    bytes.extend_from_slice(&MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The same without the mask that every client has to apply.
pub fn unmasked(head: u8, payload: &[u8]) -> Vec<u8> {
    [&header(head, 0, payload.len()), payload].concat()
}

fn header(head: u8, mask: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![head];
    match length {
        0..=125 => bytes.push(mask | u8::try_from(length).unwrap()),
        126..=0xFFFF => {
            bytes.push(mask | 0x7E);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(mask | 0x7F);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes
}

/// A close frame's payload.
pub fn closing(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes(), reason].concat()
}

pub fn handshake(address: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// What comes next on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// First byte and payload.
    Frame(u8, Vec<u8>),
    /// The connection has ended.
    End,
}

/// A connection after its handshake.
pub struct Raw(BufReader<TcpStream>);

impl Raw {
    pub fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[])
    }

    /// `early` leaves together with the handshake.
    pub fn open_with(address: SocketAddr, path: &str, early: &[u8]) -> Self {
        let mut stream = connect(address);
        stream.write_all(&[handshake(address, path).as_bytes(), early].concat()).unwrap();
        Self::after_handshake(BufReader::new(stream))
    }

    /// The handshake has been sent.
    pub fn after_handshake(stream: BufReader<TcpStream>) -> Self {
        let mut raw = Self(stream);
        let (line, headers) = read_head(&mut raw.0);
        assert!(line.starts_with("HTTP/1.1 101 "), "{line}");
        assert!(headers.iter().any(|(_, value)| value == ACCEPT), "{headers:?}");
        raw
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn send(&mut self, head: u8, payload: impl AsRef<[u8]>) -> &mut Self {
        self.bytes(frame(head, payload.as_ref()))
    }

    pub fn next(&mut self) -> Next {
        let mut start = [0; 2];
        match self.0.read_exact(&mut start) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Next::End,
            Err(error) => panic!("neither a frame nor an end: {error}"),
        }
        assert_eq!(start[1] & 0x80, 0, "a server does not mask");
        let length = match start[1] {
            126 => usize::from(u16::from_be_bytes(self.array())),
            127 => usize::try_from(u64::from_be_bytes(self.array())).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).unwrap();
        Next::Frame(start[0], payload)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        self.0.read_exact(&mut array).unwrap();
        array
    }

    /// This frame comes next.
    pub fn expect(&mut self, head: u8, payload: impl AsRef<[u8]>) -> &mut Self {
        let payload = payload.as_ref();
        match self.next() {
            Next::Frame(got, bytes) if got == head && bytes == payload => self,
            Next::Frame(got, bytes) => {
                let (bytes, payload) = (excerpt(&bytes), excerpt(payload));
                panic!("expected frame {head:#x} of {payload}, got {got:#x} of {bytes}")
            }
            Next::End => panic!("expected frame {head:#x}, got the end"),
        }
    }

    /// A close frame with this code comes next, and after it the end.
    pub fn expect_close(&mut self, code: u16) {
        match self.next() {
            Next::Frame(head, payload) if head == FIN | CLOSE && payload.len() >= 2 => {
                assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), code);
                std::str::from_utf8(&payload[2..]).unwrap();
                assert!(payload.len() <= 125);
            }
            other => panic!("expected close {code}, got {other:?}"),
        }
        self.expect_end();
    }

    pub fn expect_end(&mut self) {
        assert_eq!(self.next(), Next::End);
    }

    /// Sends until neither restcast nor the operating system takes more; gives what was taken.
    pub fn send_until_stuck(&mut self, mut message: impl FnMut(usize) -> Vec<u8>) -> usize {
        let stream = self.0.get_mut();
        stream.set_write_timeout(Some(SILENCE)).unwrap();
        let mut sent = 0;
        for number in 0.. {
            let bytes = message(number);
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                match stream.write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        sent += bytes.len() - rest.len();
                        stream.set_write_timeout(Some(DEADLINE)).unwrap();
                        return sent;
                    }
                    Err(error) => panic!("after {sent} bytes: {error}"),
                }
            }
            sent += bytes.len();
        }
        sent
    }

    /// For sending while another thread reads.
    pub fn writer(&self) -> TcpStream {
        self.0.get_ref().try_clone().unwrap()
    }

    pub fn shutdown(&mut self) {
        self.0.get_ref().shutdown(Shutdown::Write).unwrap();
    }
}

fn excerpt(bytes: &[u8]) -> String {
    format!("{} bytes {:02x?}", bytes.len(), &bytes[..bytes.len().min(16)])
}
