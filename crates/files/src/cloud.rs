//! A bucket. A file is there under its name only when the last call of its upload has come.

mod removing;
mod upload;

use std::fmt;
use std::sync::Arc;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use crate::fetched::Halt;
use crate::store::OpenError;
pub(crate) use upload::Upload;

/// What both kinds of calls are made on.
trait Bucket: ObjectStore + MultipartStore {}
impl<T: ObjectStore + MultipartStore> Bucket for T {}

/// A bucket and a prefix in it.
#[derive(Clone)]
pub(crate) struct Cloud {
    bucket: Arc<dyn Bucket>,
    /// The same, and asked once: a delete that is tried again comes when the name may be another copy's.
    once: Arc<dyn Bucket>,
    prefix: Path,
    url: Url,
    /// Whether uploads in parts are written down.
    has_notes: bool,
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
        built.map(|it| Arc::new(it) as Arc<dyn Bucket>)
    }};
}

/// A client for the bucket.
fn client(url: &Url, retries: RetryConfig) -> Result<(Arc<dyn Bucket>, Path), OpenError> {
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
            has_notes: !matches!(
                ObjectStoreScheme::parse(url),
                Ok((ObjectStoreScheme::MicrosoftAzure, _))
            ),
        })
    }
}

fn unusable(error: object_store::Error) -> Halt {
    Halt::Again(format!("the store takes no file: {error}"))
}
