//! The backend: does with each write what its plan says, and notes it.

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::ledger::Ledger;
use super::line::Line;
use super::plan::{Act, Framing, Part, Plan};
use crate::harness::DEADLINE;

pub async fn serve(listener: TcpListener, ledger: Arc<Ledger>) {
    while let Ok((stream, _)) = listener.accept().await {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            // How a connection ends is in the plans.
            drop(connection(stream, &ledger).await);
        });
    }
}

async fn connection(stream: TcpStream, ledger: &Ledger) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut line = Line::of(stream);
    while let Some(head) = line.head().await? {
        let number =
            number(&head.first).unwrap_or_else(|| panic!("a write without a number: {}", head.first));
        ledger.note(number, |seen| seen.heads += 1);
        line.request_body(&head).await?;
        let seen = ledger.note(number, |seen| seen.wholes += 1);
        let plan = ledger.plan(number);
        let Some(open) = act(&plan, seen.wholes, line, ledger).await? else { return Ok(()) };
        line = open;
    }
    Ok(())
}

/// The number in `PUT /w/5/things/7 …`, or in `/w/5/things`.
pub fn number(text: &str) -> Option<u64> {
    text.split("/w/").nth(1)?.split('/').next()?.parse().ok()
}

/// Gives the connection back if there may be another request on it.
async fn act(plan: &Plan, attempt: u8, mut line: Line, ledger: &Ledger) -> io::Result<Option<Line>> {
    let part = match plan.act {
        Act::DiesOnce(_) if attempt == 1 => Part::Nothing,
        Act::Dies(part, _) | Act::Stalls(part) => part,
        Act::Answers | Act::AnswersAndCloses | Act::DiesOnce(_) => Part::All,
    };
    let sent = send(plan, part, &mut line).await;
    ledger.done(plan.number);
    sent?;
    match plan.act {
        Act::Stalls(_) => timeout(DEADLINE, line.end()).await??,
        Act::Dies(_, how) | Act::DiesOnce(how) if part != Part::All => line.leave(how),
        Act::Answers | Act::DiesOnce(_) if plan.framing != Framing::Close => return Ok(Some(line)),
        Act::Answers | Act::AnswersAndCloses | Act::DiesOnce(_) | Act::Dies(..) => {}
    }
    Ok(None)
}

async fn send(plan: &Plan, part: Part, line: &mut Line) -> io::Result<()> {
    let (head, body) = plan.answer();
    let sent = match part {
        Part::Nothing => Vec::new(),
        Part::HalfHead => head[..head.len() / 2].to_vec(),
        Part::Head => head,
        Part::HalfBody => [&head, &body[..body.len() / 2]].concat(),
        Part::All => [head, body].concat(),
    };
    line.send(&sent).await
}
