//! What is told to a client that asked for something that cannot be: a code, a message and details
//! (`protocols.md`, section 5.2).

use http::StatusCode;

use super::wanted::Operation;
use crate::event::Json;
use crate::message::UpstreamError;
use crate::query::{Failure, QueryError};
use crate::rules::Refusal;

/// Its text is the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("Failed to parse message")]
    Unparsable,
    /// The field that is needed.
    #[error("Message validation failed")]
    Missing(&'static str),
    #[error("Unknown message type: {0}")]
    UnknownType(String),
    #[error("Unknown operation: {0}")]
    UnknownOperation(String),
    #[error("Unknown subscription operation: {0}")]
    UnknownSubscriptionOperation(String),
    #[error("Subscription ID is required for unsubscribe")]
    NoSubscriptionId,
    #[error("Subscription not found: {0}")]
    SubscriptionNotFound(String),
    #[error("Model not found: {0}")]
    ModelNotFound(String),
    /// What is wrong with the message otherwise.
    #[error("{0}")]
    Invalid(String),
    /// Nobody can do that with this entity.
    #[error("{0}")]
    NotPossible(String),
    #[error("maximum subscriptions reached")]
    TooManySubscriptions,
    /// What the application said.
    #[error("{0}")]
    Hook(String),
    #[error("Rate limit exceeded")]
    TooFast,
    #[error("Token expired")]
    Expired,
    /// The backend did not do it.
    #[error("{message}")]
    Failed { code: &'static str, message: String, details: Option<Json> },
}

impl Fault {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unparsable | Self::Missing(_) | Self::Invalid(_) => "invalid_message",
            Self::UnknownType(_) => "invalid_message_type",
            Self::UnknownOperation(_) | Self::NotPossible(_) => "invalid_operation",
            Self::UnknownSubscriptionOperation(_) => "invalid_subscription_operation",
            Self::NoSubscriptionId => "missing_subscription_id",
            Self::SubscriptionNotFound(_) => "subscription_not_found",
            Self::ModelNotFound(_) => "model_not_found",
            // Limits are hooks' work in the original.
            Self::TooManySubscriptions | Self::TooFast | Self::Hook(_) => "hook_error",
            Self::Expired => "unauthorized",
            Self::Failed { code, .. } => code,
        }
    }

    /// A JSON object.
    pub(super) fn details(&self) -> Option<Json> {
        if let Self::Missing(field) = self {
            return Some(Json::from_valid(format!(r#"{{"field":"{field}"}}"#)));
        }
        if let Self::Failed { details, .. } = self { details.clone() } else { None }
    }

    /// What the rules do not allow.
    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        let message = capitalized(&refusal.to_string());
        let code = match refusal {
            Refusal::Operation(_) => return Self::NotPossible(message),
            Refusal::Filter(_) => return Self::Invalid(message),
            Refusal::Claim(_)
            | Refusal::Column(_)
            | Refusal::Unlisted(_)
            | Refusal::Relation(_)
            | Refusal::Value => "unauthorized",
            Refusal::Forbidden(_) | Refusal::Required(_) | Refusal::Data => "validation_error",
        };
        let field = refusal.field().map(|field| format!(r#"{{"field":{}}}"#, Json::string(field).as_str()));
        Self::Failed { code, message, details: field.map(Json::from_valid) }
    }

    /// A wish that becomes no request.
    pub(super) fn of_query(operation: Operation, error: &QueryError) -> Self {
        let message = capitalized(&error.to_string());
        if matches!(error, QueryError::Operation(_)) {
            return Self::NotPossible(message);
        }
        if error.is_invalid() {
            return Self::Invalid(message);
        }
        Self::Failed { code: operation.error(), message, details: None }
    }

    /// An answer that is no success. What is wrong with a record is told in the backend's own words, where
    /// that `has_validation_error`.
    pub(super) fn of_answer(operation: Operation, failure: Failure, has_validation_error: bool) -> Self {
        let Failure { status, message, details } = failure;
        let is_object = |details: &Json| details.as_str().starts_with('{');
        let (code, own) = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ("unauthorized", None),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
                if has_validation_error && operation.sends_record() =>
            {
                ("validation_error", details.filter(is_object))
            }
            _ => (operation.error(), None),
        };
        Self::Failed { code, message, details: own.or_else(|| Some(by_status(status))) }
    }

    /// No answer at all.
    pub(super) fn of_silence(operation: Operation, error: UpstreamError) -> Self {
        let status = match error {
            UpstreamError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            UpstreamError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            UpstreamError::TooLarge(_) | UpstreamError::Cut(_) | UpstreamError::Broken => {
                StatusCode::BAD_GATEWAY
            }
        };
        let message = capitalized(&error.to_string());
        Self::Failed { code: operation.error(), message, details: Some(by_status(status)) }
    }
}

fn by_status(status: StatusCode) -> Json {
    Json::from_valid(format!(r#"{{"status":{}}}"#, status.as_u16()))
}

/// As messages of this dialect begin.
pub(super) fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
