//! The paid call: one POST, and what its answer says about whether Gamma took it.

use std::pin::pin;

use bytes::Bytes;
use gammaq_crash::at;
use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use crate::answer::{AccountTrouble, Answer, Common, MESSAGE_MAX, RateLimited};
use crate::client::Client;
use crate::exchange::Reply;
use crate::gate::{GateClosed, GatedBody};
use crate::target::{Engine, Target};
use crate::wire;

/// Messages about a refused request may repeat it, so less of them is kept (characters).
const REFUSAL_MAX: usize = 300;

/// What became of a POST; one variant for each reaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// Gamma took it and named the generation; it is being paid for.
    Accepted {
        /// Opaque; Classic and Agent ids look different.
        generation_id: String,
        /// Which options Gamma ignored, in its words.
        warnings: Vec<String>,
    },
    /// Proven not sent: Gamma can't have the request, so it may be sent again.
    NotSent {
        /// What kept it from being sent.
        reason: String,
    },
    /// 429: not accepted, the account has to wait.
    RateLimited(RateLimited),
    /// 401, 402, or 403 about credits: not accepted, the account is at fault.
    AccountTrouble(AccountTrouble),
    /// Refused for good: 400, 403, 404, 413, 415, 422, any other 4xx, or a redirect.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Gamma's words, made safe and cut.
        message: String,
        /// A 3xx, which is never followed: somebody else's answer, or a wrong base URL.
        redirect: bool,
    },
    /// Nobody can know whether Gamma took it: no answer, a broken one, 408, 409, 425, 5xx, or a 2xx without a
    /// readable id. Sending it again may pay twice.
    Unclear {
        /// The HTTP status, if a response head arrived.
        status: Option<u16>,
        /// What was missing or wrong.
        reason: String,
        /// How the answer's body began, made safe and cut; often empty.
        body_start: String,
    },
}

impl Client {
    /// Sends the POST that starts a generation, once, with `body` as it is (JSON).
    ///
    /// No byte of the body is handed to the connection at or after `not_after`, not even when the process or
    /// the machine was stopped on the way; what the kernel has by then may still be under way.
    ///
    /// Takes at most `request_timeout`, unless the process was stopped: then an answer that comes right after
    /// is still read. Dropping the future may leave a POST behind that nobody knows the end of.
    pub async fn submit(
        &self,
        target: &Target,
        engine: Engine,
        body: Bytes,
        not_after: Instant,
    ) -> Answer<Submitted> {
        let not_sent = |reason: String| Answer::unanswered(Submitted::NotSent { reason });
        if Instant::now() >= not_after {
            return not_sent(GateClosed::Late.to_string());
        }
        let (body, gate) = GatedBody::new(body, not_after);
        let mut exchange = pin!(self.post(target, target.submit_url(engine), body));
        let end = tokio::select! {
            biased;
            end = at("post_answer", &mut exchange) => end,
            () = at("post_gate", sleep_until(not_after)) => {
                if gate.expire() {
                    return not_sent(GateClosed::Late.to_string());
                }
                at("post_late", exchange).await
            }
        };
        match end {
            Err(reason) if gate.close() => not_sent(reason),
            Err(reason) => Answer::unanswered(Submitted::Unclear {
                status: None,
                reason,
                body_start: String::new(),
            }),
            Ok(reply) => match classify(&reply, target) {
                // A server that answers before it has the request, and a body that was held back.
                Submitted::Unclear { reason, .. } if gate.close() => {
                    Answer::of(&reply, Submitted::NotSent { reason })
                }
                outcome => Answer::of(&reply, outcome),
            },
        }
    }
}

pub(crate) fn classify(reply: &Reply, target: &Target) -> Submitted {
    match Common::of(reply, target) {
        Common::RateLimited(limited) => return Submitted::RateLimited(limited),
        Common::AccountTrouble(trouble) => return Submitted::AccountTrouble(trouble),
        Common::Other => {}
    }
    let status = reply.status;
    if status.is_success() {
        return accepted(reply, target).unwrap_or_else(|reason| unclear(reply, target, reason));
    }
    let clear = match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY => false,
        _ => status.is_client_error() || status.is_redirection(),
    };
    if clear {
        let message = reply.message(target, REFUSAL_MAX);
        return Submitted::Refused {
            status: status.as_u16(),
            message,
            redirect: status.is_redirection(),
        };
    }
    unclear(reply, target, reply.message(target, MESSAGE_MAX))
}

/// Reads the id out of a 2xx; `Err` says why there is none to trust.
fn accepted(reply: &Reply, target: &Target) -> Result<Submitted, String> {
    if let Some(cut) = &reply.cut {
        return Err(format!("the answer broke off: {cut}"));
    }
    let body = target
        .read(&reply.body)
        .ok_or("the answer is not a JSON object")?;
    let generation_id = wire::generation_id(&body)
        .filter(|id| target.is_safe_id(id))
        .ok_or("the answer has no readable generationId")?;
    let warnings = wire::warnings(&body);
    let warnings = warnings
        .iter()
        .map(|warning| target.scrub(warning, MESSAGE_MAX))
        .collect();
    Ok(Submitted::Accepted {
        generation_id,
        warnings,
    })
}

fn unclear(reply: &Reply, target: &Target, reason: String) -> Submitted {
    let body_start = target.scrub(&wire::text(&reply.body), MESSAGE_MAX);
    Submitted::Unclear {
        status: Some(reply.status.as_u16()),
        reason,
        body_start,
    }
}
