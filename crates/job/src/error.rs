//! Why a job ended without a deck.

use serde::{Deserialize, Serialize};

/// What kind of end it was; callers branch on this word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The inbox entry could not be used; nothing was sent.
    InvalidRequest,
    /// No worker has a key for the account; nothing was sent.
    UnknownAccount,
    /// Gamma refused the request for good; nothing was started.
    Refused,
    /// Gamma started and reported that the generation failed.
    GenerationFailed,
    /// Gamma still said pending after the deadline.
    TimedOut,
    /// Whether Gamma accepted is not known; an operator decides.
    Ambiguous,
    /// A caller or operator cancelled it.
    Cancelled,
    /// An operator gave it up.
    GaveUp,
}

impl ErrorKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::InvalidRequest,
        Self::UnknownAccount,
        Self::Refused,
        Self::GenerationFailed,
        Self::TimedOut,
        Self::Ambiguous,
        Self::Cancelled,
        Self::GaveUp,
    ];

    /// The word used in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnknownAccount => "unknown_account",
            Self::Refused => "refused",
            Self::GenerationFailed => "generation_failed",
            Self::TimedOut => "timed_out",
            Self::Ambiguous => "ambiguous",
            Self::Cancelled => "cancelled",
            Self::GaveUp => "gave_up",
        }
    }
}

/// The `error` of a record and a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// What kind of end it was.
    pub kind: ErrorKind,
    /// What happened, for people.
    pub message: String,
    /// Gamma's HTTP status, where it answered.
    #[serde(default)]
    pub status: Option<u16>,
    /// Gamma's `x-request-id`, which its support asks for.
    #[serde(default)]
    pub request_id: Option<String>,
}

impl JobError {
    /// An error that no answer of Gamma stands behind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            status: None,
            request_id: None,
        }
    }

    /// The error as the JSON text that records hold.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| format!("{{\"kind\":\"{}\"}}", self.kind))
    }
}
