//! What an answer says beside its outcome, as fields of the record and of the account.

use gammaq_gamma::{Completed, Credits, ExportLink, RateLimits, percent};
use gammaq_job::ExportFormat;
use gammaq_queue::claim::Claimed;
use gammaq_queue::settle::Settlement;

pub(crate) fn completed(s: &mut Settlement, job: &Claimed, done: &Completed) {
    let text = |link: &Option<ExportLink>| link.as_ref().map(|link| link.as_str().to_owned());
    let mut urls = [
        (ExportFormat::Pdf, text(&done.pdf_url)),
        (ExportFormat::Pptx, text(&done.pptx_url)),
        (ExportFormat::Png, text(&done.png_url)),
    ];
    let mut export = text(&done.export_url);
    // One format goes with the POST, so a link without a name is that one's; and the other way round.
    if let Some(first) = job.exports.first()
        && let Some((_, url)) = urls.iter_mut().find(|(format, _)| format == first)
    {
        *url = url.take().or_else(|| export.clone());
        export = export.or_else(|| url.clone());
    }
    let [pdf, pptx, png] = urls.map(|(_, url)| url);
    let values = [
        ("gamma_id", done.gamma_id.clone()),
        ("gamma_url", done.gamma_url.clone()),
        ("title", done.title.clone()),
        ("export_url", export),
        ("pdf_url", pdf),
        ("pptx_url", pptx),
        ("png_url", png),
        ("summary", done.summary.clone()),
    ];
    s.fields.extend(
        values
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value))),
    );
    s.fields.push(("last_error", String::new()));
    credits(s, &done.credits);
}

/// How far a pending generation is. The quarter is for `events`, which are told of each once.
pub(crate) fn progress(s: &mut Settlement, progress: &serde_json::Value) {
    s.fields.push(("progress", progress.to_string()));
    if let Some(percent) = percent(progress) {
        s.fields.push(("progress_quarter", (percent / 25).to_string()));
    }
}

pub(crate) fn credits(s: &mut Settlement, credits: &Credits) {
    if let Some(deducted) = credits.deducted {
        s.fields.push(("credits_deducted", deducted.to_string()));
    }
    if let Some(remaining) = credits.remaining {
        s.fields.push(("credits_remaining", remaining.to_string()));
        s.account_fields
            .push(("credits_remaining", remaining.to_string()));
    }
}

/// What Gamma's headers said last, for operators.
pub(crate) fn limits(s: &mut Settlement, limits: &RateLimits) {
    for (limit_name, left_name, quota) in [
        ("ratelimit_burst", "ratelimit_burst_remaining", limits.burst),
        ("ratelimit_hour", "ratelimit_hour_remaining", limits.hour),
        ("ratelimit_daily", "ratelimit_daily_remaining", limits.daily),
    ] {
        s.account_fields
            .extend(quota.limit.map(|n| (limit_name, n.to_string())));
        s.account_fields
            .extend(quota.remaining.map(|n| (left_name, n.to_string())));
    }
}
