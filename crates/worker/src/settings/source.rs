//! Where settings come from, as they are handed in.

use std::fmt;
use std::path::PathBuf;

use super::shown::shown_key;

/// Where settings come from: a file, under environment variables, under flags.
///
/// `Debug` shows names alone, since a value may be a key.
#[derive(Clone, Default)]
pub struct Source {
    /// The file that `--config` names; it must exist. Without it `config/gammaq.toml` below the working directory is
    /// read if there is one.
    pub config_file: Option<PathBuf>,
    /// Environment variables, names with values. `GAMMAQ__SECTION__KEY` sets `section.key` and
    /// `GAMMAQ__ACCOUNTS__NAME__KEY` sets `accounts.name.key`, in lower case; a list has commas. `REDIS_URL` is short
    /// for `redis.url` and `GAMMA_API_KEY` for `accounts.default.api_key`; where the long form is there too, it wins.
    /// An empty variable counts as none; any other name is ignored.
    pub environment: Vec<(String, String)>,
    /// What flags say.
    pub overrides: Overrides,
}

impl Source {
    /// With the environment of this process.
    pub fn from_process(config_file: Option<PathBuf>, overrides: Overrides) -> Self {
        // Only what may concern the settings is taken along. `vars` would panic at a value that is not Unicode.
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("GAMMAQ_") || name == REDIS_URL || name == GAMMA_API_KEY)
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self {
            config_file,
            environment,
            overrides,
        }
    }
}

/// Short for `GAMMAQ__REDIS__URL`.
pub(super) const REDIS_URL: &str = "REDIS_URL";
/// Short for `GAMMAQ__ACCOUNTS__DEFAULT__API_KEY`.
pub(super) const GAMMA_API_KEY: &str = "GAMMA_API_KEY";

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("Source")
            .field("config_file", &self.config_file)
            .field("environment", &names)
            .field("overrides", &self.overrides)
            .finish()
    }
}

/// Settings given by flags, the later of two winning. `Debug` shows keys alone, since a value may be an API key.
#[derive(Clone, Default)]
pub struct Overrides(Vec<Override>);

#[derive(Clone)]
pub(super) struct Override {
    /// The flag as it was written, for problems: `--queue`.
    pub(super) flag: String,
    pub(super) key: String,
    /// None where the flag should have had `key=value` and had no `=`.
    pub(super) value: Option<String>,
}

impl Overrides {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a flag says: `set("--queue", "redis.queue", "main")`.
    pub fn set(&mut self, flag: &str, key: &str, value: &str) {
        self.0.push(Override {
            flag: flag.to_owned(),
            key: key.to_owned(),
            value: Some(value.to_owned()),
        });
    }

    /// Adds an assignment, `poll.interval=10s`, that a flag such as `--set` has. One without `=` is reported with the
    /// other problems when the settings are loaded.
    pub fn assign(&mut self, flag: &str, assignment: &str) {
        let (key, value) = match assignment.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim().to_owned())),
            None => (assignment, None),
        };
        self.0.push(Override {
            flag: flag.to_owned(),
            key: key.to_owned(),
            value,
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Override> {
        self.0.iter()
    }
}

impl fmt::Debug for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a = the "key" may be anything; an API key may end with one.
        f.debug_list()
            .entries(
                self.0
                    .iter()
                    .filter(|given| given.value.is_some())
                    .map(|given| shown_key(&given.key)),
            )
            .finish()
    }
}
