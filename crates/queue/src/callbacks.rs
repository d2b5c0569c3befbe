//! Callbacks: callers that are to be told of their job's end. A schedule of its own, beside that of the jobs.
//!
//! The invariant: a job with a callback that comes into a final state stands in `callbacks` from that very step on, until
//! somebody says that its caller was told, that it is given up, or that the job goes on. A claim moves it to the end of a
//! lease, so whoever dies with it loses nothing: it is told again, with the same message id.

use std::fmt;
use std::time::Duration;

use gammaq_job::State;
use redis::Value;

use crate::script::{CLAIM_CALLBACKS, MAX_ITEMS, SETTLE_CALLBACK};
use crate::{Error, Queue, ms, value};

/// What `claim_callbacks` is sent; see its header.
#[cfg(test)]
pub(crate) const CLAIM_ARGV: &str =
    "events_cap ttl_ms worker want lease_ms kept_ms not_after per_host busy...";
/// What `settle_callback` is sent; see its header.
#[cfg(test)]
pub(crate) const SETTLE_ARGV: &str = "events_cap ttl_ms worker id fence outcome delay_ms kept_ms note";

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct CallbackRequest<'a> {
    /// Who asks.
    pub worker: &'a str,
    /// The most, 1 to 1,000.
    pub want: usize,
    /// How long they are held: longer than an attempt takes.
    pub lease: Duration,
    /// For how long after the end attempts are made.
    pub retry_for: Duration,
    /// Redis's time, Unix milliseconds, after which nothing is claimed: nobody waits for the answer any more.
    pub not_after: u64,
    /// How many this worker makes at once at one receiver.
    pub per_host: usize,
    /// Where its attempts are under way.
    pub busy: &'a [BusyHost],
}

/// A receiver that attempts of this worker are under way at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyHost {
    /// As [`Callback::host`] names it.
    pub host: String,
    /// How many.
    pub attempts: usize,
    /// For how long those are put off, at the most, that find no room there.
    pub later: Duration,
}

/// What a worker got.
#[derive(Debug)]
pub struct CallbackClaim {
    /// Redis's time, Unix milliseconds.
    pub now: u64,
    /// When there will be something to do next, if that is known.
    pub next_at: Option<u64>,
    /// How many were due and found no room at their receiver: they are due again soon.
    pub put_off: u64,
    /// The callbacks.
    pub callbacks: Vec<Callback>,
}

/// A callback in a worker's hands. Times are Unix milliseconds by Redis's clock.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The job.
    pub id: String,
    /// This hold's number: what becomes of it is compared with it.
    pub fence: u64,
    /// Where to.
    pub url: String,
    /// The message's id, the same at every attempt.
    pub message_id: String,
    /// Attempts before this one.
    pub attempts: u32,
    /// The end that is told.
    pub state: State,
    /// When that was.
    pub since: u64,
    /// The job's result as JSON; empty where it is gone.
    pub result: String,
    /// The receiver: the host of `url`, in small letters.
    pub host: String,
}

/// Shows neither the address, which may hold a secret, nor the result.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("id", &self.id)
            .field("fence", &self.fence)
            .field("message_id", &self.message_id)
            .field("attempts", &self.attempts)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The caller knows.
    Delivered,
    /// Not now: again after this time, or sooner where no more is left for attempts; why not, for people.
    Again(Duration, String),
    /// Never again, and why.
    Failed(String),
}

/// What the queue made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackSettled {
    /// It is over.
    Delivered,
    /// It is planned again.
    Again,
    /// It is given up.
    Failed,
    /// It was no longer this worker's, the job goes on, or this ran before.
    Stale,
    /// There is no such job.
    Missing,
}

impl Queue {
    /// Takes callbacks that are due. Where the answer is lost, they come back when their lease ends.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. [`Error::NewerSchema`] where the layout is newer by now: nothing was claimed.
    pub async fn claim_callbacks(&self, request: &CallbackRequest<'_>) -> Result<CallbackClaim, Error> {
        let mut call = self.call(&CLAIM_CALLBACKS);
        call.arg(request.worker)
            .arg(request.want.clamp(1, MAX_ITEMS))
            .arg(ms(request.lease))
            .arg(ms(request.retry_for))
            .arg(request.not_after)
            .arg(request.per_host.max(1));
        for busy in request.busy {
            call.arg(&busy.host).arg(busy.attempts).arg(ms(busy.later).max(1));
        }
        let parts = value::list(self.invoke(&call).await?)?;
        let Ok([now, next_at, newer, put_off, callbacks]) = <[Value; 5]>::try_from(parts) else {
            return Err(Error::Refused("claim_callbacks answered too little".to_owned()));
        };
        if value::number(&newer) == 1 {
            return Err(self.newer_schema().await);
        }
        let next = value::text(&next_at);
        Ok(CallbackClaim {
            now: value::number(&now),
            next_at: (!next.is_empty()).then(|| value::number(&next_at)),
            put_off: value::number(&put_off),
            callbacks: value::list(callbacks)?
                .into_iter()
                .map(callback)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Notes what became of an attempt. Safe to run twice: the second time is stale.
    ///
    /// # Errors
    /// By reaction; see [`Error`]. Repeat it: until it succeeds the caller is told again when the lease ends.
    pub async fn settle_callback(
        &self,
        worker: &str,
        callback: &Callback,
        retry_for: Duration,
        told: &Told,
    ) -> Result<CallbackSettled, Error> {
        let (outcome, delay, note) = match told {
            Told::Delivered => ("delivered", Duration::ZERO, ""),
            Told::Again(delay, why) => ("again", *delay, why.as_str()),
            Told::Failed(why) => ("failed", Duration::ZERO, why.as_str()),
        };
        let mut call = self.call(&SETTLE_CALLBACK);
        call.arg(worker)
            .arg(&callback.id)
            .arg(callback.fence)
            .arg(outcome)
            .arg(ms(delay))
            .arg(ms(retry_for))
            .arg(note);
        match value::text(&self.invoke(&call).await?).as_str() {
            "delivered" => Ok(CallbackSettled::Delivered),
            "again" => Ok(CallbackSettled::Again),
            "failed" => Ok(CallbackSettled::Failed),
            "stale" => Ok(CallbackSettled::Stale),
            "missing" => Ok(CallbackSettled::Missing),
            other => Err(Error::Refused(format!("settle_callback answered {other}"))),
        }
    }
}

fn callback(parts: Value) -> Result<Callback, Error> {
    let parts = value::texts(parts)?;
    let [id, fence, url, message_id, attempts, state, since, result, host] = parts.as_slice() else {
        return Err(Error::Refused(
            "claim_callbacks answered a callback without its fields".to_owned(),
        ));
    };
    Ok(Callback {
        id: id.clone(),
        fence: fence.parse().unwrap_or(0),
        url: url.clone(),
        message_id: message_id.clone(),
        attempts: attempts.parse().unwrap_or(0),
        state: state.parse().unwrap_or(State::Failed),
        since: since.parse().unwrap_or(0),
        result: result.clone(),
        host: host.clone(),
    })
}
