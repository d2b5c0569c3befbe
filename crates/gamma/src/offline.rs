//! What the client makes of an answer that did not come over the network: the same judgements, for fuzzing them.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Response};

use crate::answer::Answer;
use crate::exchange::Reply;
use crate::poll::Polled;
use crate::submit::Submitted;
use crate::target::Target;
use crate::{limits, poll, submit};

/// What [`Client::submit`](crate::Client::submit) says of this answer; `whole` is false where its body broke off.
pub fn judge_submit(answer: Response<Vec<u8>>, whole: bool, target: &Target) -> Answer<Submitted> {
    let reply = reply(answer, whole, target);
    Answer::of(&reply, submit::classify(&reply, target))
}

/// What [`Client::poll`](crate::Client::poll) says of this answer; `whole` is false where its body broke off.
pub fn judge_poll(answer: Response<Vec<u8>>, whole: bool, target: &Target) -> Answer<Polled> {
    let reply = reply(answer, whole, target);
    Answer::of(&reply, poll::classify(&reply, target))
}

/// How long `Retry-After` among these headers asks to wait: seconds, or a date relative to the answer's own `Date`,
/// else to `now`. `None` where it is absent or unreadable; at most 366 days.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    limits::retry_after(headers, now)
}

fn reply(answer: Response<Vec<u8>>, whole: bool, target: &Target) -> Reply {
    let (head, body) = answer.into_parts();
    let response = reqwest::Response::from(Response::from_parts(head, Vec::new()));
    Reply {
        body,
        cut: (!whole).then(|| "the answer broke off".to_owned()),
        ..Reply::of(&response, target)
    }
}
