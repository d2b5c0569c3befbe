//! Who is called back: a server in Python that verifies with the published library, `tests/receiver/receiver.py`.

use std::path::{Path, PathBuf};

use gammaq_testkit::{Certificates, Process, eventually, gammaq_bin};
use serde_json::Value;

use crate::{PATIENCE, Stage};

/// The secret that the receiver knows; the example of the specification.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Another one.
pub const OTHER_SECRET: &str = "whsec_bm90LXRoZS1zZWNyZXQtb2YtdGhlLXJlY2VpdmVy";

/// A receiver at every address of this machine, on a port of its own.
#[derive(Debug)]
pub struct Receiver {
    /// Its process.
    pub process: Process,
    port: u16,
    certificates: Certificates,
    secrets: tempfile::TempDir,
}

/// Python with the library: what `make setup-receiver` makes, beside the binary's directory.
fn python() -> PathBuf {
    let beside = gammaq_bin();
    let found = beside
        .ancestors()
        .map(|dir| dir.join("receiver/bin/python"))
        .find(|path| path.is_file());
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/receiver/bin/python");
    let python = found.unwrap_or(here);
    assert!(
        python.is_file(),
        "no receiver: `make setup-receiver` makes {}",
        python.display()
    );
    python
}

impl Receiver {
    /// Starts one, and waits until it listens.
    pub async fn start() -> Self {
        let certificates = Certificates::new(&["127.0.0.1", "127.0.0.2", "localhost"]);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("receiver/receiver.py");
        let process = Process::builder(python())
            .name("receiver")
            .arg(script)
            .arg("--certificate")
            .arg(certificates.certificate())
            .arg("--key")
            .arg(certificates.key())
            .env("RECEIVER_SECRET", SECRET)
            .spawn();
        let line = process.wait_line("listening on ", PATIENCE).await;
        let port = line.rsplit(' ').next().and_then(|port| port.trim().parse().ok());
        let secrets = tempfile::tempdir().expect("a directory for secrets");
        let receiver = Self {
            process,
            port: port.expect("the receiver says its port"),
            certificates,
            secrets,
        };
        receiver.put_secrets(SECRET);
        receiver
    }

    /// What workers sign with from their next start on.
    pub fn put_secrets(&self, text: &str) {
        std::fs::write(self.secrets.path().join("secrets"), text).expect("the secrets are written");
    }

    /// `https://127.0.0.1:<port>/<path>`, a host that workers are allowed to call.
    pub fn url(&self, path: &str) -> String {
        self.url_at("127.0.0.1", path)
    }

    /// The same at another name or address of this machine.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}/{path}", self.port)
    }

    /// Settings of a worker that calls quickly, and gives up after some seconds.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |path: PathBuf| path.display().to_string();
        vec![
            (
                "CALLBACKS__SECRET_FILE",
                path(self.secrets.path().join("secrets")),
            ),
            ("CALLBACKS__TLS_CA_FILE", path(self.certificates.authority())),
            ("CALLBACKS__ALLOWED_HOSTS", "127.0.0.1".to_owned()),
            ("CALLBACKS__TIMEOUT", "700ms".to_owned()),
            ("CALLBACKS__RETRY_FIRST", "100ms".to_owned()),
            ("CALLBACKS__RETRY_MOST", "200ms".to_owned()),
            ("CALLBACKS__RETRY_FOR", "6s".to_owned()),
        ]
    }

    /// What arrived on a path so far, in order.
    pub fn received(&self, path: &str) -> Vec<Value> {
        let lines = self.process.lines();
        let all = lines.iter().filter_map(|line| line.split_once("received "));
        all.filter_map(|(_, json)| serde_json::from_str::<Value>(json).ok())
            .filter(|it| it["path"] == format!("/{path}"))
            .collect()
    }

    /// Waits until so many arrived on a path.
    pub async fn until(&self, path: &str, count: usize) -> Vec<Value> {
        eventually(PATIENCE, &format!("{count} callbacks to {path}"), || async {
            let received = self.received(path);
            if received.len() >= count {
                Ok(received)
            } else {
                Err(received.len())
            }
        })
        .await
    }
}

impl Stage {
    /// A worker that calls back.
    pub async fn calling_worker(
        &self,
        name: &str,
        receiver: &Receiver,
        settings: &[(&str, &str)],
    ) -> Process {
        let own = receiver.settings();
        let mut all: Vec<(&str, &str)> = own.iter().map(|(key, value)| (*key, value.as_str())).collect();
        all.extend(settings);
        self.worker(name, &all).await
    }

    /// A job with this id that is called back at `url`.
    pub async fn submit_with_callback(&self, id: &str, url: &str) {
        let request = serde_json::json!({ "inputText": "text", "title": id, "textMode": "generate" });
        let request = request.to_string();
        self.xadd(&[("id", id), ("callback", url), ("request", &request)])
            .await;
    }

    /// Waits until the job's callback is `status`.
    pub async fn until_callback(&self, id: &str, status: &str) {
        eventually(PATIENCE, &format!("the callback of {id} is {status}"), || async {
            let seen = self.field(id, "callback_status").await;
            if seen == status {
                Ok(())
            } else {
                Err(format!("{seen}: {}", self.field(id, "callback_error").await))
            }
        })
        .await;
    }
}
