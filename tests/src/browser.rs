//! A headless Chromium, driven through its DevTools protocol over a pipe: no port, no driver, no client but the few lines
//! here. It has a profile of its own, and ends with the value that started it, with all its processes.

mod pipe;
mod tab;

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

use gammaq_testkit::eventually;
use pipe::Pipe;
use serde_json::json;
pub use tab::Tab;

use crate::PATIENCE;

/// Reaches nothing but this machine, remembers nothing, asks nobody.
const FLAGS: [&str; 16] = [
    "--headless=new",
    // Tests may run as root, which its sandbox refuses.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
];

/// A browser.
#[derive(Debug)]
pub struct Browser {
    child: std::process::Child,
    pipe: Arc<Pipe>,
    profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// Where there is no `chromium`: `make setup-chromium` installs it.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let log = std::fs::File::create(profile.path().join("stderr")).expect("a file for its words");
        // It speaks on the file descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .env("XDG_CONFIG_HOME", profile.path())
            .env("XDG_CACHE_HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("a shell");
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let pipe = Arc::new(Pipe::new(to.expect("piped"), from.expect("piped")));
        let browser = Self { child, pipe, profile };
        let version = eventually(
            PATIENCE,
            "chromium answers (make setup-chromium installs it)",
            || async {
                browser
                    .pipe
                    .call(None, "Browser.getVersion", json!({}))
                    .await
                    .map_err(|error| {
                        let said = std::fs::read_to_string(browser.profile.path().join("stderr"));
                        format!("{error}; {}", said.unwrap_or_default())
                    })
            },
        )
        .await;
        assert!(version["product"].is_string(), "{version}");
        browser
    }

    /// An empty tab.
    pub async fn tab(&self) -> Tab {
        let call = |method: &'static str, params| self.pipe.call(None, method, params);
        let made = call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let target = made.expect("a tab")["targetId"].clone();
        let attached = call(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        )
        .await;
        let session = attached.expect("a session")["sessionId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Tab::new(Arc::clone(&self.pipe), session).await
    }

    /// Ends it, and sees that it did, with its profile gone.
    ///
    /// # Panics
    /// Where it doesn't end.
    pub async fn end(mut self) {
        // It may be gone before it has answered.
        let _ = self.pipe.call(None, "Browser.close", json!({})).await;
        eventually(PATIENCE, "chromium ends", || {
            let ended = self.child.try_wait().is_ok_and(|status| status.is_some());
            async move { ended }
        })
        .await;
        let path = self.profile.path().to_owned();
        drop(self);
        assert!(!path.exists(), "{} is left behind", path.display());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.child);
        // All of its processes; none may be left, and that is well.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}
