//! Errors as clients see them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Failure;

/// What kind of error it is. Decides the HTTP status and the exit code of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// It cannot be done in the present state.
    Refused,
    /// Too many proofs failed: the caller has to wait.
    TooMany,
    /// The daemon cannot do it now: it starts, stops, or cannot write its journal.
    Unavailable,
    /// A fault of the daemon.
    Internal,
}

impl ErrorCode {
    /// Every code, for tables and documentation.
    pub const ALL: [Self; 8] = [
        Self::BadRequest,
        Self::NotSignedIn,
        Self::NotPermitted,
        Self::NotFound,
        Self::Refused,
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
            Self::Refused => 409,
            Self::TooMany => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::NotSignedIn => "not_signed_in",
            Self::NotPermitted => "not_permitted",
            Self::NotFound => "not_found",
            Self::Refused => "refused",
            Self::TooMany => "too_many",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// What is wrong, a lower-case fragment without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl ErrorBody {
    /// An error without a remedy.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: None }
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

    /// A failure of the daemon's own work, as an answer.
    pub fn from_failure(code: ErrorCode, failure: Failure) -> Self {
        Self { code, message: failure.message, remedy: failure.remedy }
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
