//! The span of an enqueue, and the trace context that goes with its jobs.
//!
//! The span goes to whatever tracer provider the program has set for OpenTelemetry; where it has none, nothing is
//! recorded, and the current context goes on as it is.

use std::borrow::Cow;

use gammaq_job::trace::read_traceparent;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, global};

use crate::{Error, NewJob};

/// An enqueue under way.
pub(crate) struct Sending(global::BoxedSpan);

impl Sending {
    /// Begins the span of one job, as a child of the job's own trace context if it has one, else of the current one.
    pub(crate) fn one(queue: &str, job: &NewJob) -> Self {
        let own = job
            .traceparent
            .as_deref()
            .and_then(|it| remote(it, job.tracestate.as_deref()));
        let parent = match own {
            Some(context) => Context::new().with_remote_span_context(context),
            None => Context::current(),
        };
        Self::begin(queue, &parent)
    }

    /// Begins the span of many jobs.
    pub(crate) fn many(queue: &str) -> Self {
        Self::begin(queue, &Context::current())
    }

    fn begin(queue: &str, parent: &Context) -> Self {
        let tracer = global::tracer("gammaq-producer");
        let builder = tracer
            .span_builder(format!("send {queue}"))
            .with_kind(SpanKind::Producer)
            .with_attributes([
                KeyValue::new("messaging.system", "gammaq"),
                KeyValue::new("messaging.destination.name", queue.to_owned()),
                KeyValue::new("messaging.operation.name", "send"),
                KeyValue::new("messaging.operation.type", "send"),
            ]);
        Self(tracer.build_with_context(builder, parent))
    }

    /// Gives the job the span's context, in place of its own: the span is that one's child.
    pub(crate) fn carry(&self, job: &mut NewJob) {
        let context = self.0.span_context();
        if context.is_valid() {
            let flags = context.trace_flags() & TraceFlags::SAMPLED;
            job.traceparent = Some(format!(
                "00-{}-{}-{flags:02x}",
                context.trace_id(),
                context.span_id()
            ));
            let state = context.trace_state().header();
            job.tracestate = (!state.is_empty()).then_some(state);
        }
    }

    /// The same for one of many: it keeps a context of its own.
    pub(crate) fn carry_unless_set(&self, job: &mut NewJob) {
        if job.traceparent.is_none() {
            self.carry(job);
        }
    }

    /// Ends the span with what came of it.
    pub(crate) fn end<'a>(mut self, ids: impl ExactSizeIterator<Item = &'a str>, error: Option<&Error>) {
        let sent = ids.len();
        let mut ids = ids;
        match (sent, ids.next()) {
            (1, Some(id)) => self
                .0
                .set_attribute(KeyValue::new("messaging.message.id", id.to_owned())),
            _ => self.0.set_attribute(KeyValue::new(
                "messaging.batch.message_count",
                i64::try_from(sent).unwrap_or(i64::MAX),
            )),
        }
        if let Some(error) = error {
            let word = match error {
                Error::Invalid(_) => "invalid",
                Error::Settings(_) => "settings",
                Error::Unanswered(_) => "unanswered",
                Error::Unavailable(_) => "unavailable",
                Error::Fault(_) => "fault",
            };
            self.0.set_attribute(KeyValue::new("error.type", word));
            // Without its words: they may repeat what the caller wrote.
            self.0.set_status(Status::Error {
                description: Cow::Borrowed(""),
            });
        }
        self.0.end();
    }
}

/// What a trace context says, where it can be read.
fn remote(traceparent: &str, tracestate: Option<&str>) -> Option<SpanContext> {
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
}
