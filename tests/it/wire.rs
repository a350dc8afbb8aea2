//! HTTP as bytes: connections on which every line is written and read by hand, for what well-behaved
//! clients and backends do not do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::harness::*;
use crate::message::{self, Kind, Message};

/// One connection, of a client or of a backend.
pub struct Wire(BufReader<TcpStream>);

impl Wire {
    pub fn connect(address: SocketAddr) -> Self {
        Self::of(connect(address))
    }

    pub fn of(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
        self
    }

    pub fn head(&mut self) -> (String, Vec<(String, String)>) {
        read_head(&mut self.0)
    }

    pub fn answer(&mut self) -> Answer {
        read_answer(&mut self.0, false)
    }

    /// The next `count` bytes, as text.
    pub fn take(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Reads a part of an answer: its head, or as many bytes as `part` has.
    pub fn head_or_take(&mut self, part: &str) {
        if part.starts_with("HTTP/1.1") {
            self.head();
        } else {
            self.take(part.len());
        }
    }

    /// What `read` makes of the stream.
    pub fn hash(&mut self, read: impl FnOnce(&mut BufReader<TcpStream>) -> u64) -> u64 {
        read(&mut self.0)
    }

    /// One line without its end.
    pub fn line(&mut self) -> String {
        self.raw_line().trim_end().to_owned()
    }

    /// One line as it is; cut off or empty at the end of the connection.
    pub fn raw_line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// Everything up to the end of the connection; a reset is an end too.
    pub fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            result => drop(result.unwrap()),
        }
        String::from_utf8(rest).unwrap()
    }

    /// Nothing comes for `time`, and the connection stays open.
    pub fn expect_silence(&mut self, time: Duration) {
        self.0.get_ref().set_read_timeout(Some(time)).unwrap();
        let got = self.0.fill_buf().map(<[u8]>::to_vec);
        assert!(
            got.is_err(),
            "expected silence, got {:?}",
            got.map(|b| String::from_utf8_lossy(&b).into_owned())
        );
        self.0.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
    }

    pub fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        reset(self.0.into_inner());
    }
}

/// Ends a connection with a reset.
pub fn reset(stream: TcpStream) {
    tokio::net::TcpSocket::from_std_stream(stream).set_zero_linger().unwrap();
}

/// A backend that is given each connection, with its number.
pub fn backend(serve: impl Fn(usize, Wire) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        let connections = listener.incoming().map_while(Result::ok);
        for (number, stream) in connections.enumerate() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(number, Wire::of(stream)));
        }
    });
    address
}

/// A backend whose answers wait: it says that it has a request, and gives `answer` when it is told to.
pub fn waiting(answer: &'static str) -> (SocketAddr, Receiver<()>, Sender<()>) {
    let ((seen, got), (go_on, told)) = (channel(), channel::<()>());
    let (seen, told) = (Mutex::new(seen), Mutex::new(told));
    let address = backend(move |_, mut wire| {
        if wire.head().0.is_empty() {
            return;
        }
        seen.lock().unwrap().send(()).unwrap();
        if told.lock().unwrap().recv_timeout(DEADLINE).is_ok() {
            wire.send(answer);
        }
    });
    (address, got, go_on)
}

/// Sends a request that says `Connection: close` and reads what comes until the end, without what belongs to
/// the connection.
pub fn exact(address: SocketAddr, request: &[u8]) -> Message {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let kind = if request.starts_with(b"HEAD") { Kind::AnswerToHead } else { Kind::Answer };
    let (answer, length) = message::parse(&bytes, kind, true).unwrap();
    assert_eq!(length, bytes.len(), "more than an answer: {:?}", bytes[length..].escape_ascii().to_string());
    answer.end_to_end()
}
