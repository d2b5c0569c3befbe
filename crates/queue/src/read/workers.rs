//! The workers that are alive.

use std::collections::{BTreeMap, BTreeSet};

use super::batch::Batch;
use crate::{Error, Queue, value};

/// The rank of the last worker that is read.
const MOST: &str = "199";

/// One worker, as its last heartbeat tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct WorkerView {
    /// Its id, new at each start.
    pub id: String,
    /// The host that it runs on.
    pub host: Option<String>,
    /// Its process there.
    pub pid: Option<u64>,
    /// Its version.
    pub version: Option<String>,
    /// Unix milliseconds.
    pub started_at: Option<u64>,
    /// Unix milliseconds.
    pub heartbeat_at: Option<u64>,
    /// Steps that it runs.
    pub running: Option<u64>,
    /// Steps that it may run at once.
    pub capacity: Option<u64>,
    /// Why it starts nothing more, where it does not.
    pub halted: Option<String>,
    /// All of its hash.
    pub fields: BTreeMap<String, String>,
}

impl Queue {
    /// The workers that are alive, the one heard of last first, at most 200.
    ///
    /// # Errors
    /// By reaction; see [`Error`].
    pub(super) async fn worker_views(&self, broken: &mut BTreeSet<String>) -> Result<Vec<WorkerView>, Error> {
        let mut batch = Batch::new();
        batch.ask("ZREVRANGE", self.keys.workers(), &["0", MOST]);
        let ids = batch.send(self, broken).await?.pop();
        let ids = ids.map_or(Ok(Vec::new()), value::texts)?;
        let mut batch = Batch::new();
        for id in &ids {
            batch.ask("HGETALL", self.keys.worker(id), &[]);
        }
        let hashes = batch.send(self, broken).await?.into_iter().map(value::map);
        ids.into_iter()
            .zip(hashes)
            .map(|(id, fields)| Ok(view((id, fields?))))
            .collect()
    }
}

fn view((id, fields): (String, BTreeMap<String, String>)) -> WorkerView {
    let text = |name: &str| fields.get(name).filter(|it| !it.is_empty()).cloned();
    let number = |name: &str| text(name)?.parse().ok();
    WorkerView {
        id,
        host: text("host"),
        pid: number("pid"),
        version: text("version"),
        started_at: number("started_at"),
        heartbeat_at: number("heartbeat_at"),
        running: number("running"),
        capacity: number("capacity"),
        halted: text("halted"),
        fields,
    }
}
