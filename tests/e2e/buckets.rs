//! Copies in a bucket, against a server of another making that speaks S3 (moto, by `make setup-s3`).

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gammaq_crash::points::{DOWNLOAD_POINTS, Met};
use gammaq_fake::ledger::Download;
use gammaq_testkit::{Process, Proxy, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::downloads::FAKE;

/// Chains side by side: most of each is waiting.
const TRACKS: usize = 3;

/// This server looks whether there is a signature, and not at what it says.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// A server with one bucket, `decks`.
pub(crate) struct S3 {
    _server: Process,
    address: String,
}

/// What stands between tags of this name.
pub(crate) fn inside<'a>(text: &'a str, tag: &str) -> impl Iterator<Item = &'a str> {
    let close = format!("</{tag}>");
    let pieces = text.split(&format!("<{tag}>")).skip(1).collect::<Vec<_>>();
    pieces.into_iter().filter_map(move |it| it.split(&close).next())
}

/// What a target of `make` put there.
pub(crate) fn in_target(path: &str, by: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
        PathBuf::from,
    );
    let program = target.join(path);
    assert!(program.exists(), "{} is missing: run `{by}`", program.display());
    program
}

/// Asserts that these bytes, which lie in a bucket, are the file behind the link, and are what the result and the record tell of it.
pub(crate) async fn assert_bytes(stage: &Stage, id: &str, copy: Vec<u8>) {
    let file = stage.export(id, 0).await;
    assert!(
        copy == stage.behind(file["url"].as_str().unwrap()).await,
        "{id} is another file"
    );
    let bytes = copy.len() as u64;
    let summed = Process::builder("sha256sum").stdin(copy).run(PATIENCE).await;
    let sha256 = summed.stdout.split(' ').next().unwrap().to_owned();
    assert_eq!(
        (&file["bytes"], &file["sha256"]),
        (&json!(bytes), &json!(sha256)),
        "{id}"
    );
    assert_eq!(stage.field(id, "pdf_bytes").await, bytes.to_string(), "{id}");
    assert_eq!(stage.field(id, "pdf_sha256").await, sha256, "{id}");
}

impl S3 {
    pub(crate) async fn start() -> Self {
        let server = Process::builder(in_target("s3/bin/moto_server", "make setup-s3"))
            .name("s3")
            .args(["-H", "127.0.0.1", "-p", "0"])
            .spawn();
        let line = server.wait_line("Running on http://", PATIENCE).await;
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        let s3 = Self {
            _server: server,
            address,
        };
        assert_eq!(s3.ask("PUT", "/decks").await.0, 200);
        s3
    }

    /// Answers status and body.
    async fn ask(&self, method: &str, path: &str) -> (u16, Vec<u8>) {
        self.send(method, path, "").await
    }

    /// The same with a body.
    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {SIGNED}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[..head])
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        (status, answer.split_off(head + 4))
    }

    /// What a worker leaves that died while it uploaded parts for this job: the parts, and the note of them.
    pub(crate) async fn leave_upload(&self, id: &str) {
        let key = format!("of/today/{id}.pdf");
        let (status, body) = self.ask("POST", &format!("/decks/{key}?uploads")).await;
        assert_eq!(status, 200);
        let body = String::from_utf8(body).unwrap();
        let upload = inside(&body, "UploadId").next().unwrap().to_owned();
        let part = format!("/decks/{key}?partNumber=1&uploadId={upload}");
        assert_eq!(self.send("PUT", &part, "the beginning").await.0, 200);
        let note = format!("/decks/of/today/.uploads/{id}.pdf");
        assert_eq!(self.send("PUT", &note, &format!("{key}\n{upload}")).await.0, 200);
    }

    /// Parts that nobody ended, and that somebody pays for.
    pub(crate) async fn parts_left(&self) -> usize {
        let (status, body) = self.ask("GET", "/decks?uploads").await;
        assert_eq!(status, 200);
        let body = String::from_utf8(body).unwrap();
        let mut left = 0;
        for (key, upload) in inside(&body, "Key").zip(inside(&body, "UploadId")) {
            let (status, parts) = self.ask("GET", &format!("/decks/{key}?uploadId={upload}")).await;
            assert_eq!(status, 200);
            left += inside(&String::from_utf8(parts).unwrap(), "PartNumber").count();
        }
        left
    }

    /// What lies in the bucket.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let (status, body) = self.ask("GET", "/decks?list-type=2").await;
        assert_eq!(status, 200);
        let body = String::from_utf8(body).unwrap();
        inside(&body, "Key").map(str::to_owned).collect()
    }

    /// A worker that keeps copies here, after `prepare`.
    fn worker(&self, stage: &Stage, prepare: &str, name: &str) -> Process {
        self.worker_with(stage, prepare, name, &[])
    }

    pub(crate) fn worker_with(
        &self,
        stage: &Stage,
        prepare: &str,
        name: &str,
        more: &[(&str, &str)],
    ) -> Process {
        let prepare = format!(
            "export AWS_ENDPOINT=http://{} AWS_ALLOW_HTTP=true AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret-of-s3 \
             AWS_REGION=us-east-1; {prepare}",
            self.address
        );
        let mut settings = vec![
            ("EXPORTS__STORE", "s3://decks/of/today"),
            ("EXPORTS__KEEP_FILES", "false"),
            ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
            ("WORKER__LEASE", "2s"),
        ];
        settings.extend_from_slice(more);
        stage.spawn_worker_after(&prepare, name, &settings)
    }

    async fn assert_copy(&self, stage: &Stage, id: &str) {
        let file = stage.export(id, 0).await;
        let path = file["stored"]
            .as_str()
            .unwrap()
            .strip_prefix("s3:/")
            .unwrap()
            .to_owned();
        assert_eq!(path, format!("/decks/of/today/{id}.pdf"));
        let (status, copy) = self.ask("GET", &path).await;
        assert_eq!((status, &file["error"]), (200, &Value::Null), "{id}");
        assert_bytes(stage, id, copy).await;
    }
}

#[tokio::test]
async fn files_are_kept_in_a_bucket() {
    let (stage, s3) = (Stage::start(FAKE).await, S3::start().await);
    let worker = s3.worker(&stage, "true", "worker");
    // More than one part, one that breaks off, and one that is no file.
    stage
        .submit_with("large", "pdf", "text [[fake:size=12000000]]")
        .await;
    stage
        .submit_with(
            "half",
            "pdf",
            "text [[fake:size=300000]] [[fake:download=half*1]]",
        )
        .await;
    stage
        .submit_with("page", "pdf", "text [[fake:download=wrong_type]]")
        .await;
    for id in ["large", "half", "page"] {
        stage.until(id, "completed").await;
    }
    s3.assert_copy(&stage, "large").await;
    s3.assert_copy(&stage, "half").await;
    assert!(stage.export("page", 0).await["error"].is_string());
    assert_eq!(s3.keys().await, ["of/today/half.pdf", "of/today/large.pdf"]);
    stage.assert_honest(3, &[]).await;
    stage.assert_silent(&[&worker], &["secret-of-s3"]);
}

fn text(met: Met) -> Option<&'static str> {
    Some(match met {
        Met::Bucket | Met::BucketLeft => "text [[fake:size=6000000]]",
        Met::BucketSmall => "text [[fake:size=400000]]",
        Met::BucketLarge => "text [[fake:size=16000000]]",
        Met::BucketBroken => "text [[fake:size=12000000]] [[fake:download=half*1]]",
        _ => return None,
    })
}

async fn die_and_go_on(stage: &Stage, s3: &S3, (point, mark, met): (&str, &str, Met), text: &str) {
    let id = format!("{point}{}", mark.len() + usize::from(mark == "+"));
    if met == Met::BucketLeft {
        s3.leave_upload(&id).await;
    }
    let victim = s3.worker(stage, &format!("export GAMMAQ_CRASH_AT='{point}{mark}'"), &id);
    stage.submit_with(&id, "pdf", text).await;
    let status = victim.wait(PATIENCE).await;
    assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{id}: {status}");
    if s3.keys().await.contains(&format!("of/today/{id}.pdf")) {
        let (_, copy) = s3.ask("GET", &format!("/decks/of/today/{id}.pdf")).await;
        let link = stage.field(&id, "pdf_url").await;
        assert!(
            copy == stage.behind(&link).await,
            "{id}: a wrong file under a final name"
        );
    }
    let heir = s3.worker(stage, "true", "heir");
    stage.until(&id, "completed").await;
    s3.assert_copy(stage, &id).await;
    heir.signal(Signal::TERM);
    heir.wait(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_any_point_of_an_upload_and_leaves_no_part_behind() {
    let s3 = Arc::new(S3::start().await);
    let points: Vec<_> = DOWNLOAD_POINTS
        .iter()
        .filter_map(|(point, met)| Some((*point, *met, text(*met)?)))
        .flat_map(|(point, met, text)| ["", "~", "+"].map(|mark| ((point, mark, met), text)))
        .collect();
    let count = points.len();
    let tracks = (0..TRACKS).map(|number| {
        let mine: Vec<_> = points.iter().copied().skip(number).step_by(TRACKS).collect();
        let s3 = Arc::clone(&s3);
        tokio::spawn(async move {
            let stage = Stage::start(FAKE).await;
            for (point, text) in &mine {
                die_and_go_on(&stage, &s3, *point, text).await;
            }
            stage.assert_honest(mine.len() as u64, &[]).await;
        })
    });
    for track in tracks.collect::<Vec<_>>() {
        track.await.unwrap();
    }
    assert_eq!(s3.parts_left().await, 0);
    let keys = s3.keys().await;
    assert!(keys.iter().all(|key| !key.contains(".uploads")), "{keys:?}");
    assert_eq!(keys.len(), count, "{keys:?}");
}

/// Six parts. Two go up at once, so when the third is under way, the first or the second is there.
const LONG: &str = "text [[fake:size=30000000]]";
/// More than two parts, and less than three.
const MIDDLE: u64 = 12_000_000;

/// Brings a worker into the middle of an upload over the proxy, where everything stands still.
async fn in_the_middle(stage: &Stage, s3: &S3, proxy: &Proxy) -> Process {
    proxy.hold_after(MIDDLE);
    let way = format!("export AWS_ENDPOINT=http://{}", proxy.address());
    let worker = s3.worker(stage, &way, "worker");
    stage.submit_with("deck", "pdf", LONG).await;
    eventually(PATIENCE, "the third part is under way", || async {
        let passed = proxy.counts().requests_passed;
        if passed >= MIDDLE { Ok(()) } else { Err(passed) }
    })
    .await;
    let parts = s3.parts_left().await;
    assert!((1..=2).contains(&parts), "{parts} parts are there");
    assert_eq!(s3.keys().await, ["of/today/.uploads/deck.pdf"]);
    worker
}

/// Asserts that the file is there, and nothing else. Answers the downloads that it took.
async fn assert_whole(stage: &Stage, s3: &S3) -> Vec<Download> {
    stage.until("deck", "completed").await;
    // Before the test follows the link, too.
    let downloads = stage.ledger().await.downloads;
    s3.assert_copy(stage, "deck").await;
    assert_eq!(s3.parts_left().await, 0);
    assert_eq!(s3.keys().await, ["of/today/deck.pdf"]);
    stage.assert_honest(1, &[]).await;
    downloads
}

#[tokio::test]
async fn an_upload_whose_connections_are_cut_goes_on_with_its_parts() {
    let (stage, s3) = (Stage::start(FAKE).await, S3::start().await);
    let proxy = Proxy::start(&s3.address).await;
    let worker = in_the_middle(&stage, &s3, &proxy).await;
    // And once more, when the worker comes again.
    for _ in 0..2 {
        let before = proxy.counts().accepted;
        proxy.cut().await;
        eventually(PATIENCE, "the worker comes again", || async {
            proxy.counts().accepted > before
        })
        .await;
    }
    assert_eq!(stage.field("deck", "state").await, "exporting");
    proxy.hold(false);
    let downloads = assert_whole(&stage, &s3).await;
    assert_eq!(downloads.len(), 1, "{downloads:?}");
    stage.assert_silent(&[&worker], &["secret-of-s3"]);
}

#[tokio::test]
async fn an_upload_that_a_bucket_is_away_for_too_long_for_begins_anew_and_leaves_no_part() {
    let (stage, s3) = (Stage::start(FAKE).await, S3::start().await);
    let proxy = Proxy::start(&s3.address).await;
    let worker = in_the_middle(&stage, &s3, &proxy).await;
    proxy.refuse(true).await;
    proxy.cut().await;
    proxy.hold(false);
    // The store's client tries each call ten times: the part, and then the one that takes back what is there.
    eventually(PATIENCE * 3, "the record says why it waits", || async {
        let said = stage.field("deck", "last_error").await;
        if said.starts_with("pdf: the store takes no file") {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
    assert_eq!(stage.field("deck", "state").await, "exporting");
    let file = stage.export("deck", 0).await;
    assert!(
        file["url"].is_string() && file["stored"].is_null() && file["error"].is_null(),
        "{file}"
    );
    assert!(s3.parts_left().await > 0, "nobody could take them back");
    // The next attempt finds no word of them, and the bucket is there again a moment later.
    worker
        .wait_line("whether an upload was left is not known", PATIENCE * 3)
        .await;
    proxy.refuse(false).await;
    let downloads = assert_whole(&stage, &s3).await;
    assert_eq!(stage.field("deck", "last_error").await, "");
    assert!(
        downloads.len() > 1 && downloads.iter().all(|it| it.range.is_none()),
        "{downloads:?}"
    );
    stage.assert_silent(&[&worker], &["secret-of-s3"]);
}
