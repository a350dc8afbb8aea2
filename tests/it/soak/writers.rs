//! Writers: each keeps a connection, sends the next write at its pace, and leaves where the plan says so.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::ledger::Ledger;
use super::line::Line;
use super::plan::{Leave, Plan};
use crate::harness::DEADLINE;

/// Writes until it is told to stop.
pub async fn run(address: SocketAddr, ledger: Arc<Ledger>, stop: watch::Receiver<bool>, pace: Duration) {
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut line = None;
    while !*stop.borrow() {
        ticks.tick().await;
        line = write(address, line, &ledger, false).await;
    }
}

/// One write; gives the connection back if it is still good.
pub async fn write(address: SocketAddr, line: Option<Line>, ledger: &Ledger, plain: bool) -> Option<Line> {
    let line = match line {
        Some(line) => line,
        None => {
            connect(address).await.unwrap_or_else(|error| panic!("restcast takes no connection: {error}"))
        }
    };
    let plan = ledger.begin(plain);
    // A writer that got no answer has no status in the ledger, and whether that is right is judged there.
    let done = timeout(DEADLINE, exchange(&plan, line, ledger)).await;
    done.unwrap_or_else(|_| panic!("no answer and no end: {plan:?}")).ok().flatten()
}

async fn connect(address: SocketAddr) -> io::Result<Line> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Line::of(stream))
}

async fn exchange(plan: &Plan, mut line: Line, ledger: &Ledger) -> io::Result<Option<Line>> {
    let (head, body) = plan.request();
    let number = plan.number;
    match plan.leave {
        Leave::Inside(how) => {
            line.send(format!("{head}{}", &body[..body.len() / 2]).as_bytes()).await?;
            ledger.until(number, |seen| seen.heads > 0).await;
            line.leave(how);
            return Ok(None);
        }
        _ => line.send(format!("{head}{body}").as_bytes()).await?,
    }
    match plan.leave {
        Leave::AtOnce(how) => line.leave(how),
        Leave::Waiting(how) => {
            ledger.until(number, |seen| seen.wholes > 0).await;
            line.leave(how);
        }
        Leave::AtHead(how) => {
            drop(line.head().await);
            line.leave(how);
        }
        Leave::HalfCloses => {
            line.half_close().await?;
            answer(number, line, ledger).await?;
        }
        Leave::Stays | Leave::Inside(_) => return answer(number, line, ledger).await,
    }
    Ok(None)
}

async fn answer(number: u64, mut line: Line, ledger: &Ledger) -> io::Result<Option<Line>> {
    let Some(head) = line.head().await? else { return Ok(None) };
    let status = head.first.split(' ').nth(1).and_then(|status| status.parse().ok());
    ledger.note(number, |seen| seen.status = status);
    let goes_on = line.answer_body(&head).await? && !head.closes;
    Ok(goes_on.then_some(line))
}
