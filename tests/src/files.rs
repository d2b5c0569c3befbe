//! Files of decks: jobs that want some, and what the fake has behind their links.

use std::path::Path;
use std::process::Command;

use gammaq_testkit::Process;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Stage;

impl Stage {
    /// A job that wants files.
    pub async fn submit_with(&self, id: &str, exports: &str, text: &str) {
        let request = json!({ "inputText": text, "title": id, "textMode": "generate" }).to_string();
        self.xadd(&[("id", id), ("exports", exports), ("request", &request)])
            .await;
    }

    /// One wanted file, as the result has it.
    pub async fn export(&self, id: &str, number: usize) -> Value {
        self.result(id).await["exports"][number].clone()
    }

    /// A worker that keeps copies in this directory. The fake is allowed outright: it is on the loopback.
    pub async fn storing(&self, name: &str, directory: &Path, more: &[(&str, &str)]) -> Process {
        let store = format!("file://{}", directory.display());
        let mut settings = vec![
            ("EXPORTS__STORE", store.as_str()),
            ("EXPORTS__KEEP_FILES", "false"),
            ("EXPORTS__ALLOWED_HOSTS", "127.0.0.1,*.gamma.app"),
            ("EXPORTS__MIN_FREE", "1 MiB"),
        ];
        settings.extend_from_slice(more);
        self.worker(name, &settings).await
    }

    /// The bytes behind a link, as the fake sends them.
    pub async fn behind(&self, link: &str) -> Vec<u8> {
        let path = link.splitn(4, '/').nth(3).expect("an absolute link");
        let mut stream = TcpStream::connect(self.fake_address()).await.expect("the fake");
        let request = format!("GET /{path} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let head = answer
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .expect("a head");
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..head])
        );
        answer.split_off(head + 4)
    }

    /// Asserts that the copy is what the fake has, and that its size and checksum are right.
    pub async fn assert_copy(&self, file: &Value) {
        let path = file["stored"]
            .as_str()
            .and_then(|url| url.strip_prefix("file://"))
            .expect("a copy in a directory")
            .to_owned();
        let copy = std::fs::read(&path).expect("the copy");
        assert!(
            copy == self.behind(file["url"].as_str().expect("a link")).await,
            "{path} is another file"
        );
        assert_eq!(file["bytes"], copy.len() as u64);
        let said = Command::new("sha256sum").arg(&path).output().expect("sha256sum");
        let said = String::from_utf8(said.stdout).expect("text");
        assert_eq!(file["sha256"], said.split_whitespace().next().unwrap_or_default());
    }

    /// The first file of a job, once that is completed.
    pub async fn completed(&self, id: &str) -> Value {
        self.until(id, "completed").await;
        self.export(id, 0).await
    }
}
