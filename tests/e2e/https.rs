//! Files that come by https, as all of Gamma's do: from a host that proves its name, and from no other.

use std::path::Path;

use gammaq_testkit::{Certificates, Process, Signal, eventually, free_port};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::Value;
use tempfile::TempDir;

use crate::downloads::{FAKE, names};

/// Takes TLS off what comes and passes it on: OpenSSL, so that not one library alone agrees with itself.
const FRONT: &str = r#"
import asyncio, ssl, sys
certificate, key, port, fake = sys.argv[1:]

async def pour(source, sink):
    try:
        while piece := await source.read(1 << 16):
            sink.write(piece)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()

async def pass_on(reader, writer):
    answers, requests = await asyncio.open_connection(*fake.split(":"))
    await asyncio.gather(pour(reader, requests), pour(answers, writer))

async def serve():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    server = await asyncio.start_server(pass_on, "127.0.0.1", int(port), ssl=tls)
    print("the front listens", flush=True)
    await server.serve_forever()

asyncio.run(serve())
"#;

/// What answers at the address that links lead to.
struct Front {
    process: Process,
    certificates: Certificates,
}

impl Front {
    /// With a certificate for this name, by an authority of its own.
    async fn start(stage: &Stage, port: u16, name: &str) -> Self {
        let certificates = Certificates::new(&[name]);
        let process = Process::builder("python3")
            .name("front")
            .args(["-c", FRONT])
            .arg(certificates.certificate())
            .arg(certificates.key())
            .args([&port.to_string(), stage.fake_address()])
            .spawn();
        process.wait_line("the front listens", PATIENCE).await;
        Self {
            process,
            certificates,
        }
    }

    /// Its port is free afterwards.
    async fn stop(self) {
        self.process.signal(Signal::TERM);
        self.process.wait(PATIENCE).await;
    }
}

/// A stage whose links lead to a name, by https, and the port: nobody listens there yet.
async fn stage() -> (Stage, u16) {
    let port = free_port();
    let url = format!("https://localhost:{port}");
    let stage = Stage::start(&[FAKE, &["--public-url", &url]].concat()).await;
    (stage, port)
}

/// A worker that trusts this authority, and no other.
async fn worker(
    stage: &Stage,
    name: &str,
    store: &Path,
    trusted: &Certificates,
    more: &[(&str, &str)],
) -> Process {
    let trust = format!(
        "unset SSL_CERT_DIR; export SSL_CERT_FILE='{}'",
        trusted.authority().display()
    );
    let url = format!("file://{}", store.display());
    let mut settings = vec![
        ("EXPORTS__STORE", url.as_str()),
        ("EXPORTS__ALLOWED_HOSTS", "localhost"),
        ("EXPORTS__MIN_FREE", "1 MiB"),
    ];
    settings.extend_from_slice(more);
    let worker = stage.spawn_worker_after(&trust, name, &settings);
    worker.wait_line("the worker is ready", PATIENCE).await;
    worker
}

async fn stop(worker: &Process) {
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
}

/// The error that a download ends with where the host's certificate is the reason: it says so, and not where the link leads.
fn assert_tells(error: &str, why: &str) {
    assert!(error.contains("invalid peer certificate"), "{error}");
    assert!(error.contains(why), "{error}");
    assert!(
        !error.contains("https://") && !error.contains("/export/"),
        "{error}"
    );
}

#[tokio::test]
async fn files_come_whole_by_https_from_a_host_that_proves_its_name() {
    let ((stage, port), store) = (stage().await, TempDir::new().unwrap());
    let front = Front::start(&stage, port, "localhost").await;
    let worker = worker(&stage, "worker", store.path(), &front.certificates, &[]).await;
    let sent_on = format!("[[fake:download=redirect=localhost:{port}*1]]");
    // At once, from where it broke off, and by a redirect.
    for (id, fault, requests) in [
        ("deck", "", 1),
        ("half", "[[fake:download=half*1]]", 2),
        ("sent-on", &sent_on, 2),
    ] {
        let before = stage.ledger().await.downloads.len();
        let text = format!("text [[fake:size=3000000]] {fault}");
        stage.submit_with(id, "pdf", &text).await;
        let file = stage.completed(id).await;
        assert_eq!(file["error"], Value::Null, "{id}");
        let link = file["url"].as_str().unwrap();
        assert!(link.starts_with(&format!("https://localhost:{port}/")), "{link}");
        let downloads = stage.ledger().await.downloads.split_off(before);
        assert_eq!(downloads.len(), requests, "{id}: {downloads:?}");
        assert!(downloads.iter().all(|it| !it.api_key), "{id}: {downloads:?}");
        stage.assert_copy(&file).await;
    }
    assert_eq!(names(store.path()), ["deck.pdf", "half.pdf", "sent-on.pdf"]);
    stage.assert_honest(3, &[]).await;
    stage.assert_silent(&[&worker], &[]);
}

#[tokio::test]
async fn a_host_that_cannot_prove_its_name_is_asked_for_nothing_and_the_file_waits() {
    let ((stage, port), store) = (stage().await, TempDir::new().unwrap());
    let others = Certificates::new(&["localhost"]);
    let mut workers = Vec::new();
    for (id, name, known, why) in [
        // By another authority, whatever it calls itself.
        ("unknown", "localhost", false, "BadSignature"),
        ("elsewhere", "files.gamma.app", true, "not valid for name"),
    ] {
        let front = Front::start(&stage, port, name).await;
        let trusted = if known { &front.certificates } else { &others };
        let worker = worker(&stage, id, store.path(), trusted, &[]).await;
        stage.submit_with(id, "pdf", "text").await;
        let error = eventually(PATIENCE, "the record says why", || async {
            let said = stage.field(id, "last_error").await;
            if said.contains("certificate") {
                Ok(said)
            } else {
                Err(said)
            }
        })
        .await;
        assert_tells(&error, why);
        stop(&worker).await;
        assert_eq!(stage.field(id, "state").await, "exporting");
        let file = stage.export(id, 0).await;
        assert!(
            file["url"].is_string() && file["stored"].is_null() && file["error"].is_null(),
            "{file}"
        );
        front.stop().await;
        workers.push(worker);
    }
    assert!(stage.ledger().await.downloads.is_empty());
    assert!(names(store.path()).is_empty(), "{:?}", names(store.path()));

    // Once the host has a certificate that is trusted, all is as if nothing had been.
    let front = Front::start(&stage, port, "localhost").await;
    let trusting = worker(&stage, "trusting", store.path(), &front.certificates, &[]).await;
    for id in ["unknown", "elsewhere"] {
        let file = stage.completed(id).await;
        assert_eq!(file["error"], Value::Null, "{id}");
        stage.assert_copy(&file).await;
        assert_eq!(stage.field(id, "last_error").await, "");
    }
    stop(&trusting).await;

    // And where it never gets one, the deck is there all the same.
    let settings = [("EXPORTS__RETRY_FOR", "100ms")];
    let impatient = worker(&stage, "impatient", store.path(), &others, &settings).await;
    stage.submit_with("late", "pdf", "text").await;
    let file = stage.completed("late").await;
    let error = file["error"].as_str().unwrap();
    assert!(
        error.starts_with("not stored within exports.retry_for: "),
        "{error}"
    );
    assert_tells(error, "BadSignature");
    assert_eq!(
        (&file["stored"], &file["bytes"], &file["sha256"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert!(file["url"].is_string(), "whoever reads the result may follow it");
    assert!(stage.result("late").await["gammaUrl"].is_string());
    assert_eq!(names(store.path()), ["elsewhere.pdf", "unknown.pdf"]);
    stage.assert_honest(3, &[]).await;
    workers.extend([trusting, impatient]);
    stage.assert_silent(&workers.iter().collect::<Vec<_>>(), &[]);
}
