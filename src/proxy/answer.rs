//! The head of the backend's answer, made one that the client may have.

use http::{Version, header};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::downstream::Downstream;
use super::early;
use super::head;
use super::hop;
use crate::event::Position;
use crate::message::POSITION;

/// How an answer goes on behind its head.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The connection ends with it, before the request's end.
    pub(super) parting: bool,
    /// There is none.
    pub(super) is_over: bool,
}

pub(super) fn pass(session: &mut Session, response: &mut ResponseHeader, position: Option<Position>) -> Rest {
    let interim = response.status.is_informational();
    let parting = !interim && early::end_with(&mut session.downstream_session, response);
    // The version of a message is that of its sender (RFC 9112, section 2.3).
    response.set_version(Version::HTTP_11);
    if interim {
        // The request's body may be waiting for this very answer, so it says nothing of the connection.
        session.downstream_session.set_close_on_response_before_downstream_finish(false);
        return Rest::default();
    }
    let bodiless = head::is_bodiless(&session.req_header().method, response);
    if parting && bodiless {
        Downstream::part_of(&session.downstream_session);
    }
    hop::strip(response);
    if let Some(position) = position {
        // A name and a value that are none would be a bug, and leave the answer as it is.
        drop(response.insert_header(POSITION, position.to_string()));
    }
    if head::is_http_1_0(session.req_header()) && response.remove_header(&header::TRANSFER_ENCODING).is_some()
    {
        session.downstream_session.set_keepalive(None);
    }
    if let (Some(date), Some(downstream)) =
        (response.headers.get(header::DATE), Downstream::of(&session.downstream_session))
    {
        downstream.date(date);
    }
    Rest { parting, is_over: bodiless }
}
