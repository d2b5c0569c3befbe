//! The fake within the process of a worker, which then asks it without HTTP: for what a machine can't carry with it, and for what
//! a worker costs by itself.

use std::fmt;

use bytes::Bytes;
use gammaq_gamma::{Answer, Completed, Credits, Engine, Exported, Polled, RateLimits, Submitted, Target};
use gammaq_worker::surroundings::{Exchange, Gamma};
use tokio::time::Instant;

use super::Shared;

/// Answers at once.
pub(crate) struct Within(pub(crate) Shared);

impl fmt::Debug for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Within").finish_non_exhaustive()
    }
}

impl Gamma for Within {
    fn submit<'a>(&'a self, _: &'a Target, _: Engine, body: Bytes, _: Instant) -> Exchange<'a, Submitted> {
        Box::pin(async move {
            let id = self.0.lock().accept(&body);
            let accepted = Submitted::Accepted {
                generation_id: format!("g{id}"),
                warnings: Vec::new(),
            };
            answer(accepted, 201)
        })
    }

    fn poll<'a>(&'a self, _: &'a Target, _: Engine, generation_id: &'a str) -> Exchange<'a, Polled> {
        Box::pin(async move {
            let id = generation_id.strip_prefix('g').and_then(|id| id.parse().ok());
            match id.and_then(|id| Some((id, self.0.lock().look(id)?))) {
                Some((id, true)) => answer(Polled::Completed(Box::new(completed(id))), 200),
                Some((_, false)) => answer(Polled::Pending { progress: None }, 200),
                None => answer(
                    Polled::NotFound {
                        message: "Generation not found".to_owned(),
                    },
                    404,
                ),
            }
        })
    }

    fn export<'a>(&'a self, _: &'a Target, _: &'a str, _: &'a str) -> Exchange<'a, Exported> {
        Box::pin(nothing())
    }

    fn poll_export<'a>(&'a self, _: &'a Target, _: &'a str, _: &'a str) -> Exchange<'a, Exported> {
        Box::pin(nothing())
    }
}

/// What the fake's server tells of the same.
fn completed(id: usize) -> Completed {
    Completed {
        gamma_id: Some(format!("g_{id:016}")),
        gamma_url: Some(format!("https://gamma.app/docs/g_{id:016}")),
        title: Some("Renewable energy".to_owned()),
        credits: Credits {
            deducted: Some(150),
            remaining: Some(3000),
        },
        ..Completed::default()
    }
}

/// No job of a measurement wants a file.
async fn nothing() -> Answer<Exported> {
    answer(Exported::Pending, 200)
}

fn answer<T>(outcome: T, status: u16) -> Answer<T> {
    Answer {
        outcome,
        limits: RateLimits::default(),
        request_id: None,
        http_status: Some(status),
    }
}
