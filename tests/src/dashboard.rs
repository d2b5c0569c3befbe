//! A dashboard with something on every page, and programs that ask it.

use std::path::PathBuf;

use gammaq_testkit::Process;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{PATIENCE, Stage, admin};

/// What is asked for.
pub const TOKEN: &str = "correct-horse-battery-staple";

/// A stage with a worker that serves a dashboard.
#[derive(Debug)]
pub struct Shown {
    /// Redis and the fake.
    pub stage: Stage,
    /// The worker.
    pub worker: Process,
    /// `127.0.0.1:<port>`.
    pub address: String,
}

impl Shown {
    /// With the token, or without one.
    pub async fn start(with_token: bool) -> Self {
        let stage = Stage::start(&["--generation-time", "100ms"]).await;
        Self::on(stage, with_token).await
    }

    /// The same on this stage.
    pub async fn on(stage: Stage, with_token: bool) -> Self {
        let file = token_file(&stage);
        let mut settings = vec![
            ("ADMIN__LISTEN", "127.0.0.1:0"),
            ("ACCOUNTS__DEFAULT__LIMIT", "50"),
        ];
        let path = file.display().to_string();
        if with_token {
            settings.push(("ADMIN__TOKEN_FILE", &path));
        }
        let worker = stage.worker("worker", &settings).await;
        let address = admin::address(&worker).await;
        Self {
            stage,
            worker,
            address,
        }
    }

    /// A job whose answer was lost: parked, with a generation at the fake's that no record has.
    pub async fn park(&self, id: &str) {
        self.stage.submit(id, "text [[fake:post=lost_after*1]]").await;
        self.stage.until(id, "ambiguous").await;
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks as a program does: `headers` are lines, without the host's where they name one.
    pub async fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        ask(&self.address, method, path, headers, body).await
    }

    /// The page to whoever is on this machine.
    pub async fn page(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Signs in; answers the cookie as a header, and what forms carry.
    ///
    /// # Panics
    /// Where it isn't let in.
    pub async fn sign_in(&self, name: &str) -> (String, String) {
        let origin = format!("Origin: http://{}", self.address);
        let body = format!("token={TOKEN}&name={name}&next=/parked");
        let answer = self.ask("POST", "/sign-in", &[&origin], &body).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/parked")),
            "{answer:?}"
        );
        let cookie = answer.header("set-cookie").unwrap_or_default();
        let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap_or_default());
        let page = self.ask("GET", "/", &[&cookie], "").await;
        let key = page
            .body
            .split("name=\"form_key\" value=\"")
            .nth(1)
            .unwrap_or_default();
        let key = key.split('"').next().unwrap_or_default().to_owned();
        assert_eq!(key.len(), 64, "{page:?}");
        (cookie, key)
    }
}

fn token_file(stage: &Stage) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = stage.redis.dir().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).expect("the token is written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("for nobody else");
    path
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    head: String,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

/// Asks for something over a connection of its own.
///
/// # Panics
/// Where no answer comes.
pub async fn ask(address: &str, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.expect("the worker listens");
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        if !headers.iter().any(|line| line.starts_with("Host:")) {
            request += &format!("Host: {address}\r\n");
        }
        if !body.is_empty() {
            request += "Content-Type: application/x-www-form-urlencoded\r\n";
        }
        for line in headers {
            request += &format!("{line}\r\n");
        }
        request += "\r\n";
        request += body;
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the worker reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the worker answers");
        String::from_utf8(answer).expect("text")
    };
    let answer = tokio::time::timeout(PATIENCE, asked)
        .await
        .expect("an answer in time");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer {
        status: status.expect("an answer has a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
