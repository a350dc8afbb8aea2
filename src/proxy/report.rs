//! What endpoints tell of their connections to a plain GET, in the backend's place. To look at every connection
//! takes a while where there are many: that is done beside the threads that proxy, and for one request at a time.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, header, request};
use pingora::protocols::http::ServerSession;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;

use super::realtime::{self, Endpoint, Realtime};
use super::respond::{self, Refusal};
use crate::broker::{Ask, Heard};
use crate::dialect::{Attendance, Attendee, Dialect, Manner, Report};
use crate::hub::{Resident, Tally};
use crate::identity::Credential;
use crate::message::Target;

/// Whoever asks while a report is being written waits for its turn.
static TURN: Semaphore = Semaphore::const_new(1);

/// The endpoint whose report a request asks for.
pub(super) fn of_request<'a>(head: &request::Parts, endpoints: &'a [Endpoint]) -> Option<&'a Endpoint> {
    let asks = matches!(head.method, Method::GET | Method::HEAD) && !realtime::is_upgrade(head);
    let path = head.uri.path();
    let tells = |endpoint: &&Endpoint| endpoint.dialect.report().is_some_and(|report| report.path() == path);
    endpoints.iter().find(tells).filter(|_| asks)
}

/// Answers, if whoever asks may know.
pub(super) async fn send(
    session: &mut ServerSession,
    endpoint: &Endpoint,
    realtime: &Realtime,
) -> pingora::Result<()> {
    let Some(report) = endpoint.dialect.report() else { return Ok(()) };
    match admit(session.req_header(), endpoint, report, realtime).await {
        Ok(()) => match write(endpoint, realtime).await {
            Some(body) => respond::json(session, StatusCode::OK, body, &[]).await,
            None => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the report failed").send(session).await,
        },
        Err(refusal) => refusal.send(session).await,
    }
}

async fn admit(
    head: &request::Parts,
    endpoint: &Endpoint,
    report: &dyn Report,
    realtime: &Realtime,
) -> Result<(), Refusal> {
    if report.admits(&Credential::Missing) {
        return Ok(());
    }
    let credential = endpoint.admission.admit(head, Manner::Answer, &realtime.metrics).await?;
    if report.admits(&credential) {
        return Ok(());
    }
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "a token is needed to see who is connected");
    Err(refusal.with(header::WWW_AUTHENTICATE, "Bearer"))
}

/// `None`: a bug of ours.
async fn write(endpoint: &Endpoint, realtime: &Realtime) -> Option<Bytes> {
    let _turn = TURN.acquire().await.ok()?;
    let target = Target { endpoint: Some(Arc::from(endpoint.path.as_str())), ..Target::default() };
    let (dialect, hub) = (Arc::clone(&endpoint.dialect), Arc::clone(&realtime.hub));
    let limit = dialect.report()?.listed();
    let ask = Ask::Tally { to: target, limit };
    let asked = ask.clone();
    let own = spawn_blocking(move || asked.answer(&hub)).await.ok()?;
    let heard = match &realtime.nodes {
        None => Heard::of(own),
        Some(nodes) => {
            let (tell, told) = oneshot::channel();
            // Nobody waits any more: the client has gone.
            nodes.ask(ask, own, Box::new(move |heard| drop(tell.send(heard))));
            told.await.ok()?
        }
    };
    let broker = realtime.nodes.as_ref().map_or("memory", |nodes| nodes.broker());
    written(&*dialect, heard.tally(limit), broker)
}

fn written(dialect: &dyn Dialect, tally: Tally, broker: &'static str) -> Option<Bytes> {
    let report = dialect.report()?;
    let Tally { count, authenticated, users, residents, sample: _ } = tally;
    let attendee = |resident: Resident| Attendee {
        id: resident.id,
        identity: resident.identity,
        topics: resident.topics,
    };
    let listed = residents.into_iter().map(attendee).collect();
    let attendance = Attendance { broker, connections: count, authenticated, users, listed };
    Some(Bytes::from(report.write(&attendance)))
}
