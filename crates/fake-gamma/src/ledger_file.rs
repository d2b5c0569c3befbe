//! The ledger as a file of JSON lines, for looking at a run afterwards. A line is one POST (`"event":"post"`), one
//! generation at the poll that first saw its end (`"settled"`), or the start of a fake (`"start"`).

use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;

#[derive(Debug)]
pub(crate) struct LedgerFile(File);

#[derive(Serialize)]
struct Line<'a, T> {
    event: &'a str,
    #[serde(flatten)]
    content: &'a T,
}

impl LedgerFile {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::options().create(true).append(true).open(path);
        file.map(Self).map_err(|source| Error::LedgerFile {
            path: path.to_owned(),
            source,
        })
    }

    /// Appends a line. One write a line, so that a reader never sees half of one; a full disk costs the line alone.
    pub(crate) fn append(&mut self, event: &str, content: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(&Line { event, content }) {
            line.push(b'\n');
            let _ = self.0.write_all(&line);
        }
    }
}
