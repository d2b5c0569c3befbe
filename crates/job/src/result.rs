//! The result as callers read it: `GET …:result:<id>`.

use serde::{Deserialize, Serialize};

use crate::{ExportFormat, JobError, State};

/// One job's result. Unknown fields are let pass, so a newer worker's results can be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The job.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Gamma's name for the generation.
    pub generation_id: Option<String>,
    /// Gamma's name for the deck.
    pub gamma_id: Option<String>,
    /// Where to see the deck.
    pub gamma_url: Option<String>,
    /// The file of the first wanted format: a link that expires.
    pub export_url: Option<String>,
    /// The PDF: a link that expires.
    pub pdf_url: Option<String>,
    /// The PowerPoint file: a link that expires.
    pub pptx_url: Option<String>,
    /// The zip of PNG files: a link that expires.
    #[serde(default)]
    pub png_url: Option<String>,
    /// One for each wanted format.
    pub exports: Vec<Export>,
    /// What it cost.
    pub credits: Credits,
    /// What was odd: Gamma's warnings and intake's.
    pub warnings: Vec<String>,
    /// Why there is no deck.
    pub error: Option<JobError>,
    /// Whose budget.
    pub account: String,
    /// The caller's own words.
    pub meta: Option<String>,
    /// How often Gamma was asked.
    pub polls: u64,
    /// Unix milliseconds by Redis's clock.
    pub created_at: u64,
    /// Unix milliseconds by Redis's clock, when Gamma's id came.
    pub submitted_at: Option<u64>,
    /// Unix milliseconds by Redis's clock.
    pub finished_at: Option<u64>,
    /// Gamma 5's own summary of what it made; not there where it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// A wanted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Which format.
    pub format: ExportFormat,
    /// The link, which expires.
    pub url: Option<String>,
    /// Where our own copy lies.
    pub stored: Option<String>,
    /// The size of our copy.
    pub bytes: Option<u64>,
    /// The checksum of our copy.
    pub sha256: Option<String>,
    /// Why there is no file.
    pub error: Option<String>,
}

/// Credits, as Gamma's last answer had them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Credits {
    /// Taken for this generation.
    pub deducted: Option<f64>,
    /// Left on the account then.
    pub remaining: Option<f64>,
}
