//! A file on its way into a bucket: one call where it is small, else parts that the last call puts together.
//!
//! Parts of an upload that nobody ended lie in the bucket unseen, and are paid for. So before the first of them goes, the
//! upload's id is written down in the bucket, under `.uploads`, and whoever comes to the same file next takes that upload back
//! first; a sweep does it for a job that goes. They are not gone on with: nobody can read them back, and without their bytes
//! there is no checksum of the whole. On Azure parts go by themselves after a week, and nothing is written down.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use gammaq_crash::at;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Error, MultipartId, ObjectStoreExt, PutPayload};
use tokio::task::JoinSet;

use super::{Cloud, unusable};
use crate::fetched::Halt;
use crate::kind::{Format, Kind};

/// The size of a part: the least that S3 takes. A file that is no larger goes in one call.
const PART: usize = 5 * 1024 * 1024;
/// Parts under way at once: what an upload holds in memory is so many parts, and one more.
const AT_ONCE: usize = 2;
/// Where ids of uploads are written down.
pub(super) const NOTES: &str = ".uploads";

/// An upload under way.
pub(crate) struct Upload {
    cloud: Cloud,
    path: Path,
    url: String,
    note: Option<Path>,
    held: BytesMut,
    parts: Option<Parts>,
}

/// The parts of one.
struct Parts {
    id: MultipartId,
    count: usize,
    under_way: JoinSet<(usize, Result<PartId, Error>)>,
    there: BTreeMap<usize, PartId>,
}

/// A part's number and what became of it, from the task that sent it.
type Sent = Result<(usize, Result<PartId, Error>), tokio::task::JoinError>;

impl Cloud {
    /// An upload of `<id>.<extension>`. The bucket hears nothing of it yet.
    pub(crate) fn begin(&self, id: &str, format: Format, kind: Kind) -> Upload {
        let name = format!("{id}.{}", kind.extension());
        Upload {
            path: self.prefix.clone().join(name.as_str()),
            url: format!("{}/{name}", self.url.as_str().trim_end_matches('/')),
            note: self.has_notes.then(|| self.note(id, format)),
            cloud: self.clone(),
            held: BytesMut::new(),
            parts: None,
        }
    }

    fn note(&self, id: &str, format: Format) -> Path {
        let name = format!("{id}.{}", format.word());
        self.prefix.clone().join(NOTES).join(name)
    }

    /// Takes back the upload that is written down here, if there is one.
    pub(super) async fn take_back(&self, note: &Path) -> Result<(), Error> {
        let found = match at("left_look", self.bucket.get(note)).await {
            Err(Error::NotFound { .. }) => return Ok(()),
            found => found?,
        };
        let text = at("left_read", found.bytes()).await?;
        if let Some((path, id)) = read(&text) {
            match at("left_abort", self.bucket.abort_multipart(&path, &id)).await {
                // It was ended, or taken back before.
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        at("left_delete", self.bucket.delete(note)).await
    }
}

/// Whether it is for good: a key without this right.
fn is_forbidden(error: &Error) -> bool {
    matches!(
        error,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. }
    )
}

/// The path of the file, and the id of its upload.
fn read(text: &Bytes) -> Option<(Path, MultipartId)> {
    let (path, id) = std::str::from_utf8(text).ok()?.split_once('\n')?;
    Some((Path::parse(path).ok()?, id.to_owned()))
}

impl Upload {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Halt> {
        self.held.extend_from_slice(&piece);
        while self.held.len() > PART {
            let part = self.held.split_to(PART).freeze();
            at("upload_part", self.send(part)).await?;
        }
        Ok(())
    }

    /// Sends a part, when no more than a few others are under way.
    async fn send(&mut self, part: Bytes) -> Result<(), Halt> {
        if self.parts.is_none() {
            self.parts = Some(at("upload_open", Box::pin(self.open())).await?);
        }
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        while parts.under_way.len() >= AT_ONCE {
            let sent = at("upload_room", parts.under_way.join_next()).await;
            parts.note(sent)?;
        }
        let (bucket, path, id, number) = (
            self.cloud.bucket.clone(),
            self.path.clone(),
            parts.id.clone(),
            parts.count,
        );
        parts.count += 1;
        parts.under_way.spawn(async move {
            let sent = bucket.put_part(&path, &id, number, PutPayload::from(part));
            (number, at("upload_send", sent).await)
        });
        Ok(())
    }

    /// Begins an upload in parts, in the place of one that was left. That notes are allowed is no condition of it, but where they are, one
    /// that can't be read or written just now is waited for: the next note would take its place, and nobody would know of that
    /// upload any more.
    async fn open(&self) -> Result<Parts, Halt> {
        let (cloud, path) = (&self.cloud, &self.path);
        if let Some(note) = &self.note
            && let Err(error) = at("upload_left", Box::pin(cloud.take_back(note))).await
        {
            tracing::debug!(%error, "whether an upload was left is not known");
            if !is_forbidden(&error) {
                return Err(unusable(error));
            }
        }
        let id = at("upload_begin", cloud.bucket.create_multipart(path))
            .await
            .map_err(unusable)?;
        if let Some(note) = &self.note {
            let text = PutPayload::from(format!("{path}\n{id}").into_bytes());
            if let Err(error) = at("upload_note", cloud.bucket.put(note, text)).await {
                tracing::debug!(%error, "an upload could not be written down");
                // What was begun has no parts yet, which are what is paid for.
                if !is_forbidden(&error) {
                    return Err(unusable(error));
                }
            }
        }
        Ok(Parts {
            id,
            count: 0,
            under_way: JoinSet::new(),
            there: BTreeMap::new(),
        })
    }

    /// The file is there from then on, whole. Answers where.
    pub(crate) async fn finish(mut self) -> Result<String, Halt> {
        let rest = self.held.split().freeze();
        if self.parts.is_none() {
            let put = self.cloud.bucket.put(&self.path, PutPayload::from(rest));
            at("upload_put", put).await.map_err(unusable)?;
            return Ok(self.url);
        }
        // What fails here is taken back by whoever comes to the file next.
        at("upload_end", Box::pin(self.end(rest))).await?;
        if let Some(note) = &self.note
            && let Err(error) = at("upload_noted", self.cloud.bucket.delete(note)).await
        {
            tracing::debug!(%error, "a note of an upload stays");
        }
        Ok(self.url)
    }

    async fn end(&mut self, rest: Bytes) -> Result<(), Halt> {
        at("upload_rest", self.send(rest)).await?;
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        while !parts.under_way.is_empty() {
            let sent = at("upload_wait", parts.under_way.join_next()).await;
            parts.note(sent)?;
        }
        let there = std::mem::take(&mut parts.there).into_values().collect();
        let complete = self.cloud.bucket.complete_multipart(&self.path, &parts.id, there);
        at("upload_finish", complete).await.map(drop).map_err(unusable)
    }

    /// Takes back what was uploaded. Where that fails too, whoever comes to the file next does it.
    pub(crate) async fn abandon(self) {
        let Some(mut parts) = self.parts else { return };
        // A part that comes after the upload was taken back would stay for good.
        at("upload_still", parts.under_way.shutdown()).await;
        let bucket = &self.cloud.bucket;
        let aborted = bucket.abort_multipart(&self.path, &parts.id);
        match (at("upload_abandon", aborted).await, &self.note) {
            (Ok(()), Some(note)) => {
                let _ = at("upload_forget", bucket.delete(note)).await;
            }
            (Ok(()), None) => {}
            (Err(error), _) => tracing::debug!(%error, "an upload could not be taken back"),
        }
    }
}

impl Parts {
    fn note(&mut self, sent: Option<Sent>) -> Result<(), Halt> {
        let Some(sent) = sent else { return Ok(()) };
        let (number, part) = sent.map_err(|_| Halt::Again("a task of the store ended".to_owned()))?;
        self.there.insert(number, part.map_err(unusable)?);
        Ok(())
    }
}
