//! Why a wish cannot be asked, and why an answer is none.

use http::StatusCode;

use crate::event::Json;
use crate::filter::FilterError;

/// Why a client's wish becomes no request. The texts are for clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The options are no object, or one of them has the wrong type.
    #[error("{0}")]
    Options(String),
    /// The filters are none, an unknown operator among them.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The backend cannot be asked that, and it cannot be done here.
    #[error("{what} not supported: {detail}")]
    Unsupported {
        /// Filter, Sort, Preload or Paging.
        what: &'static str,
        /// Which.
        detail: String,
    },
    /// The resource has no path for this operation.
    #[error("{0} is not possible here")]
    Operation(&'static str),
    /// The path has a parameter that neither an `eq` filter nor the data tells.
    #[error("{0} must be given, as an eq filter or in the data")]
    Parameter(String),
    /// What would stand for a parameter of the path is not what the server's own conditions say of it.
    #[error("{0} is not allowed to be that")]
    Kept(String),
    /// An id that no path can hold.
    #[error("no record can have that id")]
    Id,
    /// Data that is no JSON object or list of them.
    #[error("the data must be an object or a list of objects")]
    Data,
}

impl QueryError {
    /// The client's message is wrong, whatever the resource.
    pub fn is_invalid(&self) -> bool {
        matches!(self, Self::Options(_) | Self::Filter(_) | Self::Id | Self::Data)
    }
}

/// An answer that holds no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The answer's; 404 where a record is not there for this client, 502 where nobody understands the answer.
    pub status: StatusCode,
    /// The backend's words for it, else the status's own.
    pub message: String,
    /// The error object of the answer, if it is JSON.
    pub details: Option<Json>,
}

impl Failure {
    pub(super) fn of(status: StatusCode, message: &str) -> Self {
        Self { status, message: message.to_owned(), details: None }
    }
}
