//! The files of a deck: what is done next for them, and what each answer means. Decided here alone, as for the rest of a
//! job in `disposition.rs`.
//!
//! Nothing of it costs credits, so every step may be repeated, and none needs a second generation. A file that can't be
//! had ends with its error; the deck is there all the same.

use std::time::Duration;

use gammaq_files::Fetched;
use gammaq_gamma::{Answer, Exported, FailReason};
use gammaq_job::{Backoff, ExportFormat, File, Files};
use gammaq_queue::claim::Claimed;
use gammaq_queue::settle::{Probe, Settlement, Verb};

use crate::disposition::{Rules, account_trouble, rate_limited};
use crate::findings::limits;
use crate::settings::ExportSettings;

/// How often Gamma is asked for a file again that it made in vain, or that is no such file.
const TRIES: u64 = 3;
/// Lost looks at one export after which a new one is asked for.
const LOOKS_LOST: u64 = 5;
/// The longest wait between two downloads that failed.
const DOWNLOAD_BACKOFF_MAX: Duration = Duration::from_secs(900);
/// Until a nearly full disk is looked at again.
const FULL: Duration = Duration::from_secs(60);

/// What decides about files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExportRules {
    /// How long Gamma may take for one.
    pub(crate) timeout: Duration,
    /// How long one is tried to be stored.
    pub(crate) retry_for: Duration,
    /// Whether copies are kept.
    pub(crate) store: bool,
}

impl ExportRules {
    pub(crate) const fn new(settings: &ExportSettings, store: bool) -> Self {
        Self {
            timeout: settings.timeout,
            retry_for: settings.retry_for,
            store,
        }
    }
}

/// What is done for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Ask Gamma to make it.
    Begin,
    /// Look how that export is doing.
    Look(String),
    /// Download it from this link.
    Download(String),
}

/// The fields of the record that belong to a format.
struct Names {
    url: &'static str,
    linked_at: &'static str,
    error: &'static str,
    stored: &'static str,
    bytes: &'static str,
    sha256: &'static str,
}

macro_rules! names {
    ($format:literal) => {
        Names {
            url: concat!($format, "_url"),
            linked_at: concat!($format, "_linked_at"),
            error: concat!($format, "_error"),
            stored: concat!($format, "_stored"),
            bytes: concat!($format, "_bytes"),
            sha256: concat!($format, "_sha256"),
        }
    };
}

const fn names(format: ExportFormat) -> Names {
    match format {
        ExportFormat::Pdf => names!("pdf"),
        ExportFormat::Pptx => names!("pptx"),
        ExportFormat::Png => names!("png"),
    }
}

/// Which file is next, and what is done for it; `None` where nothing is left to do.
pub(crate) fn next(job: &Claimed, store: bool) -> Option<(ExportFormat, Next)> {
    let open = job.exports.iter().filter_map(|format| {
        let file = job.files.get(*format);
        let link = job.links.get(format);
        (!file.is_over(link.is_some(), store)).then_some((*format, file, link))
    });
    let (format, file, link) = open.min_by_key(|(_, file, _)| file.at)?;
    let next = match (link, file.export_id) {
        (Some(link), _) => Next::Download(link.clone()),
        (None, Some(id)) => Next::Look(id),
        (None, None) => Next::Begin,
    };
    Some((format, next))
}

/// The deck is there: decides whether files are still to be made.
pub(crate) fn begin(s: &mut Settlement, job: &Claimed, gamma_id: Option<&str>, rules: &Rules) {
    let mut files = Files::default();
    for format in &job.exports {
        let mut file = File {
            until: job.claimed_at + ms(rules.exports.timeout),
            ..File::default()
        };
        if link_in(s, *format).is_some() {
            linked(s, *format, &mut file, job.claimed_at);
        } else if gamma_id.is_none() {
            file.error =
                Some("Gamma gave neither a link to this file nor a gammaId to ask for one".to_owned());
        }
        files.put(*format, file);
    }
    if !job.exports.is_empty() && !conclude(s, job, &files, rules) {
        s.verb = Verb::Export;
    }
}

/// Nothing is left to do: another worker's settings asked for more than this one's do.
pub(crate) fn end(s: &mut Settlement) {
    s.verb = Verb::Complete;
}

/// Gamma answered about a file.
pub(crate) fn asked(
    s: &mut Settlement,
    job: &Claimed,
    (format, answer): (ExportFormat, &Answer<Exported>),
    rules: &Rules,
    jitter: f64,
) -> Probe {
    limits(s, &answer.limits);
    let mut file = job.files.get(format);
    let over = job.claimed_at >= file.until;
    let lost = |file: &mut File| {
        file.failures += 1;
        backoff(rules.interval, rules.backoff_max, file.failures, jitter)
    };
    let (mut wait, mut probe, mut problem) = (rules.interval, Probe::Good, None);
    match &answer.outcome {
        Exported::Begun { export_id } => {
            (file.export_id, file.failures) = (Some(export_id.clone()), 0);
        }
        Exported::Pending => {
            file.failures = 0;
            problem = over.then(|| "Gamma had not made it by then".to_owned());
        }
        Exported::Ready { link } => {
            s.fields.push((names(format).url, link.as_str().to_owned()));
            if job.exports.first() == Some(&format) {
                s.fields.push(("export_url", link.as_str().to_owned()));
            }
            (file.export_id, file.failures, wait) = (None, 0, Duration::ZERO);
            linked(s, format, &mut file, job.claimed_at);
        }
        Exported::Failed(failed)
            if failed.reason == FailReason::RenderTimeout && file.tries < TRIES && !over =>
        {
            file.tries += 1;
            file.export_id = None;
            wait = backoff(rules.interval, rules.backoff_max, file.tries, jitter);
            remark(
                s,
                format,
                &format!("{}: {}", failed.reason.as_str(), failed.message),
            );
        }
        Exported::Failed(failed) => {
            file.error = Some(format!("{}: {}", failed.reason.as_str(), failed.message));
        }
        Exported::Refused { status, message } => {
            file.error = Some(format!("Gamma refused it with HTTP {status}: {message}"));
        }
        Exported::NotFound { message } => {
            wait = lost(&mut file);
            if file.failures >= LOOKS_LOST {
                file.export_id = None;
            }
            problem = Some(format!("404: {message}"));
        }
        Exported::RateLimited(limited) => {
            rate_limited(s, limited);
            probe = Probe::Open;
            problem = over.then(|| format!("429: {}", limited.message));
        }
        Exported::AccountTrouble(trouble) => {
            account_trouble(s, trouble);
            probe = Probe::Open;
            problem = over.then(|| format!("{}: {}", trouble.status, trouble.message));
        }
        Exported::Unavailable {
            status,
            reason,
            retry_after,
        } => {
            wait = lost(&mut file).max(retry_after.unwrap_or_default().min(rules.backoff_max));
            let reason = status.map_or_else(|| reason.clone(), |status| format!("{status}: {reason}"));
            problem = Some(reason);
            probe = Probe::Open;
        }
    }
    if let Some(problem) = problem {
        // Only an answer that came after the deadline ends it: a worker's own absence costs no file.
        if over {
            file.error = Some(format!("not made within exports.timeout: {problem}"));
        } else {
            remark(s, format, &problem);
        }
    }
    go_on(s, job, (format, file), wait, rules);
    probe
}

/// A download is for later: others are under way. Nothing is said of the file.
pub(crate) fn waits(s: &mut Settlement, job: &Claimed, format: ExportFormat, wait: Duration, rules: &Rules) {
    go_on(s, job, (format, job.files.get(format)), wait, rules);
}

/// A download ended.
pub(crate) fn downloaded(
    s: &mut Settlement,
    job: &Claimed,
    (format, fetched): (ExportFormat, &Fetched),
    rules: &Rules,
    jitter: f64,
) {
    let mut file = job.files.get(format);
    let over = job.claimed_at >= file.linked_at.saturating_add(ms(rules.exports.retry_for));
    let waited = |times: u64| backoff(rules.interval, DOWNLOAD_BACKOFF_MAX, times, jitter);
    let mut wait = Duration::ZERO;
    let problem = match fetched {
        Fetched::Stored(stored) => {
            file.stored = Some(stored.url.clone());
            (file.bytes, file.sha256) = (stored.bytes, Some(stored.sha256.clone()));
            None
        }
        Fetched::Again { reason, retry_after } => {
            file.failures += 1;
            wait = waited(file.failures).max(retry_after.unwrap_or_default().min(DOWNLOAD_BACKOFF_MAX));
            Some(reason.clone())
        }
        Fetched::Full { reason } => {
            wait = FULL.max(rules.interval);
            Some(reason.clone())
        }
        Fetched::Expired { status } => {
            file.expired += 1;
            wait = waited(file.expired);
            ask_again(s, job, (format, &mut file), rules);
            Some(format!("the link is good no more (HTTP {status})"))
        }
        Fetched::WrongType { reason } => {
            file.tries += 1;
            wait = waited(file.tries);
            if file.tries > TRIES {
                file.error = Some(reason.clone());
            } else {
                ask_again(s, job, (format, &mut file), rules);
            }
            Some(reason.clone())
        }
        Fetched::Refused { reason } => {
            file.error = Some(reason.clone());
            None
        }
    };
    if let Some(problem) = problem {
        if over && file.error.is_none() {
            file.error = Some(format!("not stored within exports.retry_for: {problem}"));
        } else {
            remark(s, format, &problem);
        }
    }
    go_on(s, job, (format, file), wait, rules);
}

/// The link goes, and Gamma is asked for another one.
fn ask_again(s: &mut Settlement, job: &Claimed, (format, file): (ExportFormat, &mut File), rules: &Rules) {
    s.fields.push((names(format).url, String::new()));
    file.until = job.claimed_at + ms(rules.exports.timeout);
    file.export_id = None;
    if job.gamma_id.is_empty() {
        file.error =
            Some("the link is good no more, and Gamma gave no gammaId to ask for another one".to_owned());
    }
}

fn linked(s: &mut Settlement, format: ExportFormat, file: &mut File, now: u64) {
    if file.linked_at == 0 {
        file.linked_at = now;
    }
    s.fields.push((names(format).linked_at, now.to_string()));
}

fn remark(s: &mut Settlement, format: ExportFormat, text: &str) {
    s.fields.push(("last_error", format!("{format}: {text}")));
}

/// Writes down how far the file is, and when something is to be done next.
fn go_on(
    s: &mut Settlement,
    job: &Claimed,
    (format, mut file): (ExportFormat, File),
    wait: Duration,
    rules: &Rules,
) {
    file.at = job.claimed_at + ms(wait);
    let mut files = job.files.clone();
    files.put(format, file);
    if conclude(s, job, &files, rules) {
        s.fields.push(("last_error", String::new()));
        s.verb = Verb::Complete;
        return;
    }
    let open = job.exports.iter().map(|format| (format, files.get(*format)));
    let open = open.filter(|(format, file)| !file.is_over(has_link(s, job, **format), rules.exports.store));
    let next = open.map(|(_, file)| file.at.saturating_sub(job.claimed_at)).min();
    s.verb = Verb::Again(Duration::from_millis(next.unwrap_or(0)));
}

/// Writes down what is known of each file; answers whether all are over.
fn conclude(s: &mut Settlement, job: &Claimed, files: &Files, rules: &Rules) -> bool {
    s.fields.push(("files", files.to_json()));
    for (format, file) in files.iter() {
        let names = names(format);
        if let Some(error) = &file.error {
            s.fields.push((names.error, error.clone()));
        }
        if let (Some(stored), Some(sha256)) = (&file.stored, &file.sha256) {
            s.fields.push((names.stored, stored.clone()));
            s.fields.push((names.bytes, file.bytes.to_string()));
            s.fields.push((names.sha256, sha256.clone()));
        }
    }
    let all = &mut job.exports.iter();
    all.all(|format| {
        files
            .get(*format)
            .is_over(has_link(s, job, *format), rules.exports.store)
    })
}

fn has_link(s: &Settlement, job: &Claimed, format: ExportFormat) -> bool {
    link_in(s, format).map_or_else(|| job.links.contains_key(&format), |link| !link.is_empty())
}

/// The link that this settlement writes.
fn link_in(s: &Settlement, format: ExportFormat) -> Option<&str> {
    let name = names(format).url;
    let written = s.fields.iter().rfind(|(field, _)| *field == name);
    written.map(|(_, link)| link.as_str())
}

fn backoff(base: Duration, max: Duration, times: u64, jitter: f64) -> Duration {
    let times = u32::try_from(times).unwrap_or(u32::MAX);
    let max = max.max(base);
    Backoff { base, max }.after(times, jitter)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
#[path = "exporting_tests.rs"]
mod tests;
