//! The spans of a job: its way in, each submit, looks, files, its end. Each is short, belongs to the step that it is of, and is a
//! child of what the record has as `traceparent`, whichever worker takes the step.
//!
//! A job may be looked at for an hour, and a hundred spans that say "pending" hide the others. So the looks that brought
//! nothing are thinned out: of those the 1st, 2nd, 4th, 8th … have a span, with their number on it, and of failed looks in a row
//! the same; what came of the last one always has. That is decided when the answer is here, alike on every worker.

mod files;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use gammaq_gamma::{Engine, Polled, Target};
use gammaq_job::trace::read_traceparent;
use gammaq_job::{Judged, NewJob, State};
use gammaq_queue::accept::Accepted;
use gammaq_queue::claim::{Claimed, Step};
use gammaq_queue::settle::{Settlement, Verb};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};

use super::exporter::tracer;
use crate::app::App;
use crate::outcome::Outcome;

/// What every span of a queue says.
fn about(app: &App, operation: &'static str, id: &str, account: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "gammaq"),
        KeyValue::new("messaging.destination.name", queue(app).to_owned()),
        KeyValue::new("messaging.operation.name", operation),
        KeyValue::new("messaging.client.id", app.worker.clone()),
        KeyValue::new("messaging.message.id", id.to_owned()),
        KeyValue::new("gammaq.account", account.to_owned()),
    ]
}

fn queue(app: &App) -> &str {
    app.queue.keys().base().trim_end_matches(':')
}

/// The context that a job came with; none of its own where it came without.
fn context(traceparent: &str, tracestate: Option<&str>) -> Context {
    let read = || {
        let read = read_traceparent(traceparent)?;
        let flags = if read.is_sampled {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        let state = tracestate.and_then(|it| it.parse::<TraceState>().ok());
        Some(SpanContext::new(
            TraceId::from_hex(read.trace_id).ok()?,
            SpanId::from_hex(read.span_id).ok()?,
            flags,
            true,
            state.unwrap_or_default(),
        ))
    };
    match read() {
        Some(context) => Context::new().with_remote_span_context(context),
        None => Context::new(),
    }
}

/// What a span says of an exchange with Gamma.
fn exchange(
    target: &Target,
    (method, template): (&'static str, String),
    status: Option<u16>,
) -> Vec<KeyValue> {
    let url = target.base_url();
    let mut said = vec![
        KeyValue::new("http.request.method", method),
        KeyValue::new("url.template", template),
        KeyValue::new("url.scheme", url.scheme().to_owned()),
        KeyValue::new("server.address", url.host_str().unwrap_or_default().to_owned()),
    ];
    if let Some(port) = url.port_or_known_default() {
        said.push(KeyValue::new("server.port", i64::from(port)));
    }
    if let Some(status) = status {
        said.push(KeyValue::new("http.response.status_code", i64::from(status)));
    }
    said
}

/// Marks a span as one of trouble. The word alone: messages may repeat what a caller or Gamma wrote.
fn failed(span: &mut Span, word: impl Into<Cow<'static, str>>) {
    span.set_attribute(KeyValue::new("error.type", word.into()));
    span.set_status(Status::Error {
        description: Cow::Borrowed(""),
    });
}

/// An entry of the inbox on its way to a job.
#[derive(Debug)]
pub(crate) struct Accepting(Option<Span>);

impl Accepting {
    /// Begins the span. A job that came without a trace context gets one here, so that its later spans are one trace, too.
    pub(crate) fn begin(app: &App, judged: &mut Judged) -> Self {
        let Some(tracer) = tracer() else {
            return Self(None);
        };
        let job = judged.job_mut();
        let mut attributes = about(app, "accept", job.id.as_str(), job.account.as_str());
        attributes.push(KeyValue::new("messaging.operation.type", "receive"));
        attributes.push(KeyValue::new("messaging.consumer.group.name", "workers"));
        let parent = context(
            job.traceparent.as_deref().unwrap_or_default(),
            job.tracestate.as_deref(),
        );
        let builder = tracer
            .span_builder(format!("accept {}", queue(app)))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes);
        let span = tracer.build_with_context(builder, &parent);
        if job.traceparent.is_none() {
            let own = span.span_context();
            job.traceparent = Some(format!(
                "00-{}-{}-{:02x}",
                own.trace_id(),
                own.span_id(),
                own.trace_flags()
            ));
        }
        Self(Some(span))
    }

    /// Ends it with what became of the entry.
    pub(crate) fn end(self, job: &NewJob, outcome: Accepted) {
        let Some(mut span) = self.0 else { return };
        let word = match outcome {
            Accepted::Queued => "queued",
            Accepted::Failed => "failed",
            Accepted::Known => "known",
            Accepted::Conflict => "conflict",
            Accepted::Gone => "gone",
            Accepted::Reset => "reset",
        };
        span.set_attribute(KeyValue::new("gammaq.outcome", word));
        span.set_attribute(KeyValue::new("gammaq.job.kind", job.kind.as_str()));
        if matches!(outcome, Accepted::Failed | Accepted::Conflict) {
            failed(&mut span, word);
        }
        span.end();
    }
}

/// A step under way.
#[derive(Debug)]
pub(crate) struct StepTrace<'a>(Option<Traced<'a>>);

#[derive(Debug)]
struct Traced<'a> {
    app: &'a App,
    tracer: &'static SdkTracer,
    parent: Context,
    begun: SystemTime,
    /// Of a submit, which has the POST as a child.
    submit: Option<Span>,
    exchange: Vec<KeyValue>,
    status: Option<u16>,
}

impl<'a> StepTrace<'a> {
    /// Begins a step of a claimed job.
    pub(crate) fn begin(app: &'a App, job: &Claimed) -> Self {
        let Some(tracer) = tracer() else {
            return Self(None);
        };
        // The claim doesn't read `tracestate`: nothing here depends on it, and it is on the way in's span.
        let parent = context(&job.traceparent, None);
        let submit = (job.step == Step::Submit).then(|| {
            let mut attributes = about(app, "submit", &job.id, &job.account);
            attributes.push(KeyValue::new("messaging.operation.type", "process"));
            attributes.push(KeyValue::new("gammaq.job.attempt", i64::from(job.attempts) + 1));
            let builder = tracer
                .span_builder(format!("submit {}", queue(app)))
                .with_kind(SpanKind::Consumer)
                .with_attributes(attributes);
            tracer.build_with_context(builder, &parent)
        });
        Self(Some(Traced {
            app,
            tracer,
            parent,
            begun: SystemTime::now(),
            submit,
            exchange: Vec::new(),
            status: None,
        }))
    }

    /// Notes the exchange with Gamma, which took `took` and ends now.
    pub(crate) fn answered(
        &mut self,
        (target, engine): (&Target, Engine),
        status: Option<u16>,
        took: Duration,
    ) {
        let Some(it) = &mut self.0 else { return };
        it.status = status;
        let (method, template) = if it.submit.is_some() {
            ("POST", engine.submit_path().to_owned())
        } else {
            ("GET", format!("{}{{generationId}}", engine.poll_path()))
        };
        it.exchange = exchange(target, (method, template.clone()), status);
        let Some(submit) = &it.submit else { return };
        let parent = Context::new().with_remote_span_context(submit.span_context().clone());
        let now = SystemTime::now();
        let builder = it
            .tracer
            .span_builder(format!("{method} {template}"))
            .with_kind(SpanKind::Client)
            .with_start_time(now.checked_sub(took).unwrap_or(now))
            .with_attributes(std::mem::take(&mut it.exchange));
        let mut span = it.tracer.build_with_context(builder, &parent);
        match status {
            None => failed(&mut span, "unanswered"),
            Some(status) if status >= 400 => failed(&mut span, status.to_string()),
            Some(_) => {}
        }
        span.end_with_timestamp(now);
    }

    /// Notes what Gamma called the generation.
    pub(crate) fn accepted(&mut self, generation_id: &str) {
        if let Some(Traced {
            submit: Some(span), ..
        }) = &mut self.0
        {
            span.set_attribute(KeyValue::new("gammaq.generation.id", generation_id.to_owned()));
            span.set_attribute(KeyValue::new("gammaq.outcome", "accepted"));
        }
    }

    /// Ends the step with what it came to.
    pub(crate) fn end(self, job: &Claimed, outcome: &Outcome) {
        let Some(mut it) = self.0 else { return };
        if let Some(mut span) = it.submit.take() {
            // A generation was recorded by the step, and that is said.
            if !matches!(outcome, Outcome::Settled | Outcome::Made(..)) {
                span.set_attribute(KeyValue::new("gammaq.outcome", outcome.word()));
            }
            if matches!(
                outcome,
                Outcome::Submitted(_)
                    | Outcome::NotBegun { .. }
                    | Outcome::NoRequest
                    | Outcome::Panicked { .. }
            ) {
                failed(&mut span, outcome.word());
            }
            span.end();
        } else if !it.worked_on_file(job, outcome) && is_shown(job, outcome) {
            it.looked(job, outcome);
        }
    }
}

impl Traced<'_> {
    fn looked(self, job: &Claimed, outcome: &Outcome) {
        let mut attributes = about(self.app, "look", &job.id, &job.account);
        attributes.extend(self.exchange);
        attributes.push(KeyValue::new("gammaq.generation.id", job.generation_id.clone()));
        attributes.push(KeyValue::new("gammaq.outcome", outcome.word()));
        let number = i64::try_from(job.polls.saturating_add(1)).unwrap_or(i64::MAX);
        attributes.push(KeyValue::new("gammaq.look.number", number));
        if job.poll_failures > 0 {
            let failures = i64::from(job.poll_failures);
            attributes.push(KeyValue::new("gammaq.look.failures_before", failures));
        }
        let late = job.late.as_secs_f64();
        attributes.push(KeyValue::new("gammaq.look.late_s", late));
        let builder = self
            .tracer
            .span_builder(format!("look {}", queue(self.app)))
            .with_kind(SpanKind::Client)
            .with_start_time(self.begun)
            .with_attributes(attributes);
        let mut span = self.tracer.build_with_context(builder, &self.parent);
        let heard =
            matches!(outcome, Outcome::Looked(answer) if brought(&answer.outcome) != Brought::Trouble);
        if !heard {
            match self.status.filter(|status| *status >= 400) {
                Some(status) => failed(&mut span, status.to_string()),
                None => failed(&mut span, outcome.word()),
            }
        }
        span.end();
    }
}

/// What a look brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brought {
    End,
    Nothing,
    Trouble,
}

fn brought(polled: &Polled) -> Brought {
    match polled {
        Polled::Completed(_) | Polled::Failed(_) => Brought::End,
        Polled::Pending { .. } | Polled::UnknownStatus { .. } => Brought::Nothing,
        _ => Brought::Trouble,
    }
}

/// Whether a look has a span.
fn is_shown(job: &Claimed, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Looked(answer) => match brought(&answer.outcome) {
            Brought::End => true,
            Brought::Nothing => job.polls.saturating_add(1).is_power_of_two(),
            Brought::Trouble => job.poll_failures.saturating_add(1).is_power_of_two(),
        },
        // Nothing was asked, or nobody wanted the answer any more.
        Outcome::Released | Outcome::Settled | Outcome::NothingToExport => false,
        _ => true,
    }
}

/// The end of a job, which Redis has since just now; the call took `took`. What is no end has no span.
pub(crate) fn settled(app: &App, job: &Claimed, settlement: &Settlement, took: Duration) {
    let Some(tracer) = tracer() else { return };
    let state = match settlement.verb {
        Verb::Complete => State::Completed,
        Verb::Fail => State::Failed,
        Verb::TimeOut => State::TimedOut,
        Verb::Park => State::Ambiguous,
        _ => return,
    };
    let mut attributes = about(app, "end", &job.id, &job.account);
    attributes.push(KeyValue::new("messaging.operation.type", "settle"));
    attributes.push(KeyValue::new("gammaq.job.state", state.as_str()));
    attributes.push(KeyValue::new("gammaq.job.kind", job.kind.as_str()));
    let age = Duration::from_millis(app.clock.estimate().saturating_sub(job.created_at));
    attributes.push(KeyValue::new("gammaq.job.duration_s", age.as_secs_f64()));
    let now = SystemTime::now();
    let builder = tracer
        .span_builder(format!("end {}", queue(app)))
        .with_kind(SpanKind::Internal)
        .with_start_time(now.checked_sub(took).unwrap_or(now))
        .with_attributes(attributes);
    let mut span = tracer.build_with_context(builder, &context(&job.traceparent, None));
    if state != State::Completed {
        failed(&mut span, state.as_str());
    }
    span.end_with_timestamp(now);
}
