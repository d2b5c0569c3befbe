//! How far the files of a job are: what the record's field `files` holds, so that any worker can go on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ExportFormat;

/// The files that a job wants, each with how far it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Files(BTreeMap<ExportFormat, File>);

/// How far one file is. Times are Unix milliseconds by Redis's clock. The link itself is not here: it stands in the
/// record's `pdf_url` (`pptx_url`, `png_url`) alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// Gamma's name for the export under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export_id: Option<String>,
    /// Not before this time is anything done for it.
    #[serde(skip_serializing_if = "is_zero")]
    pub at: u64,
    /// Until when Gamma has time to make it; counted anew where a link is asked for again.
    #[serde(skip_serializing_if = "is_zero")]
    pub until: u64,
    /// How often Gamma was asked for it and gave nothing that can be used.
    #[serde(skip_serializing_if = "is_zero")]
    pub tries: u64,
    /// How often its link was good no more.
    #[serde(skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// Steps for it in a row that brought no answer.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: u64,
    /// When Gamma gave the first link to it.
    #[serde(skip_serializing_if = "is_zero")]
    pub linked_at: u64,
    /// Where our own copy lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
    /// The size of our copy, in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// The checksum of our copy: SHA-256, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why there will be no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Files {
    /// Reads the field. What can't be read counts as nothing done: no step for a file is one that may not be repeated.
    pub fn read(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The field.
    pub fn to_json(&self) -> String {
        // A map with names for keys can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// How far the file is; as nothing was done where none is known.
    pub fn get(&self, format: ExportFormat) -> File {
        self.0.get(&format).cloned().unwrap_or_default()
    }

    /// Notes how far the file is.
    pub fn put(&mut self, format: ExportFormat, file: File) {
        self.0.insert(format, file);
    }

    /// Each that something is known of.
    pub fn iter(&self) -> impl Iterator<Item = (ExportFormat, &File)> {
        self.0.iter().map(|(format, file)| (*format, file))
    }
}

impl File {
    /// Whether nothing more is done for it; `link` says whether there is a link, `store` whether copies are kept.
    pub fn is_over(&self, link: bool, store: bool) -> bool {
        self.error.is_some() || self.stored.is_some() || (link && !store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_broken_is_nothing_done() {
        let mut files = Files::default();
        files.put(
            ExportFormat::Pptx,
            File {
                export_id: Some("e".to_owned()),
                at: 7,
                ..File::default()
            },
        );
        assert_eq!(files.to_json(), r#"{"pptx":{"export_id":"e","at":7}}"#);
        assert_eq!(Files::read(&files.to_json()), files);
        assert_eq!(
            Files::read(r#"{"pdf":{"tries":1,"of_a_newer_worker":2}}"#)
                .get(ExportFormat::Pdf)
                .tries,
            1
        );
        for broken in [
            "",
            "nope",
            "[]",
            r#"{"pdf":7}"#,
            r#"{"doc":{}}"#,
            r#"{"pdf":{"at":-1}}"#,
        ] {
            assert_eq!(Files::read(broken), Files::default(), "{broken}");
        }
    }

    #[test]
    fn a_file_is_over_when_it_is_there_or_its_error_is_said() {
        let open = File::default();
        assert!(!open.is_over(false, false) && !open.is_over(true, true) && open.is_over(true, false));
        let (mut stored, mut failed) = (open.clone(), open);
        stored.stored = Some("file:///x".to_owned());
        failed.error = Some("no".to_owned());
        assert!(stored.is_over(false, true) && failed.is_over(false, true));
    }
}
