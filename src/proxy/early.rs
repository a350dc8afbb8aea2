//! Answers that come before the request's end.

use http::response;
use pingora::protocols::http::ServerSession;
use pingora::protocols::http::v1::common::is_expect_continue_req;

use super::downstream::LINGER;
use super::hop;

/// Ends the connection with this answer, and says so, if the rest of the request is not wanted: the client
/// waits to hear whether it may send its body (RFC 9110, section 10.1.1), or the backend hangs up.
/// Otherwise the backend reads on, and so the connection may be used again.
pub(super) fn end_with(session: &mut ServerSession, response: &response::Parts) -> bool {
    if session.is_body_done() {
        return false;
    }
    let refused = is_expect_continue_req(session.req_header()) && session.body_bytes_read() == 0;
    let last = refused || hop::ends_connection(response);
    session.set_close_on_response_before_downstream_finish(last);
    last
}

/// Reads what is left of a request that was answered early: closing on unread bytes is a reset, and that
/// would overtake the answer (RFC 9112, section 9.6).
pub(super) async fn linger(session: &mut ServerSession) {
    session.set_total_drain_timeout(Some(LINGER));
    if let Err(error) = session.drain_request_body().await {
        tracing::debug!(error = error.etype().as_str(), "the rest of the request did not come");
    }
}
