//! A job to enqueue: the request, and what gammaq itself needs to know.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gammaq_job::entry::{Judged, check};
use gammaq_job::{Entry, ExportFormat, Kind};

use crate::Error;
use crate::request::Body;

/// A job to enqueue. What isn't set is left to the defaults of the workers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a job does nothing until it is enqueued"]
pub struct NewJob {
    body: Body,
    id: Option<String>,
    account: Option<String>,
    exports: Vec<ExportFormat>,
    priority: Option<u8>,
    run_at: Option<u64>,
    timeout_s: Option<u64>,
    callback: Option<String>,
    meta: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
}

impl NewJob {
    /// A job for `request`: one of the builders, or [`Body::raw`].
    pub fn new(request: impl Into<Body>) -> Self {
        Self {
            body: request.into(),
            id: None,
            account: None,
            exports: Vec::new(),
            priority: None,
            run_at: None,
            timeout_s: None,
            callback: None,
            meta: None,
            traceparent: None,
            tracestate: None,
        }
    }

    /// A job whose request is this JSON, sent to Gamma as it is.
    pub fn raw(kind: Kind, json: impl Into<String>) -> Self {
        Self::new(Body::raw(kind, json))
    }

    /// The job's id, 1 to 64 of `A-Z a-z 0-9 . _ -`, and its idempotency key: enqueued again under the same id,
    /// it is still one job and one deck. Without it the job gets an id of Redis's.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Whose API key and budget; `default` where it isn't set.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// A file that is wanted of the deck; call it once for each.
    pub fn export(mut self, format: ExportFormat) -> Self {
        self.exports.push(format);
        self
    }

    /// 0 first to 9 last among the jobs of an account; 5 where it isn't set.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Not before this time, by Redis's clock.
    pub fn run_at(self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.run_at_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Not before this time in Unix milliseconds, by Redis's clock.
    pub fn run_at_ms(mut self, time: u64) -> Self {
        self.run_at = Some(time);
        self
    }

    /// From Gamma's acceptance to the deadline, in whole seconds (rounded up), a week at most.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_s = Some(timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0));
        self
    }

    /// An https address to call at the end, signed as Standard Webhooks has it: `docs/CALLBACKS.md`.
    pub fn callback(mut self, url: impl Into<String>) -> Self {
        self.callback = Some(url.into());
        self
    }

    /// Your own words, at most 4 KiB, given back with the result.
    pub fn meta(mut self, meta: impl Into<String>) -> Self {
        self.meta = Some(meta.into());
        self
    }

    /// W3C trace context, so that the worker's spans join the caller's. With the feature `otel` the current context
    /// does where this isn't set.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Some(traceparent.into());
        self
    }

    /// What goes with the `traceparent`: the `tracestate` of W3C trace context.
    pub fn tracestate(mut self, tracestate: impl Into<String>) -> Self {
        self.tracestate = Some(tracestate.into());
        self
    }

    /// Checks the job by the rules that the workers use.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem.
    pub fn check(&self) -> Result<(), Error> {
        self.clone().into_fields().map(|_| ())
    }

    /// The fields of its inbox entry, checked.
    pub(crate) fn into_fields(self) -> Result<Fields, Error> {
        let mut fields = vec![("request", self.body.text.into_bytes())];
        let mut add = |name, value: Option<String>| fields.extend(value.map(|it| (name, it.into_bytes())));
        add("id", self.id.clone());
        add("account", self.account);
        add(
            "kind",
            (self.body.kind != Kind::default()).then(|| self.body.kind.to_string()),
        );
        let exports: Vec<&str> = self.exports.iter().map(|format| format.as_str()).collect();
        add("exports", (!exports.is_empty()).then(|| exports.join(",")));
        add("priority", self.priority.map(|it| it.to_string()));
        add("run_at", self.run_at.map(|it| it.to_string()));
        add("timeout", self.timeout_s.map(|it| it.to_string()));
        add("callback", self.callback);
        add("meta", self.meta);
        add("traceparent", self.traceparent);
        add("tracestate", self.tracestate);

        let job = judged(&fields)?;
        Ok(Fields {
            fields,
            own_id: self.id,
            job,
        })
    }

    /// The job as intake would write it, and the text of its request.
    pub(crate) fn judged(&self) -> Result<(gammaq_job::NewJob, &str), Error> {
        Ok((self.clone().into_fields()?.job, &self.body.text))
    }

    /// The id that the caller chose, if any.
    pub fn own_id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// What intake makes of these fields, but for the fingerprint.
fn judged(fields: &[(&'static str, Vec<u8>)]) -> Result<gammaq_job::NewJob, Error> {
    let bytes: Vec<(&[u8], &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_slice()))
        .collect();
    match check(&Entry {
        entry_id: "0-0",
        fields: &bytes,
    }) {
        Judged::Accepted(job) => Ok(job),
        Judged::Rejected { error, .. } => Err(Error::Invalid(error.message)),
    }
}

/// The fields of an inbox entry that intake will accept.
#[derive(Debug)]
pub(crate) struct Fields {
    fields: Vec<(&'static str, Vec<u8>)>,
    /// The id that the caller chose.
    pub(crate) own_id: Option<String>,
    /// What intake will make of them, but for the fingerprint.
    job: gammaq_job::NewJob,
}

impl Fields {
    pub(crate) fn as_slices(&self) -> Vec<(&str, &[u8])> {
        self.fields
            .iter()
            .map(|(name, value)| (*name, value.as_slice()))
            .collect()
    }

    /// About how many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.fields
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentRequest, GenerationRequest};

    fn text(job: &NewJob) -> Vec<(String, String)> {
        let fields = job.clone().into_fields().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        fields
            .as_slices()
            .iter()
            .map(|(name, value)| ((*name).to_owned(), text(value)))
            .collect()
    }

    #[test]
    fn only_what_is_set_is_sent() {
        let fields = text(&NewJob::raw(Kind::Generation, r#"{"inputText":"a"}"#));
        assert_eq!(
            fields,
            [("request".to_owned(), r#"{"inputText":"a"}"#.to_owned())]
        );
        let job = NewJob::new(AgentRequest::new("a"))
            .id("i")
            .account("eu")
            .export(ExportFormat::Pdf)
            .export(ExportFormat::Png)
            .priority(0)
            .run_at_ms(1_763_912_345_678)
            .timeout(Duration::from_millis(1_500))
            .callback("https://example.com/done")
            .meta("m")
            .traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .tracestate("vendor=abc");
        let fields: Vec<String> = text(&job)
            .into_iter()
            .skip(1)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            fields,
            [
                "id=i",
                "account=eu",
                "kind=agent",
                "exports=pdf,png",
                "priority=0",
                "run_at=1763912345678",
                "timeout=2",
                "callback=https://example.com/done",
                "meta=m",
                "traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "tracestate=vendor=abc",
            ]
        );
    }

    #[test]
    fn every_problem_is_said_and_no_prompt() {
        let job = NewJob::new(GenerationRequest::new("secret plan").num_cards(0))
            .id("a b")
            .account("é")
            .priority(10)
            .timeout(Duration::ZERO)
            .callback("http://example.com")
            .meta("");
        let said = job.check().unwrap_err().to_string();
        for part in [
            "id: \"a b\"",
            "account:",
            "priority: \"10\"",
            "timeout:",
            "callback:",
            "meta: empty",
            "numCards: 0",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("secret plan"), "{said}");
    }
}
