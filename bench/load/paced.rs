//! Requests that are sent when their time has come, by threads that block.
//!
//! No other work of this program comes between a request's time and its sending, or between an answer
//! and its clock.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::http_client::success;

/// A request that was not answered by then ends the measurement.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer has room for a small record and a proxy's headers.
const ANSWER_BYTES_MAX: usize = 4096;

/// When the requests of one connection are due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// When the first one is.
    pub(crate) start: Instant,
    /// The time from each to the next.
    pub(crate) gap: Duration,
    /// How many there are.
    pub(crate) requests: u32,
    /// So many are due at once, and then none for as many gaps.
    pub(crate) at_once: u32,
}

/// One keep-alive connection with one request at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { stream })
    }

    /// Sends the requests of `schedule` and gives the latency of each to `record`. None is left out:
    /// those that are late because of a slow answer follow it at once.
    ///
    /// # Errors
    /// An answer is no success or is late, or the connection broke.
    pub(crate) fn run(
        &mut self,
        schedule: Schedule,
        request: impl Fn() -> Vec<u8>,
        record: impl Fn(Duration),
    ) -> Result<()> {
        for index in 0..schedule.requests {
            let gaps = index - index % schedule.at_once.max(1);
            let sent = sleep_until(schedule.start + schedule.gap * gaps);
            self.exchange(&request())?;
            record(sent.elapsed());
        }
        Ok(())
    }

    /// Sends one request and waits for its answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request)?;
        let mut input = [0; ANSWER_BYTES_MAX];
        let mut filled = 0;
        loop {
            let free = input.get_mut(filled..).unwrap_or_default();
            let read = self.stream.read(free)?;
            if read == 0 {
                bail!("the connection ended before its answer, or the answer is too large");
            }
            filled += read;
            if success(input.get(..filled).unwrap_or_default())?.is_some() {
                return Ok(());
            }
        }
    }
}

/// Waits for `due` and gives the time from which the answer is late: a request that could not be sent
/// in time has waited since it was due, while the delay of waking up from a sleep is not the server's.
fn sleep_until(due: Instant) -> Instant {
    let early = due.saturating_duration_since(now());
    if early.is_zero() {
        return due;
    }
    thread::sleep(early);
    now()
}

/// The time from which schedules start.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "latency is what is measured")]
    Instant::now()
}
