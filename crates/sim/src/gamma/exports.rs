//! Files of decks that exist: asked for as often as anybody likes, and never a generation more.

use gammaq_gamma::{Answer, ExportFailed, Exported, FailReason, Polled, file_link};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{Cloud, REQUEST_TIMEOUT, Way, answer};
use crate::ledger::End;
use crate::world::locked;

impl Way {
    pub(super) async fn ask_for_file(&self, what: &str, format: &str) -> Answer<Exported> {
        let cloud = &self.cloud;
        let exchange = async {
            sleep(cloud.way()).await;
            let answer = cloud.file(what, format);
            sleep(cloud.way()).await;
            if cloud.happens(cloud.rates().lost_answer) {
                std::future::pending::<()>().await;
            }
            answer
        };
        let answer = timeout(REQUEST_TIMEOUT, exchange).await.unwrap_or_else(|_| {
            let outcome = Exported::Unavailable {
                status: None,
                reason: "no answer within the timeout".to_owned(),
                retry_after: None,
            };
            answer(outcome, None)
        });
        let (worker, outcome) = (format_args!("w{}", self.worker), &answer.outcome);
        cloud
            .world
            .note(worker, format_args!("{format} of {what}: {outcome:?}"));
        answer
    }
}

impl Cloud {
    /// Answers both endpoints: an export is named after its deck, `export-deck-<generation>`.
    fn file(&self, what: &str, format: &str) -> Answer<Exported> {
        let begun = what.starts_with("export-");
        let generation = what.trim_start_matches("export-").trim_start_matches("deck-");
        if self.happens(self.rates().poll_fails) {
            return fail(self.fail());
        }
        let ends = locked(&self.ledger)
            .generations
            .get(generation)
            .map(|it| (it.end, it.ends_at));
        if !matches!(ends, Some((End::Completes, at)) if at <= self.world.ms()) {
            self.world
                .wrong(format!("a file is asked for of {what}, which is no deck"));
        }
        let outcome = if !begun {
            Exported::Begun {
                export_id: format!("export-{what}"),
            }
        } else if self.happens(0.1) {
            let reason = if self.happens(0.7) {
                FailReason::RenderTimeout
            } else {
                FailReason::DeckTooLarge
            };
            let message = "no".to_owned();
            Exported::Failed(ExportFailed { reason, message })
        } else if self.happens(0.5) {
            Exported::Pending
        } else {
            let body =
                json!({"exportUrl": format!("https://assets.api.gamma.app/export/{format}/{generation}")});
            match body.as_object().and_then(|body| file_link(body, format)) {
                Some(link) => Exported::Ready { link },
                None => Exported::Pending,
            }
        };
        answer(outcome, Some(200))
    }
}

/// What a look that failed says, for a file.
fn fail(look: Answer<Polled>) -> Answer<Exported> {
    let outcome = match look.outcome {
        Polled::NotFound { message } => Exported::NotFound { message },
        Polled::RateLimited(limited) => Exported::RateLimited(limited),
        Polled::AccountTrouble(trouble) => Exported::AccountTrouble(trouble),
        Polled::Unavailable {
            status,
            reason,
            retry_after,
        } => Exported::Unavailable {
            status,
            reason,
            retry_after,
        },
        _ => Exported::Pending,
    };
    answer(outcome, look.http_status)
}
