//! Spans of what is done for files: asking Gamma for one, looking for it, downloading it. Each says the format and what came of
//! it. Neither a link nor its host is there, nor anything that stands behind it.
//!
//! A look that found a file still being made has no span, a download that waits for room neither. What failed is thinned out as
//! failed looks at a generation are: the 1st, 2nd, 4th, 8th … failure of a file has a span.

use gammaq_files::Fetched;
use gammaq_gamma::{Exported, Target};
use gammaq_job::File;
use gammaq_queue::claim::Claimed;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind, Tracer};

use super::{StepTrace, Traced, about, exchange, failed, queue};
use crate::admin::Exchange;
use crate::outcome::Outcome;

impl StepTrace<'_> {
    /// Notes an exchange with Gamma about a file, which ends now.
    pub(crate) fn asked(&mut self, kind: Exchange, target: &Target, status: Option<u16>) {
        let Some(it) = &mut self.0 else { return };
        it.status = status;
        let (method, template) = match kind {
            Exchange::Export => ("POST", "/v1.0/gammas/{gammaId}/export"),
            _ => ("GET", "/v1.0/exports/{exportId}"),
        };
        it.exchange = exchange(target, (method, template.to_owned()), status);
    }
}

impl Traced<'_> {
    /// The span of a step for a file; answers whether it was one.
    pub(super) fn worked_on_file(&mut self, job: &Claimed, outcome: &Outcome) -> bool {
        let (format, name) = match outcome {
            Outcome::Exported(format, answer) => {
                let asked = matches!(answer.outcome, Exported::Begun { .. })
                    || job.files.get(*format).export_id.is_none();
                (*format, if asked { "export" } else { "look_export" })
            }
            Outcome::Downloaded(format, _) => (*format, "download"),
            Outcome::NoRoom(..) => return true,
            _ => return false,
        };
        let file = job.files.get(format);
        if !is_shown(&file, outcome) {
            return true;
        }
        let mut attributes = about(self.app, name, &job.id, &job.account);
        attributes.append(&mut self.exchange);
        attributes.push(KeyValue::new("gammaq.file.format", format.as_str()));
        attributes.push(KeyValue::new("gammaq.outcome", outcome.word()));
        if let Outcome::Downloaded(_, Fetched::Stored(stored)) = outcome {
            let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("gammaq.file.bytes", bytes));
        }
        let before = troubles(&file);
        if before > 0 {
            let before = i64::try_from(before).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("gammaq.file.failures_before", before));
        }
        let builder = self
            .tracer
            .span_builder(format!("{name} {}", queue(self.app)))
            .with_kind(SpanKind::Client)
            .with_start_time(self.begun)
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, &self.parent);
        if !went_well(outcome) {
            match self.status.filter(|status| *status >= 400) {
                Some(status) => failed(&mut span, status.to_string()),
                None => failed(&mut span, outcome.word()),
            }
        }
        span.end();
        true
    }
}

/// Everything that failed for a file so far.
fn troubles(file: &File) -> u64 {
    file.failures
        .saturating_add(file.tries)
        .saturating_add(file.expired)
}

fn went_well(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Exported(_, answer) => matches!(
            answer.outcome,
            Exported::Begun { .. } | Exported::Pending | Exported::Ready { .. }
        ),
        Outcome::Downloaded(_, fetched) => matches!(fetched, Fetched::Stored(_)),
        _ => true,
    }
}

fn is_shown(file: &File, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Exported(_, answer) if matches!(answer.outcome, Exported::Pending) => false,
        outcome if went_well(outcome) => true,
        // The last word about a file.
        Outcome::Downloaded(_, Fetched::Refused { .. }) => true,
        Outcome::Exported(_, answer)
            if matches!(answer.outcome, Exported::Failed(_) | Exported::Refused { .. }) =>
        {
            true
        }
        _ => troubles(file).saturating_add(1).is_power_of_two(),
    }
}
