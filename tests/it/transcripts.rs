//! The golden conversations of `tests/transcripts/` with the real executable over real sockets.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::*;
use crate::script::{self, Exchange, Said, Stage};
use crate::wire::Wire;

struct Real {
    origin: Origin,
    proxy: Proxy,
    answer: Arc<Mutex<Vec<u8>>>,
    readers: HashMap<String, Reader>,
    /// Of streams of events.
    streams: HashMap<String, Wire>,
    has_streams: bool,
}

impl Real {
    fn new(config: &str) -> Self {
        let answer = Arc::new(Mutex::new(Vec::new()));
        let next = Arc::clone(&answer);
        let origin = Origin::start(move |_, stream| stream.write_all(&next.lock().unwrap()).is_ok());
        let proxy = Proxy::with(origin.address, config);
        let has_streams = config.contains("dialect = \"sse\"");
        Self { proxy, origin, answer, readers: HashMap::new(), streams: HashMap::new(), has_streams }
    }

    /// What the backend says next.
    fn prepare(&self, Exchange { status, answer, .. }: &Exchange<'_>) {
        let length =
            if *status == 204 { String::new() } else { format!("Content-Length: {}\r\n", answer.len()) };
        let text = format!("HTTP/1.1 {status} X\r\n{length}\r\n{answer}");
        *self.answer.lock().unwrap() = text.into_bytes();
    }

    fn reader(&mut self, who: &str) -> &mut Reader {
        self.readers.get_mut(who).unwrap_or_else(|| panic!("{who} is not connected"))
    }
}

fn said(message: Message) -> Option<Said> {
    match message {
        Message::Text(text) => Some(Said::Text(text.as_str().to_owned())),
        Message::Binary(bytes) => Some(Said::Bytes(bytes.to_vec())),
        _ => None,
    }
}

/// The next block.
fn block(stream: &mut Wire) -> Said {
    let mut block = String::new();
    while !block.ends_with("\n\n") {
        let line = stream.raw_line();
        assert!(line.ends_with('\n'), "cut off: {block}{line}");
        block.push_str(&line);
    }
    Said::block(&block)
}

impl Stage for Real {
    fn open(&mut self, who: &str, path: &str) {
        if self.has_streams {
            let mut stream = Wire::connect(self.proxy.address);
            stream.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).head();
            self.streams.insert(who.to_owned(), stream);
            return;
        }
        self.readers.insert(who.to_owned(), self.proxy.reader(path));
    }

    fn say(&mut self, who: &str, message: Said) {
        self.reader(who).send(match message {
            Said::Text(text) => Message::from(text),
            Said::Bytes(bytes) => Message::from(bytes),
        });
    }

    fn hear(&mut self, who: &str) -> Option<Said> {
        if let Some(stream) = self.streams.get_mut(who) {
            return Some(block(stream));
        }
        said(self.reader(who).0.read().unwrap_or_else(|error| panic!("{who} hears nothing: {error}")))
    }

    fn overhear(&mut self, who: &str) -> Option<Said> {
        if let Some(stream) = self.streams.get_mut(who) {
            stream.expect_silence(SILENCE);
            return None;
        }
        let reader = self.reader(who);
        reader.0.get_ref().set_read_timeout(Some(SILENCE)).unwrap();
        let heard = reader.0.read();
        reader.0.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
        match heard {
            Ok(message) => said(message),
            Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(error) => panic!("{who}: {error}"),
        }
    }

    fn exchange(&mut self, exchange: &Exchange<'_>) {
        self.prepare(exchange);
        let Exchange { method, path, body, status, .. } = exchange;
        assert_eq!(self.proxy.send(method, path, body).status, *status);
    }

    fn ask(&mut self, who: &str, message: &str, exchange: &Exchange<'_>) -> String {
        self.prepare(exchange);
        let before = self.origin.requests().len();
        self.reader(who).send(message.to_owned());
        let got = eventually(&format!("{message} is asked"), || self.origin.requests().get(before).cloned());
        let head = got.line.trim_end_matches(" HTTP/1.1");
        format!("{head} {}", String::from_utf8_lossy(&got.body)).trim_end().to_owned()
    }

    fn leave(&mut self, who: &str) {
        if self.streams.remove(who).is_some() {
            return;
        }
        let mut reader = self.readers.remove(who).unwrap();
        reader.0.close(None).unwrap();
        reader.close_code();
    }
}

#[test]
fn transcripts_hold_over_real_sockets() {
    let scripts = script::scripts();
    std::thread::scope(|scope| {
        for (_, path) in &scripts {
            // Whatever fails says of which it is.
            let named = std::thread::Builder::new().name(path.display().to_string());
            let play = move || {
                let text = std::fs::read_to_string(path).unwrap();
                let (config, conversation) = script::parts(&text);
                let happened = script::play(conversation, &mut Real::new(config));
                assert_eq!(happened, conversation, "{}", path.display());
            };
            named.spawn_scoped(scope, play).unwrap();
        }
    });
}
