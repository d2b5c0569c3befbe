//! A bucket. A file is uploaded in parts, and is there under its name only when the last call has put them together.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use gammaq_crash::at;
use object_store::path::Path;
use object_store::{ObjectStore, PutMultipartOptions, WriteMultipart};
use url::Url;

use crate::fetched::Halt;
use crate::kind::Kind;
use crate::store::OpenError;

/// The size of a part: the least that S3 takes.
const PART: usize = 5 * 1024 * 1024;
/// Parts under way at once: what an upload holds in memory is so many parts, and one more.
const AT_ONCE: usize = 2;

/// A bucket and a prefix in it.
#[derive(Clone)]
pub(crate) struct Cloud {
    bucket: Arc<dyn ObjectStore>,
    prefix: Path,
    url: Url,
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud")
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

impl Cloud {
    pub(crate) fn open(url: &Url) -> Result<Self, OpenError> {
        // `region` or `token` alone would be taken for theirs too.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?.to_ascii_lowercase();
            let theirs = ["aws_", "azure_", "google_"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            Some((name, value.into_string().ok()?)).filter(|_| theirs)
        });
        let (bucket, prefix) = object_store::parse_url_opts(url, environment)
            .map_err(|error| OpenError::Cloud(error.to_string()))?;
        Ok(Self {
            bucket: Arc::from(bucket),
            prefix,
            url: url.clone(),
        })
    }

    /// Begins the upload of `<id>.<extension>`.
    pub(crate) async fn begin(&self, id: &str, kind: Kind) -> Result<Upload, Halt> {
        let name = format!("{id}.{}", kind.extension());
        let path = self.prefix.clone().join(name.as_str());
        let begun = self
            .bucket
            .put_multipart_opts(&path, PutMultipartOptions::default());
        let upload = at("upload_begin", begun).await.map_err(unusable)?;
        Ok(Upload {
            parts: WriteMultipart::new_with_chunk_size(upload, PART),
            url: format!("{}/{name}", self.url.as_str().trim_end_matches('/')),
        })
    }
}

/// An upload under way.
pub(crate) struct Upload {
    parts: WriteMultipart,
    url: String,
}

impl Upload {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Halt> {
        at("upload_room", self.parts.wait_for_capacity(AT_ONCE))
            .await
            .map_err(unusable)?;
        self.parts.put(piece);
        Ok(())
    }

    /// Puts the parts together; the file is there from then on. Answers where.
    pub(crate) async fn finish(self) -> Result<String, Halt> {
        at("upload_finish", self.parts.finish()).await.map_err(unusable)?;
        Ok(self.url)
    }

    /// Takes back what was uploaded. Where that fails too, the bucket's own rule for uploads that nobody ended does it.
    pub(crate) async fn abandon(self) {
        if let Err(error) = at("upload_abandon", self.parts.abort()).await {
            tracing::debug!(%error, "an upload could not be taken back");
        }
    }
}

fn unusable(error: object_store::Error) -> Halt {
    Halt::Again(format!("the store takes no file: {error}"))
}
