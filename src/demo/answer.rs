//! Answers of the sample backend: status, JSON, and the headers that all of them carry.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use serde_json::json;

use super::store::StoreError;

pub(super) const ALL_METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// An answer before it has its common headers.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    json: String,
    header: Option<(HeaderName, String)>,
}

impl Answer {
    pub(super) fn ok(json: String) -> Self {
        Self { status: StatusCode::OK, json, header: None }
    }

    pub(super) fn created(json: String) -> Self {
        Self { status: StatusCode::CREATED, ..Self::ok(json) }
    }

    pub(super) fn empty() -> Self {
        Self { status: StatusCode::NO_CONTENT, ..Self::ok(String::new()) }
    }

    pub(super) fn error(status: StatusCode, message: &str) -> Self {
        Self { status, ..Self::ok(json!({ "error": message }).to_string()) }
    }

    pub(super) fn not_allowed(method: &Method, methods: &'static str) -> Self {
        let message = format!("{method} is not possible here: {methods}");
        Self::error(StatusCode::METHOD_NOT_ALLOWED, &message).with(header::ALLOW, methods)
    }

    pub(super) fn with(self, name: HeaderName, value: impl Into<String>) -> Self {
        Self { header: Some((name, value.into())), ..self }
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let length = self.json.len();
        let mut response = Response::new(Bytes::from(self.json));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let fixed = HeaderValue::from_static;
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(header::CONTENT_TYPE, fixed("application/json"));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        // The live page comes from the admin port: another origin than the proxy's.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, fixed("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, fixed("Location"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed(ALL_METHODS));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fixed("Content-Type, Authorization"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("600"));
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::try_from(value)
        {
            headers.insert(name, value);
        }
        response
    }
}

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Missing { .. } => StatusCode::NOT_FOUND,
            StoreError::Invalid(_) => StatusCode::BAD_REQUEST,
            StoreError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::error(status, &error.to_string())
    }
}
