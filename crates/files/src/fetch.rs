//! One download: a link is followed, what comes is checked while it comes, and what passed gets its name.

use bytes::Bytes;
use gammaq_crash::at;
use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, LOCATION, RANGE};
use reqwest::{Response, redirect, retry};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use crate::FileSettings;
use crate::answer::{Head, describe, judge};
use crate::cloud::Upload;
use crate::fetched::{Fetched, Halt, Stored, Wanted};
use crate::hosts::Lookup;
use crate::kind::{Format, HEAD, Kind, TAIL};
use crate::local::{Found, Part, hex};
use crate::store::{OpenError, Store};

/// Redirects that are followed, each checked like the link itself.
const REDIRECTS: usize = 3;

/// What is known of the bytes so far.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    sha256: Sha256,
    bytes: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Seen {
    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.bytes += piece.len() as u64;
        let missing = HEAD.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(&piece[..missing]);
        let kept = self.tail.len().min(TAIL.saturating_sub(piece.len()));
        self.tail.drain(..self.tail.len() - kept);
        self.tail
            .extend_from_slice(&piece[piece.len().saturating_sub(TAIL)..]);
    }
}

/// Where the bytes go.
enum Sink {
    Part(Part),
    Upload(Upload),
    /// A cloud is told of a file when its first bytes are the right ones.
    Held(Vec<Bytes>),
}

/// Downloads, and the store that they go to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    http: reqwest::Client,
    pub(crate) store: Store,
    settings: FileSettings,
}

impl Files {
    /// Opens the store and makes a client that knows no key, follows no redirect by itself and asks for no compression:
    /// a small answer must not become a large file.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(settings: FileSettings) -> Result<Self, OpenError> {
        // An error means that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::open(&settings.store, settings.min_free)?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("gammaq/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect_timeout)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .dns_resolver(std::sync::Arc::new(Lookup(settings.hosts.clone())))
            .build()
            .map_err(|error| OpenError::Http(describe(error)))?;
        Ok(Self {
            http,
            store,
            settings,
        })
    }

    /// Downloads a file and keeps it. May be dropped at any time, and called again: what is there is gone on with where
    /// the store and the link's host allow it.
    pub async fn fetch(&self, wanted: Wanted<'_>) -> Fetched {
        // On the heap, as each larger part of it: a step is no place for all of that.
        match at("download", Box::pin(self.download(wanted))).await {
            Ok(stored) => Fetched::Stored(stored),
            Err(halt) => halt.into(),
        }
    }

    async fn download(&self, wanted: Wanted<'_>) -> Result<Stored, Halt> {
        // Before anything is opened: a link that leads nowhere is no reason to touch the disk.
        self.settings.hosts.check(wanted.link).map_err(Halt::Refused)?;
        let mut found = match &self.store {
            Store::Local(local) => {
                local.check_room(0)?;
                at("download_find", local.find(wanted.id, wanted.format)).await?
            }
            Store::Cloud(_) => None,
        };
        let asked = self.ask(wanted.link, found.as_ref());
        let (mut response, head) = match at("download_ask", asked).await {
            Ok(answered) => answered,
            Err(halt) => {
                if let Some(found) = found {
                    at("download_refused", found.part.leave(halt.is_passing())).await;
                }
                return Err(halt);
            }
        };
        if let Some(found) = found.take_if(|_| head.from == 0) {
            // It is another version by now, or the host doesn't go on: from the beginning.
            at("download_anew", found.part.leave(false)).await;
        }
        let (mut sink, mut seen) = match (found, &self.store) {
            (Some(found), _) => (Sink::Part(found.part), found.seen),
            (None, Store::Cloud(_)) => (Sink::Held(Vec::new()), Seen::default()),
            (None, Store::Local(local)) => {
                let begun = local.begin(wanted.id, wanted.format, head.tag.as_deref());
                (Sink::Part(at("download_begin", begun).await?), Seen::default())
            }
        };
        let poured = self.pour(wanted, &mut response, &head, &mut sink, &mut seen);
        let kind = match at("download_pour", Box::pin(poured)).await {
            Ok(kind) => kind,
            Err(halt) => {
                let keep = halt.is_passing() && head.tag.is_some();
                at("download_leave", leave(sink, keep)).await;
                return Err(halt);
            }
        };
        let url = match (sink, &self.store) {
            (Sink::Part(part), Store::Local(local)) => {
                at("download_finish", local.finish(part, wanted.id, kind)).await?
            }
            (Sink::Upload(upload), _) => at("download_upload", Box::pin(upload.finish())).await?,
            _ => return Err(Halt::Again("the file has no place".to_owned())),
        };
        Ok(Stored {
            url,
            bytes: seen.bytes,
            sha256: hex(&seen.sha256.finalize()[..]),
        })
    }

    /// Follows the link; where a part is there, asks for the rest of the same version.
    async fn ask(&self, link: &str, found: Option<&Found>) -> Result<(Response, Head), Halt> {
        let mut url = self.settings.hosts.check(link).map_err(Halt::Refused)?;
        let from = found.map_or(0, |found| found.seen.bytes);
        for _ in 0..=REDIRECTS {
            let mut request = self.http.get(url.clone()).header(ACCEPT_ENCODING, "identity");
            if let Some(found) = found.filter(|_| from > 0) {
                request = request
                    .header(RANGE, format!("bytes={from}-"))
                    .header(IF_RANGE, &found.tag);
            }
            let head = timeout(self.settings.connect_timeout * 2, request.send());
            let response = match at("download_head", head).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(Halt::Again(describe(error))),
                Err(_) => return Err(Halt::Again("no answer from the link's host".to_owned())),
            };
            if !response.status().is_redirection() {
                let head = judge(&response, from)?;
                if head.from > 0 && head.tag.as_deref() != found.map(|found| found.tag.as_str()) {
                    return Err(Halt::Anew("the rest is of another version".to_owned()));
                }
                return Ok((response, head));
            }
            let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            let to = to.ok_or_else(|| Halt::Refused("the link redirects to nowhere".to_owned()))?;
            url = self
                .settings
                .hosts
                .check(to.as_str())
                .map_err(|why| Halt::Refused(format!("redirected: {why}")))?;
        }
        Err(Halt::Refused("the link redirects too often".to_owned()))
    }

    /// Takes in the body and checks it: type, size, speed, end.
    async fn pour(
        &self,
        wanted: Wanted<'_>,
        response: &mut Response,
        head: &Head,
        sink: &mut Sink,
        seen: &mut Seen,
    ) -> Result<Kind, Halt> {
        let max = self.settings.max_bytes;
        let too_large = || Halt::Refused(format!("the file is larger than {max} bytes (exports.max_bytes)"));
        if head.total.is_some_and(|total| total > max) {
            return Err(too_large());
        }
        self.check_room(head.total.unwrap_or(0).saturating_sub(seen.bytes))?;
        let window = self.settings.window;
        let least = self.settings.min_speed.saturating_mul(window.as_secs().max(1));
        let (mut since, mut mark, mut kind) = (Instant::now(), seen.bytes, None);
        loop {
            let left = window.saturating_sub(since.elapsed());
            let piece = match at("download_piece", timeout(left, response.chunk())).await {
                Ok(Ok(piece)) => piece,
                Ok(Err(error)) => {
                    return Err(Halt::Again(format!("the file broke off: {}", describe(error))));
                }
                Err(_) => Some(Bytes::new()),
            };
            let Some(piece) = piece else { break };
            seen.add(&piece);
            if seen.bytes > max {
                return Err(too_large());
            }
            if kind.is_none() && seen.head.len() >= HEAD {
                kind = Some(recognise(wanted.format, &seen.head)?);
            }
            at("download_put", self.put(wanted, sink, kind, piece)).await?;
            if since.elapsed() >= window {
                if seen.bytes - mark < least {
                    let slow = format!("slower than {} bytes a second", self.settings.min_speed);
                    return Err(Halt::Again(format!(
                        "the file comes too slowly: {slow} (exports.min_speed)"
                    )));
                }
                self.check_room(0)?;
                (since, mark) = (Instant::now(), seen.bytes);
            }
        }
        let kind = match kind {
            Some(kind) => kind,
            None => recognise(wanted.format, &seen.head)?,
        };
        match head.total {
            Some(total) if total != seen.bytes => {
                Err(Halt::Again(format!("{} of {total} bytes came", seen.bytes)))
            }
            None if !kind.ends_in(&seen.tail) => Err(Halt::Again(
                "nobody said how long the file is, and it has no end".to_owned(),
            )),
            _ => Ok(kind),
        }
    }

    async fn put(
        &self,
        wanted: Wanted<'_>,
        sink: &mut Sink,
        kind: Option<Kind>,
        piece: Bytes,
    ) -> Result<(), Halt> {
        match sink {
            Sink::Part(part) => return at("put_part", part.write(&piece)).await,
            Sink::Upload(upload) => return at("put_upload", Box::pin(upload.write(piece))).await,
            Sink::Held(held) => held.push(piece),
        }
        let (Sink::Held(held), Some(kind), Store::Cloud(cloud)) = (&mut *sink, kind, &self.store) else {
            return Ok(());
        };
        let held = std::mem::take(held);
        *sink = Sink::Upload(cloud.begin(wanted.id, wanted.format, kind));
        if let Sink::Upload(upload) = sink {
            for piece in held {
                at("put_held", Box::pin(upload.write(piece))).await?;
            }
        }
        Ok(())
    }

    fn check_room(&self, more: u64) -> Result<(), Halt> {
        match &self.store {
            Store::Local(local) => local.check_room(more),
            Store::Cloud(_) => Ok(()),
        }
    }
}

async fn leave(sink: Sink, keep: bool) {
    match sink {
        Sink::Part(part) => at("leave_part", part.leave(keep)).await,
        Sink::Upload(upload) => at("leave_upload", Box::pin(upload.abandon())).await,
        Sink::Held(_) => {}
    }
}

fn recognise(format: Format, head: &[u8]) -> Result<Kind, Halt> {
    format
        .kind(head)
        .ok_or_else(|| Halt::WrongType(format!("what came is no {} by its first bytes", format.word())))
}
