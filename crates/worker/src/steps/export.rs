//! One exchange for a file of a deck that exists: asking for it, looking for it, or downloading it.

use gammaq_files::{Fetched, Format, Wanted};
use gammaq_gamma::Target;
use gammaq_job::ExportFormat;
use tokio::time::Instant;

use crate::admin::Exchange;
use crate::app::App;
use crate::exporting::{Next, next};
use crate::hold::Hold;
use crate::outcome::Outcome;

/// Does what is next for the files. Stops early where the worker stops, or another has the job: what was begun is found
/// again by whoever goes on.
pub(crate) async fn export(app: &App, hold: &Hold, target: &Target) -> Outcome {
    let Some((format, next)) = next(&hold.job, app.downloads.is_some()) else {
        return Outcome::NothingToExport;
    };
    tokio::select! {
        biased;
        () = app.stop.cancelled() => Outcome::Released,
        () = hold.lost.cancelled() => Outcome::Settled,
        outcome = go_on(app, hold, target, format, next) => outcome,
    }
}

async fn go_on(app: &App, hold: &Hold, target: &Target, format: ExportFormat, next: Next) -> Outcome {
    let (job, asked) = (&hold.job, Instant::now());
    let (kind, answer) = match &next {
        Next::Begin => {
            let answer = app.gamma.export(target, &job.gamma_id, format.as_str()).await;
            (Exchange::Export, answer)
        }
        Next::Look(export_id) => {
            let answer = app.gamma.poll_export(target, export_id, format.as_str()).await;
            (Exchange::ExportPoll, answer)
        }
        Next::Download(link) => {
            return match download(app, &job.id, format, link).await {
                Some(fetched) => Outcome::Downloaded(format, fetched),
                None => Outcome::NothingToExport,
            };
        }
    };
    app.measures.answered(kind, answer.http_status, asked.elapsed());
    Outcome::Exported(format, answer)
}

async fn download(app: &App, id: &str, format: ExportFormat, link: &str) -> Option<Fetched> {
    let files = &app.downloads.as_ref()?.files;
    let asked = Instant::now();
    let wanted = Wanted {
        id,
        format: match format {
            ExportFormat::Pdf => Format::Pdf,
            ExportFormat::Pptx => Format::Pptx,
            ExportFormat::Png => Format::Png,
        },
        link,
    };
    let fetched = files.fetch(wanted).await;
    app.measures.downloaded(&fetched);
    let (format, elapsed_ms) = (format.as_str(), asked.elapsed().as_millis() as u64);
    match &fetched {
        Fetched::Stored(stored) => {
            tracing::info!(id, format, bytes = stored.bytes, elapsed_ms, "a file is stored");
        }
        Fetched::Full { reason } => {
            tracing::warn!(id, format, reason, "no download is begun");
        }
        Fetched::Refused { reason } | Fetched::WrongType { reason } => {
            tracing::warn!(id, format, reason, "a file is refused");
        }
        Fetched::Again { reason, .. } => tracing::info!(id, format, reason, "a download is tried again"),
        Fetched::Expired { status } => tracing::info!(id, format, status, "a link is good no more"),
    }
    Some(fetched)
}
