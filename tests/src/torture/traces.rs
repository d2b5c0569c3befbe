//! What a run leaves behind where something was found: enough to see how it came about.

use std::fmt::{Debug, Write};
use std::io;
use std::path::{Path, PathBuf};

use gammaq_fake::ledger::Ledger;

use super::diary::Fault;
use super::judge::{Record, Sent};
use super::recovery::Event;

/// Everything that the judge had before it, and what workers logged.
#[derive(Debug, Clone, Default)]
pub(super) struct Traces {
    pub(super) sent: Vec<Sent>,
    pub(super) records: Vec<Record>,
    pub(super) events: Vec<Event>,
    pub(super) faults: Vec<Fault>,
    pub(super) starts: Vec<(u32, u64)>,
    pub(super) ledger: Ledger,
    pub(super) logs: Vec<String>,
}

impl Traces {
    /// Writes it all into a new directory for temporary files, and says which.
    pub(super) fn keep(&self, seed: u64) -> io::Result<PathBuf> {
        let directory = std::env::temp_dir().join(format!("gammaq-torture-{seed}-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        write(&directory, "sent", &self.sent)?;
        write(&directory, "records", &self.records)?;
        write(&directory, "events", &self.events)?;
        write(&directory, "faults", &self.faults)?;
        write(&directory, "starts", &self.starts)?;
        std::fs::write(
            directory.join("ledger.json"),
            serde_json::to_vec_pretty(&self.ledger)?,
        )?;
        std::fs::write(directory.join("workers.log"), self.logs.join("\n"))?;
        Ok(directory)
    }
}

/// One item a line.
fn write<T: Debug>(directory: &Path, name: &str, items: &[T]) -> io::Result<()> {
    let mut text = String::new();
    for item in items {
        let _ = writeln!(text, "{item:?}");
    }
    std::fs::write(directory.join(name), text)
}
