//! One end of a connection, and what it has read and not used yet.

use std::io;

use tokio::net::TcpStream;

use crate::message::{Kind, Message, Progress, parse};

pub type Done = Result<(), String>;

/// One end of a connection.
pub struct End {
    stream: Option<TcpStream>,
    /// What came and was not taken yet.
    pub raw: Vec<u8>,
    ended: bool,
    /// It ended with an error.
    broken: bool,
}

impl End {
    pub fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream: Some(stream), raw: Vec::new(), ended: false, broken: false }
    }

    fn stream(&self) -> &TcpStream {
        self.stream.as_ref().unwrap_or_else(|| panic!("the row uses a connection that it has closed"))
    }

    pub async fn readable(&self) -> io::Result<()> {
        self.stream().readable().await
    }

    /// Takes what came; `false`: nothing more will.
    pub async fn fill(&mut self) -> bool {
        loop {
            if self.readable().await.is_err() {
                self.broken = true;
                break;
            }
            let Some(stream) = &self.stream else { break };
            match stream.try_read_buf(&mut self.raw) {
                Ok(0) => break,
                Ok(_) => return true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        self.ended = true;
        false
    }

    /// The next message, whole or as far as it came.
    pub async fn message(&mut self, kind: Kind) -> Result<Message, String> {
        loop {
            match parse(&self.raw, kind, self.ended) {
                Ok((mut message, length)) => {
                    // The end of a connection ends such a body only if it was meant to.
                    message.whole &= !(self.broken && message.is_close_delimited());
                    self.raw.drain(..length);
                    return Ok(message);
                }
                Err(_) if self.ended => {
                    return Err(format!("ended after {:?}", self.raw.escape_ascii().to_string()));
                }
                Err(_) => drop(self.fill().await),
            }
        }
    }

    /// Waits until there is enough of a final answer.
    pub async fn until(&mut self, kind: Kind, enough: impl Fn(Progress) -> bool) -> Done {
        loop {
            match parse(&self.raw, kind, self.ended) {
                Ok(_) => return Ok(()),
                Err(progress) if enough(progress) => return Ok(()),
                Err(_) if self.ended => return Err("ended before".to_owned()),
                Err(_) => drop(self.fill().await),
            }
        }
    }

    /// Waits for the other side to end the connection.
    pub async fn end(&mut self) -> Done {
        while self.fill().await {}
        Ok(())
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Done {
        let mut rest = bytes;
        while !rest.is_empty() {
            let ready = self.stream().writable().await;
            match ready.and_then(|()| self.stream().try_write(rest)) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Whether the other side still listens is not what a row is about.
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    pub fn shut_down(&mut self) -> Done {
        let socket = self.stream.take().map(|stream| stream.into_std().unwrap()).unwrap();
        drop(socket.shutdown(std::net::Shutdown::Write));
        self.stream = Some(TcpStream::from_std(socket).map_err(|error| error.to_string())?);
        Ok(())
    }

    pub fn close(&mut self) {
        drop(self.stream.take());
    }

    pub fn reset(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.set_zero_linger().unwrap();
        }
    }
}
