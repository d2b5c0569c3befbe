//! What every call gives back, and the reactions that all of Gamma's endpoints share.

use std::time::Duration;

use http::StatusCode;

use crate::exchange::Reply;
use crate::limits::RateLimits;
use crate::target::Target;
use crate::wire;

/// The longest message that is kept of an answer, in characters. Messages about a refused request are cut
/// shorter, since they may repeat it.
pub(crate) const MESSAGE_MAX: usize = 500;

/// An outcome, with what the answer's headers said beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// What the exchange came to.
    pub outcome: T,
    /// The `x-ratelimit-*` headers; all `None` where there was no answer.
    pub limits: RateLimits,
    /// `x-request-id`, which Gamma's support asks for.
    pub request_id: Option<String>,
    /// The answer's HTTP status, if a response head arrived at all.
    pub http_status: Option<u16>,
}

impl<T> Answer<T> {
    /// An outcome without an answer behind it.
    pub(crate) fn unanswered(outcome: T) -> Self {
        Self {
            outcome,
            limits: RateLimits::default(),
            request_id: None,
            http_status: None,
        }
    }

    pub(crate) fn of(reply: &Reply, outcome: T) -> Self {
        Self {
            outcome,
            limits: reply.limits,
            request_id: reply.request_id.clone(),
            http_status: Some(reply.status.as_u16()),
        }
    }
}

/// 429: Gamma took nothing on, and the whole account has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimited {
    /// What `Retry-After` asked for; `None` where it was absent or unreadable.
    pub retry_after: Option<Duration>,
    /// Gamma's words, made safe and cut.
    pub message: String,
}

/// The account can't be used for now; no job is at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTrouble {
    /// What is wrong with it.
    pub problem: AccountProblem,
    /// 401, 402 or 403.
    pub status: u16,
    /// Gamma's words, made safe and cut.
    pub message: String,
}

/// What is wrong with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountProblem {
    /// 401: the key is wrong, or no longer valid.
    Unauthorized,
    /// 402, or 403 with a message about credits.
    OutOfCredits,
}

/// What every endpoint's answers have in common.
pub(crate) enum Common {
    RateLimited(RateLimited),
    AccountTrouble(AccountTrouble),
    /// Anything else; the caller decides.
    Other,
}

impl Common {
    /// Sorts out 429 and account trouble. The status alone decides where the body can't be read.
    pub(crate) fn of(reply: &Reply, target: &Target) -> Self {
        let trouble = |problem| {
            let status = reply.status.as_u16();
            Self::AccountTrouble(AccountTrouble {
                problem,
                status,
                message: reply.message(target, MESSAGE_MAX),
            })
        };
        match reply.status {
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited(RateLimited {
                retry_after: reply.retry_after,
                message: reply.message(target, MESSAGE_MAX),
            }),
            StatusCode::UNAUTHORIZED => trouble(AccountProblem::Unauthorized),
            StatusCode::PAYMENT_REQUIRED => trouble(AccountProblem::OutOfCredits),
            StatusCode::FORBIDDEN if speaks_of_credits(&reply.body) => trouble(AccountProblem::OutOfCredits),
            _ => Self::Other,
        }
    }
}

/// Gamma says "out of credits" with 402, and with a 403 that only its message tells from missing permissions.
fn speaks_of_credits(body: &[u8]) -> bool {
    wire::message(body).to_lowercase().contains("credits")
}
