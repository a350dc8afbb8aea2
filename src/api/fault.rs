//! Why a request to the publish API is not done, in words for programs and for people.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// What a program can tell faults apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    InvalidJson,
    /// A field, parameter or header is missing, unknown or of the wrong kind.
    InvalidRequest,
    /// No API key, or one that is not known.
    Unauthorized,
    /// The API key does not reach so far, or there would have to be one.
    Forbidden,
    /// A browser asks for a page from elsewhere.
    ForeignOrigin,
    /// There is no such path.
    NotFound,
    /// No endpoint belongs to such an application.
    UnknownApp,
    /// There is no such endpoint.
    UnknownEndpoint,
    /// No endpoint has such a namespace.
    UnknownNamespace,
    /// There is no such connection.
    UnknownConnection,
    /// The path has other methods.
    MethodNotAllowed,
    /// The same request is still being done.
    InProgress,
    /// The body is too large.
    TooLarge,
    /// The body is not said to be JSON.
    UnsupportedMediaType,
    /// The idempotency key came with another request before.
    KeyReused,
    /// A bug of ours.
    Internal,
    /// Too much waits to be published.
    QueueFull,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::InvalidJson,
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ForeignOrigin,
        Self::NotFound,
        Self::UnknownApp,
        Self::UnknownEndpoint,
        Self::UnknownNamespace,
        Self::UnknownConnection,
        Self::MethodNotAllowed,
        Self::InProgress,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::KeyReused,
        Self::Internal,
        Self::QueueFull,
    ];

    /// As it stands in the answer.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidRequest => "invalid_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::ForeignOrigin => "foreign_origin",
            Self::NotFound => "not_found",
            Self::UnknownApp => "unknown_app",
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::UnknownNamespace => "unknown_namespace",
            Self::UnknownConnection => "unknown_connection",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::InProgress => "in_progress",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::KeyReused => "key_reused",
            Self::Internal => "internal",
            Self::QueueFull => "queue_full",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson | Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound
            | Self::UnknownApp
            | Self::UnknownEndpoint
            | Self::UnknownNamespace
            | Self::UnknownConnection => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::InProgress => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::QueueFull => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// See the module's documentation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: Code,
    pub(super) message: Cow<'static, str>,
    /// The methods that there are.
    pub(super) allow: Option<&'static str>,
}

impl Fault {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), allow: None }
    }

    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, message)
    }

    pub(super) fn method(allow: &'static str) -> Self {
        let message = format!("the methods here are {allow}");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, message) }
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let body = json!({ "error": { "code": self.code.name(), "message": self.message } });
        let mut response = super::answer(self.code.status(), "application/json", body.to_string());
        let headers = response.headers_mut();
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if self.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(self.code, Code::InProgress | Code::QueueFull) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
