//! What endpoints tell of their connections to a plain GET, in the backend's place.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, header, request};
use pingora::protocols::http::ServerSession;

use super::realtime::{self, Endpoint, Realtime};
use super::respond::{self, Refusal};
use crate::dialect::{Attendee, Manner, Report};
use crate::hub::Resident;
use crate::identity::Credential;
use crate::message::Target;

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
        Ok(()) => respond::json(session, StatusCode::OK, write(endpoint, report, realtime), &[]).await,
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

fn write(endpoint: &Endpoint, report: &dyn Report, realtime: &Realtime) -> Bytes {
    let target = Target { endpoint: Some(Arc::from(endpoint.path.as_str())), ..Target::default() };
    let attendee = |resident: Resident| Attendee {
        id: resident.id,
        identity: resident.identity,
        topics: resident.topics,
    };
    let attendees: Vec<Attendee> = realtime.hub.residents(&target).into_iter().map(attendee).collect();
    Bytes::from(report.write(&attendees))
}
