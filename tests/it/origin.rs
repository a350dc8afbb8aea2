//! Backends that do what a test tells them.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::http::{find_header, read_chunked, read_head};

/// What a scripted origin got.
#[derive(Debug, Clone)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }
}

/// A backend that does what a function says, connection by connection.
pub struct Origin {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Origin {
    /// `serve` gets each request with its connection and writes the answer itself; `false` ends the
    /// connection.
    pub fn start(serve: impl Fn(&Request, &mut TcpStream) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (serve, seen) = (Arc::clone(&serve), Arc::clone(&seen));
                thread::spawn(move || serve_connection(stream, &*serve, &seen));
            }
        });
        Self { address, requests }
    }

    /// Answers every request with these bytes.
    pub fn fixed(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, stream| stream.write_all(&answer).is_ok())
    }

    /// Answers every request with this status and JSON.
    pub fn json(status: u16, body: &str) -> Self {
        let length = body.len();
        Self::fixed(format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve_connection(
    mut stream: TcpStream,
    serve: &(dyn Fn(&Request, &mut TcpStream) -> bool + Send + Sync),
    seen: &Mutex<Vec<Request>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (line, headers) = read_head(&mut reader);
        if line.is_empty() {
            return;
        }
        let mut request = Request { line, headers, body: Vec::new() };
        if request.header("expect").is_some() {
            drop(stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
        if request.header("transfer-encoding").is_some() {
            request.body = read_chunked(&mut reader);
        } else if let Some(length) = request.header("content-length") {
            request.body = vec![0; length.parse().unwrap()];
            if reader.read_exact(&mut request.body).is_err() {
                return;
            }
        }
        seen.lock().unwrap().push(request.clone());
        if !serve(&request, &mut stream) {
            return;
        }
    }
}
