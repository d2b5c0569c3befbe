//! Whether a key works, asked without spending anything.

use crate::answer::{AccountTrouble, Answer, Common, MESSAGE_MAX, RateLimited};
use crate::client::Client;
use crate::target::Target;
use crate::wire;

/// What Gamma says to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyCheck {
    /// The key was accepted. Says nothing about credits.
    Valid,
    /// 429.
    RateLimited(RateLimited),
    /// 401, 402, or 403 about credits.
    AccountTrouble(AccountTrouble),
    /// No answer, or one that says nothing about the key.
    Unknown {
        /// The HTTP status, if a response head arrived.
        status: Option<u16>,
        /// What was missing or wrong.
        reason: String,
    },
}

impl Client {
    /// Lists one theme (`GET /v1.0/themes?limit=1`), the cheapest question that needs a key.
    pub async fn check_key(&self, target: &Target) -> Answer<KeyCheck> {
        let reply = match self.get(target, target.themes_url()).await {
            Ok(reply) => reply,
            Err(reason) => return Answer::unanswered(KeyCheck::Unknown { status: None, reason }),
        };
        let outcome = match Common::of(&reply, target) {
            Common::RateLimited(limited) => KeyCheck::RateLimited(limited),
            Common::AccountTrouble(trouble) => KeyCheck::AccountTrouble(trouble),
            Common::Other if reply.status.is_success() && wire::object(&reply.body).is_some() => {
                KeyCheck::Valid
            }
            // Also a 200 in HTML: a proxy's page, or a wrong base URL.
            Common::Other => KeyCheck::Unknown {
                status: Some(reply.status.as_u16()),
                reason: reply.message(target, MESSAGE_MAX),
            },
        };
        Answer::of(&reply, outcome)
    }
}
