//! What a step came to, before anyone decided what to do about it.

use std::time::Duration;

use gammaq_files::Fetched;
use gammaq_gamma::{Answer, Exported, Polled, Submitted};
use gammaq_job::ExportFormat;
use tokio::time::Instant;

use crate::hold::Made;

/// The end of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A POST was tried: the answer, if it is not a generation (that one is recorded at once, by the step).
    Submitted(Answer<Submitted>),
    /// The POST was not begun, since Redis could not take the intent; nothing was sent.
    NotBegun {
        /// Why.
        reason: String,
    },
    /// The request can't be read back from the record.
    NoRequest,
    /// The generation was looked at.
    Looked(Answer<Polled>),
    /// Gamma was asked for a file.
    Exported(ExportFormat, Answer<Exported>),
    /// A file was downloaded, or not.
    Downloaded(ExportFormat, Fetched),
    /// A download waits for so long, since others are under way.
    NoRoom(ExportFormat, Duration),
    /// No file is wanted any more.
    NothingToExport,
    /// Handed back untouched: the worker stops, the account was paused, or it is another worker's account.
    Released,
    /// The generation is recorded, the job is still this worker's, and its first look is due then.
    Made(Box<Made>, Instant),
    /// Nothing to settle: it was done by the step, or the job is another worker's by now.
    Settled,
    /// The step panicked; `begun` says whether a POST may have left.
    Panicked {
        /// Whether a POST may have left.
        begun: bool,
    },
}

impl Outcome {
    /// The word for logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Submitted(answer) => match &answer.outcome {
                Submitted::Accepted { .. } => "accepted",
                Submitted::NotSent { .. } => "not_sent",
                Submitted::RateLimited(_) => "rate_limited",
                Submitted::AccountTrouble(_) => "account_trouble",
                Submitted::Refused { .. } => "refused",
                Submitted::Unclear { .. } => "unclear",
            },
            Self::NotBegun { .. } => "not_begun",
            Self::NoRequest => "no_request",
            Self::Looked(answer) => match &answer.outcome {
                Polled::Pending { .. } => "pending",
                Polled::Completed(_) => "completed",
                Polled::Failed(_) => "failed",
                Polled::UnknownStatus { .. } => "unknown_status",
                Polled::RateLimited(_) => "rate_limited",
                Polled::AccountTrouble(_) => "account_trouble",
                Polled::NotFound { .. } => "not_found",
                Polled::Unavailable { .. } => "unavailable",
            },
            Self::Exported(_, answer) => match &answer.outcome {
                Exported::Begun { .. } => "export_begun",
                Exported::Pending => "export_pending",
                Exported::Ready { .. } => "export_ready",
                Exported::Failed(_) => "export_failed",
                Exported::Refused { .. } => "export_refused",
                Exported::NotFound { .. } => "not_found",
                Exported::RateLimited(_) => "rate_limited",
                Exported::AccountTrouble(_) => "account_trouble",
                Exported::Unavailable { .. } => "unavailable",
            },
            Self::Downloaded(_, fetched) => downloaded(fetched),
            Self::NoRoom(..) => "no_room",
            Self::NothingToExport => "nothing_to_export",
            Self::Released => "released",
            Self::Made(..) => "accepted",
            Self::Settled => "settled",
            Self::Panicked { .. } => "panicked",
        }
    }
}

/// Every word for what a download came to.
pub(crate) const DOWNLOADED: [&str; 6] = ["stored", "again", "expired", "wrong_type", "refused", "full"];

/// The word for logs and metrics.
pub(crate) const fn downloaded(fetched: &Fetched) -> &'static str {
    match fetched {
        Fetched::Stored(_) => "stored",
        Fetched::Again { .. } => "again",
        Fetched::Expired { .. } => "expired",
        Fetched::WrongType { .. } => "wrong_type",
        Fetched::Refused { .. } => "refused",
        Fetched::Full { .. } => "full",
    }
}
