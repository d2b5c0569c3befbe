//! Copies in a container of Azure, against a server of another making that speaks it (azurite, by `make setup-azure`). It takes some
//! hundred megabytes and Node, so these tests run by `make test-azure` alone.

#![expect(clippy::unwrap_used, reason = "what a test can't set up or read ends it")]

use gammaq_testkit::{Process, Signal, eventually};
use gammaq_tests::{PATIENCE, Stage};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::buckets::{assert_bytes, in_target, inside};
use crate::downloads::FAKE;

/// Makes a container that anybody may read; signed with the key that is the same for every such server.
const MAKE: &str = r#"
import base64, hashlib, hmac, sys, urllib.request
from email.utils import formatdate
key = base64.b64decode("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")
account, (url, name) = "devstoreaccount1", sys.argv[1:]
headers = {"x-ms-blob-public-access": "container", "x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
said = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
signed = "PUT" + "\n" * 12 + said + f"/{account}/{account}/{name}\nrestype:container"
mark = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
headers["Authorization"] = f"SharedKey {account}:{mark}"
urllib.request.urlopen(urllib.request.Request(f"{url}/{account}/{name}?restype=container", method="PUT", headers=headers))
"#;

/// A server with one container, `decks`.
struct Azure {
    _server: Process,
    address: String,
}

impl Azure {
    async fn start() -> Self {
        let program = in_target(
            "azure/node_modules/azurite/dist/src/blob/main.js",
            "make setup-azure",
        );
        let server = Process::builder("node")
            .name("azure")
            .arg(program)
            .args(["--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry"])
            .args(["--skipApiVersionCheck", "--silent"])
            .spawn();
        let line = server
            .wait_line("successfully listens on http://", PATIENCE)
            .await;
        let address = line.rsplit("http://").next().unwrap().trim().to_owned();
        let url = format!("http://{address}");
        let made = Process::builder("python3")
            .args(["-c", MAKE, &url, "decks"])
            .run(PATIENCE)
            .await;
        assert!(made.status.success(), "{made:?}");
        Self {
            _server: server,
            address,
        }
    }

    /// By HTTP/1.0, so that nothing comes in chunks.
    async fn get(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let request = format!(
            "GET /devstoreaccount1/{path} HTTP/1.0\r\nhost: {}\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let head = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let said = String::from_utf8_lossy(&answer[..head]).into_owned();
        assert_eq!(said.split(' ').nth(1), Some("200"), "{path}: {said}");
        answer.split_off(head + 4)
    }

    async fn names(&self) -> Vec<String> {
        let list = self.get("decks?restype=container&comp=list").await;
        let list = String::from_utf8(list).unwrap();
        inside(&list, "Name").map(str::to_owned).collect()
    }

    fn worker(&self, stage: &Stage, name: &str, more: &[(&str, &str)]) -> Process {
        let prepare = format!(
            "export AZURE_STORAGE_USE_EMULATOR=true AZURITE_BLOB_STORAGE_URL=http://{}",
            self.address
        );
        let mut settings = vec![
            ("EXPORTS__STORE", "az://decks/of/today"),
            ("EXPORTS__KEEP_FILES", "false"),
            ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1"),
        ];
        settings.extend_from_slice(more);
        stage.spawn_worker_after(&prepare, name, &settings)
    }
}

#[tokio::test]
#[ignore = "make test-azure installs the server for it"]
async fn files_are_kept_in_a_container_of_azure_and_go_with_their_jobs() {
    let (stage, azure) = (Stage::start(FAKE).await, Azure::start().await);
    let worker = azure.worker(&stage, "worker", &[]);
    // One call, more than one part, one that breaks off when a part is there, and one that is no file.
    for (id, text) in [
        ("small", "text [[fake:size=300000]]"),
        ("large", "text [[fake:size=16000000]]"),
        ("half", "text [[fake:size=12000000]] [[fake:download=half*1]]"),
        ("page", "text [[fake:download=wrong_type]]"),
    ] {
        stage.submit_with(id, "pdf", text).await;
        stage.until(id, "completed").await;
    }
    assert!(stage.export("page", 0).await["error"].is_string());
    for id in ["small", "large", "half"] {
        let file = stage.export(id, 0).await;
        assert_eq!(
            (&file["error"], file["stored"].as_str()),
            (&Value::Null, Some(&*format!("az://decks/of/today/{id}.pdf")))
        );
        let copy = azure.get(&format!("decks/of/today/{id}.pdf")).await;
        assert_bytes(&stage, id, copy).await;
    }
    assert_eq!(
        azure.names().await,
        ["of/today/half.pdf", "of/today/large.pdf", "of/today/small.pdf"]
    );
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());

    // `page` is the newest and stays, without a file; then `half`.
    let worker = azure.worker(&stage, "frugal", &[("RESULTS__MAX_JOBS", "2")]);
    eventually(PATIENCE, "two jobs are left", || async {
        let left = stage.number("ZCARD", "completed").await;
        if left == 2 { Ok(()) } else { Err(left) }
    })
    .await;
    assert_eq!(azure.names().await, ["of/today/half.pdf"]);
    stage.assert_silent(&[&worker], &[]);
    worker.signal(Signal::TERM);
    assert!(worker.wait(PATIENCE).await.success());
}
