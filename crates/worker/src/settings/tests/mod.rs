//! The settings as a whole, from the layers to the checked sections.

mod callbacks;
mod layering;
mod not_yet;
mod reference;
mod secrecy;
mod values;

use std::path::Path;

use super::load::{Purpose, load};
use super::schema::{NOT_YET, NotYet};
use super::{Overrides, Problems, Settings, Source};

/// A source of settings in the making. It reads no file but the one that it is given.
pub(super) struct Given {
    source: Source,
    dir: tempfile::TempDir,
}

impl Given {
    /// Nothing at all.
    pub(super) fn nothing() -> Self {
        Self {
            source: Source::default(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// One account, so that a worker may start.
    pub(super) fn account() -> Self {
        Self::nothing().env("GAMMA_API_KEY", "key-of-the-default-account")
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.source.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn set(mut self, key: &str, value: &str) -> Self {
        self.source.overrides.set("--set", key, value);
        self
    }

    pub(super) fn assign(mut self, assignment: &str) -> Self {
        self.source.overrides.assign("--set", assignment);
        self
    }

    /// The file that `--config` names.
    pub(super) fn file(mut self, toml: &str) -> Self {
        self.source.config_file = Some(self.put("named.toml", toml));
        self
    }

    /// Puts a file into the test's own directory.
    pub(super) fn put(&self, name: &str, content: &str) -> std::path::PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub(super) fn load_as(&self, purpose: Purpose, not_yet: &[NotYet]) -> Result<Settings, Problems> {
        load(
            &self.source,
            &self.dir.path().join("default.toml"),
            purpose,
            not_yet,
        )
    }

    pub(super) fn worker(&self) -> Result<Settings, Problems> {
        self.load_as(Purpose::Worker, NOT_YET)
    }

    pub(super) fn client(&self) -> Result<Settings, Problems> {
        self.load_as(Purpose::Client, NOT_YET)
    }

    /// As it will be when everything is built.
    pub(super) fn complete(&self) -> Result<Settings, Problems> {
        self.load_as(Purpose::Worker, &[])
    }
}

/// The problems, one line each, without the directory of the test.
pub(super) fn lines(given: &Given, loaded: Result<Settings, Problems>) -> Vec<String> {
    let problems = match loaded {
        Ok(_) => return Vec::new(),
        Err(problems) => problems.to_string(),
    };
    let dir = format!("{}/", given.dir.path().display());
    problems.lines().map(|line| line.replace(&dir, "")).collect()
}

#[test]
fn a_process_gives_what_concerns_the_settings_and_nothing_else() {
    let source = Source::from_process(Some(Path::new("x.toml").to_owned()), Overrides::new());
    assert!(
        source
            .environment
            .iter()
            .all(|(name, _)| name.starts_with("GAMMA") || name == "REDIS_URL")
    );
    assert_eq!(source.config_file.as_deref(), Some(Path::new("x.toml")));
}
