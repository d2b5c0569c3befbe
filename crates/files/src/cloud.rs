//! A bucket. A file is uploaded in parts, and is there under its name only when the last call has put them together.

mod removing;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use gammaq_crash::at;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, PutMultipartOptions, RetryConfig, WriteMultipart};
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
    /// The same, and asked once: a delete that is tried again comes when the name may be another copy's.
    once: Arc<dyn ObjectStore>,
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

/// What the environment says of the clouds: `region` or `token` alone would be taken for theirs too.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?.to_ascii_lowercase();
        let theirs = ["aws_", "azure_", "google_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        Some((name, value.into_string().ok()?)).filter(|_| theirs)
    })
}

macro_rules! client {
    ($builder:ty, $url:expr, $retries:expr) => {{
        let builder = <$builder>::new().with_url($url.as_str()).with_retry($retries);
        let set = |builder: $builder, (name, value): (String, String)| match name.parse() {
            Ok(key) => builder.with_config(key, value),
            Err(_) => builder,
        };
        let built = environment().fold(builder, set).build();
        built.map(|it| Arc::new(it) as Arc<dyn ObjectStore>)
    }};
}

/// A client for the bucket.
fn client(url: &Url, retries: RetryConfig) -> Result<(Arc<dyn ObjectStore>, Path), OpenError> {
    let refused = |error: String| OpenError::Cloud(error);
    let (scheme, prefix) = ObjectStoreScheme::parse(url).map_err(|error| refused(error.to_string()))?;
    let built = match scheme {
        ObjectStoreScheme::AmazonS3 => client!(AmazonS3Builder, url, retries),
        ObjectStoreScheme::GoogleCloudStorage => client!(GoogleCloudStorageBuilder, url, retries),
        ObjectStoreScheme::MicrosoftAzure => client!(MicrosoftAzureBuilder, url, retries),
        _ => return Err(refused(format!("{} is no kind of bucket", url.scheme()))),
    };
    let bucket = built.map_err(|error| refused(error.to_string()))?;
    Ok((bucket, prefix))
}

impl Cloud {
    pub(crate) fn open(url: &Url) -> Result<Self, OpenError> {
        let (bucket, prefix) = client(url, RetryConfig::default())?;
        let never = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        Ok(Self {
            bucket,
            once: client(url, never)?.0,
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
