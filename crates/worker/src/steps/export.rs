//! One exchange for a file of a deck that exists: asking for it, looking for it, or downloading it.

use gammaq_crash::at;
use gammaq_files::{Fetched, Format, Wanted};
use gammaq_gamma::Target;
use gammaq_job::ExportFormat;
use tokio::time::Instant;

use crate::admin::Exchange;
use crate::app::App;
use crate::exporting::{Next, next};
use crate::hold::Hold;
use crate::outcome::Outcome;
use crate::traces::StepTrace;

/// Does what is next for the files. Stops early where the worker stops, or another has the job: what was begun is found
/// again by whoever goes on.
pub(crate) async fn export(app: &App, hold: &Hold, target: &Target, trace: &mut StepTrace<'_>) -> Outcome {
    let Some((format, next)) = next(&hold.job, app.downloads.is_some()) else {
        return Outcome::NothingToExport;
    };
    tokio::select! {
        biased;
        () = at("export_stop", app.stop.cancelled()) => Outcome::Released,
        () = at("export_lost", hold.lost.cancelled()) => Outcome::Settled,
        outcome = at("export_step", go_on(app, hold, target, (format, next), trace)) => outcome,
    }
}

async fn go_on(
    app: &App,
    hold: &Hold,
    target: &Target,
    (format, next): (ExportFormat, Next),
    trace: &mut StepTrace<'_>,
) -> Outcome {
    let (job, asked) = (&hold.job, Instant::now());
    let (kind, answer) = match &next {
        Next::Begin => {
            let asking = app.gamma.export(target, &job.gamma_id, format.as_str());
            (Exchange::Export, at("export_begin", asking).await)
        }
        Next::Look(export_id) => {
            let looking = app.gamma.poll_export(target, export_id, format.as_str());
            (Exchange::ExportPoll, at("export_look", looking).await)
        }
        Next::Download(link) => return at("export_download", download(app, hold, format, link)).await,
    };
    app.measures.answered(kind, answer.http_status, asked.elapsed());
    trace.asked(kind, target, answer.http_status);
    Outcome::Exported(format, answer)
}

async fn download(app: &App, hold: &Hold, format: ExportFormat, link: &str) -> Outcome {
    let Some(downloads) = &app.downloads else {
        return Outcome::NothingToExport;
    };
    let _room = match downloads.begin() {
        Ok(room) => room,
        Err(wait) => return Outcome::NoRoom(format, wait),
    };
    hold.free_permit();
    let (id, asked) = (&hold.job.id, Instant::now());
    let wanted = Wanted {
        id,
        format: match format {
            ExportFormat::Pdf => Format::Pdf,
            ExportFormat::Pptx => Format::Pptx,
            ExportFormat::Png => Format::Png,
        },
        link,
    };
    let fetched = at("export_fetch", downloads.files.fetch(wanted)).await;
    app.measures.downloaded(&fetched);
    let elapsed_ms = asked.elapsed().as_millis() as u64;
    match &fetched {
        Fetched::Stored(stored) => {
            tracing::info!(
                id,
                format = format.as_str(),
                bytes = stored.bytes,
                elapsed_ms,
                "a file is stored"
            );
        }
        Fetched::Full { reason } => {
            tracing::warn!(id, format = format.as_str(), reason, "no download is begun");
        }
        Fetched::Refused { reason } | Fetched::WrongType { reason } => {
            tracing::warn!(id, format = format.as_str(), reason, "a file is refused");
        }
        Fetched::Again { reason, .. } => {
            tracing::info!(id, format = format.as_str(), reason, "a download is tried again")
        }
        Fetched::Expired { status } => {
            tracing::info!(id, format = format.as_str(), status, "a link is good no more")
        }
    }
    Outcome::Downloaded(format, fetched)
}
