//! Exchanges that failed: what the client is told, and the log.

use http::request;
use pingora::proxy::{FailToProxy, Session};
use pingora::{Error, ErrorSource};

use super::head;
use super::respond::Refusal;

/// Answers in the backend's place, if the client has no answer yet. `upstream`: the server that was chosen.
pub(super) async fn tell(session: &mut Session, error: &Error, upstream: &str) -> FailToProxy {
    let refusal = Refusal::of(error);
    let status = refusal.as_ref().map_or(0, |refusal| refusal.status.as_u16());
    let head: &request::Parts = session.req_header();
    let (method, path) = (&head.method, head.uri.path());
    if *error.esource() == ErrorSource::Downstream {
        tracing::debug!(%method, path, error = error.etype().as_str(), "the client broke off");
    } else {
        tracing::warn!(%method, path, upstream, status, error = error.etype().as_str(), "request failed");
    }
    session.downstream_session.set_keepalive(None);
    let answered = session.response_written().is_some_and(|answer| !head::is_interim(answer));
    if let Some(refusal) = refusal.filter(|_| !answered)
        && let Err(error) = refusal.send(&mut session.downstream_session).await
    {
        tracing::debug!(%error, "the refusal did not reach the client");
    }
    FailToProxy { error_code: status, can_reuse_downstream: false }
}
