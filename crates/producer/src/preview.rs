//! A job before it is enqueued: what Gamma would be sent, and what that may cost.

use gammaq_job::estimate::{Estimate, NoEstimate, estimate};
use gammaq_job::{AccountName, ExportFormat, Kind, Request};

use crate::{Error, NewJob};

/// What would be enqueued.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Whose API key and budget.
    pub account: AccountName,
    /// Which endpoint.
    pub kind: Kind,
    /// Files wanted of the deck; the first of them goes with the request.
    pub exports: Vec<ExportFormat>,
    /// What is odd, but harmless.
    pub warnings: Vec<String>,
    /// The JSON body that Gamma would be sent, to the last byte.
    pub body: String,
    /// What it may cost, or why nobody can say.
    pub estimate: Result<Estimate, NoEstimate>,
}

impl NewJob {
    /// Checks the job as the workers do, and shows what would be sent. Asks nobody and writes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem.
    pub fn preview(&self) -> Result<Preview, Error> {
        let (job, text) = self.judged()?;
        // It was parsed a moment ago, so this can't fail.
        let request = Request::parse(text, job.kind, &job.exports)
            .map_err(|problems| Error::Invalid(problems.join("; ")))?;
        Ok(Preview {
            body: gammaq_job::request::body(text, &job.exports),
            estimate: estimate(&request, job.kind),
            account: job.account,
            kind: job.kind,
            exports: job.exports,
            warnings: job.warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GenerationRequest;

    #[test]
    fn it_shows_what_the_worker_would_send() {
        let request = GenerationRequest::new("a").num_cards(2);
        let job = NewJob::new(request).account("eu").export(ExportFormat::Pdf);
        let preview = job.preview().unwrap();
        assert_eq!(preview.account.as_str(), "eu");
        assert!(
            preview.body.starts_with(r#"{"exportAs":"pdf",""#),
            "{}",
            preview.body
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&preview.body).unwrap(),
            serde_json::json!({
                "exportAs": "pdf", "inputText": "a", "textMode": "generate", "format": "presentation", "numCards": 2
            })
        );
        assert_eq!(preview.estimate.map(|it| (it.low, it.high)), Ok((2, 256)));
        let bad = NewJob::new(GenerationRequest::new("")).preview().unwrap_err();
        assert!(bad.to_string().contains("inputText: 0 characters"), "{bad}");
    }
}
