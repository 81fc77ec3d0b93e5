//! Errors as clients see them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Failure;

/// What kind of error it is. Decides the HTTP status and the exit code of the command line.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request cannot be understood.
    BadRequest,
    /// The caller did not prove who they are, or not in a way that holds.
    NotSignedIn,
    /// The caller may not do this.
    NotPermitted,
    /// There is no such thing.
    NotFound,
    /// The route is there, and does not take this method.
    NoSuchMethod,
    /// It cannot be done in the present state.
    Refused,
    /// The body is larger than anything that means something.
    TooLarge,
    /// The body is not said to be JSON.
    NotJson,
    /// Too many proofs failed: the caller has to wait.
    TooMany,
    /// The daemon cannot do it now: it starts, stops, or cannot write its journal.
    Unavailable,
    /// A fault of the daemon.
    Internal,
}

impl ErrorCode {
    /// Every code, for tables and documentation.
    pub const ALL: [Self; 11] = [
        Self::BadRequest,
        Self::NotSignedIn,
        Self::NotPermitted,
        Self::NotFound,
        Self::NoSuchMethod,
        Self::Refused,
        Self::TooLarge,
        Self::NotJson,
        Self::TooMany,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The status of the HTTP answer.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NotSignedIn => 401,
            Self::NotPermitted => 403,
            Self::NotFound => 404,
            Self::NoSuchMethod => 405,
            Self::Refused => 409,
            Self::TooLarge => 413,
            Self::NotJson => 415,
            Self::TooMany => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// What it means, as a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::BadRequest => "The request cannot be understood.",
            Self::NotSignedIn => "The caller did not prove who they are, or not in a way that holds.",
            Self::NotPermitted => "The caller may not do this.",
            Self::NotFound => "There is no such thing.",
            Self::NoSuchMethod => "The route is there, and does not take this method.",
            Self::Refused => "It cannot be done in the present state.",
            Self::TooLarge => "The body is larger than anything that means something.",
            Self::NotJson => "The body is not said to be JSON.",
            Self::TooMany => "Too many proofs failed: the caller has to wait.",
            Self::Unavailable => {
                "The daemon cannot do it now: it starts, stops, or cannot write its journal."
            }
            Self::Internal => "A fault of the daemon.",
        }
    }

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotSignedIn => "not_signed_in",
            Self::NotPermitted => "not_permitted",
            Self::NotFound => "not_found",
            Self::NoSuchMethod => "no_such_method",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// The body of every answer that is not a success. In JSON it is a [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(from = "Problem", into = "Problem")]
pub struct ErrorBody {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// What is wrong, a lower-case fragment without a full stop.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// In how many seconds it is worth asking again, if that is known: the header `Retry-After` of the answer.
    pub retry_after: Option<u64>,
}

/// An error as RFC 9457 has it, with what we add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Problem {
    /// Where the documentation says what kind of error it is.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What kind of error it is, as a sentence.
    #[serde(default)]
    pub title: String,
    /// The status of the HTTP answer.
    #[serde(default)]
    pub status: u16,
    /// What is wrong, a lower-case fragment without a full stop.
    pub detail: String,
    /// What kind of error it is, as a word.
    pub code: ErrorCode,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl From<ErrorBody> for Problem {
    fn from(ErrorBody { code, message, remedy, retry_after: _ }: ErrorBody) -> Self {
        let kind = format!("docs/api.md#{}", code.as_str());
        Self { kind, title: code.about().to_owned(), status: code.status(), detail: message, code, remedy }
    }
}

impl From<Problem> for ErrorBody {
    fn from(problem: Problem) -> Self {
        Self { code: problem.code, message: problem.detail, remedy: problem.remedy, retry_after: None }
    }
}

impl ErrorBody {
    /// An error without a remedy.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None, retry_after: None }
    }

    /// The request cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// It cannot be done in the present state.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Refused, message)
    }

    /// The daemon cannot do it now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unavailable, message)
    }

    /// The same error with a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same error with when to ask again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A failure of the daemon's own work, as an answer.
    pub fn from_failure(code: ErrorCode, failure: Failure) -> Self {
        Self { code, message: failure.message, remedy: failure.remedy, retry_after: None }
    }
}

impl fmt::Display for ErrorBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ErrorBody {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_problem_in_json_and_the_same_error_again() {
        let error = ErrorBody::not_found("there is no stack `wbe`").remedy("did you mean `infra/web`?");
        let json = serde_json::to_value(&error).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "docs/api.md#not_found",
                "title": "There is no such thing.",
                "status": 404,
                "detail": "there is no stack `wbe`",
                "code": "not_found",
                "remedy": "did you mean `infra/web`?",
            })
        );
        assert_eq!(serde_json::from_value::<ErrorBody>(json).unwrap(), error);
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
