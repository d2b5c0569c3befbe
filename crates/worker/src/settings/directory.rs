//! `accounts_dir`: a directory with one file an account. Its name is the account's, its content the key; limit, window
//! and floor may stand in `<name>.toml` beside it.
//!
//! Nothing here remembers anything: one reading is told from the next by whoever asks for both.

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::Path;
use std::time::Duration;

use config::{FileFormat, Source};
use gammaq_job::AccountName;
use secrecy::{ExposeSecret, SecretString};

use super::forms::Form;
use super::keys;
use super::schema::{Key, Setting};
use super::secrets::read_secret;

/// The most accounts of a directory: as many as a claim can name.
pub(crate) const MOST_ACCOUNTS: usize = 1_000;
/// The end of a name whose file has limits.
const LIMITS: &str = ".toml";
/// What editors and copies leave behind, where it could be the name of an account.
const LEFT_BEHIND: [&str; 7] = [".tmp", ".swp", ".swx", ".bak", ".orig", ".part", ".new"];

/// One reading of the directory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Directory {
    /// The accounts that have a file, whatever it holds.
    pub(crate) accounts: BTreeMap<AccountName, Found>,
    /// What is no account: odd names, limits without a key, too many. In order.
    pub(crate) ignored: Vec<String>,
}

/// What the files of one account hold. An error says what is wrong, and nothing of what the file holds.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The key.
    pub(crate) key: Result<SecretString, String>,
    /// Limit, window and floor; the defaults where there is no file for them.
    pub(crate) limits: Result<Limits, String>,
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        let key = |found: &'_ Self| found.key.as_ref().map(|key| key.expose_secret().to_owned()).ok();
        key(self) == key(other)
            && self.key.as_ref().err() == other.key.as_ref().err()
            && self.limits == other.limits
    }
}

/// What an account may start, and when it starts nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) limit: NonZeroU32,
    pub(crate) window: Duration,
    pub(crate) credits_floor: Option<NonZeroU64>,
}

/// Reads all of the directory.
///
/// # Errors
/// Why it can't be read.
pub(crate) fn read_directory(path: &Path) -> Result<Directory, String> {
    let unreadable = |error: std::io::Error| format!("this directory can't be read: {error}");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name());
    }
    names.sort();
    let mut directory = Directory::default();
    for name in &names {
        let Some(text) = name.to_str() else {
            directory.ignored.push(name.to_string_lossy().into_owned());
            continue;
        };
        // Kubernetes' `..data` and the directory behind it, and editors' files: nobody means these.
        if text.starts_with('.') {
            continue;
        }
        let file = path.join(name);
        if let Some(account) = text.strip_suffix(LIMITS) {
            if !names.iter().any(|name| name == account) {
                directory.ignored.push(text.to_owned());
            }
            continue;
        }
        match AccountName::new(text) {
            Ok(account)
                if !LEFT_BEHIND.iter().any(|end| text.ends_with(end))
                    && !file.is_dir()
                    && directory.accounts.len() < MOST_ACCOUNTS =>
            {
                let found = Found {
                    key: read_secret(&file),
                    limits: read_limits(&path.join(format!("{text}{LIMITS}"))),
                };
                directory.accounts.insert(account, found);
            }
            _ => directory.ignored.push(text.to_owned()),
        }
    }
    Ok(directory)
}

fn read_limits(path: &Path) -> Result<Limits, String> {
    let mut limits = Limits {
        limit: default(&keys::ACCOUNT_LIMIT)?,
        window: default(&keys::ACCOUNT_WINDOW)?,
        credits_floor: None,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(limits),
        Err(error) => return Err(format!("its limits can't be read: {error}")),
    };
    // The parser's own words would repeat the file.
    let table = config::File::from_str(&text, FileFormat::Toml)
        .collect()
        .map_err(|_| "its limits are not TOML".to_owned())?;
    for (name, value) in &table {
        match name.as_str() {
            "limit" => limits.limit = read(&keys::ACCOUNT_LIMIT, value)?,
            "window" => limits.window = read(&keys::ACCOUNT_WINDOW, value)?,
            "credits_floor" => limits.credits_floor = Some(read(&keys::ACCOUNT_CREDITS_FLOOR, value)?),
            _ => return Err("its limits have another key than limit, window and credits_floor".to_owned()),
        }
    }
    Ok(limits)
}

fn read<F: Form>(key: &Key<F>, value: &config::Value) -> Result<F::Value, String> {
    key.form.read(&value.kind).map_err(|_| {
        let name = key.path.rsplit('.').next().unwrap_or_default();
        format!("its {name} can't be used; allowed: {}", key.form.allowed())
    })
}

fn default<F: Form>(key: &Key<F>) -> Result<F::Value, String> {
    let default = key.form.typed(key.default.unwrap_or_default());
    let value = key.form.read(&default);
    value.map_err(|_| format!("{} has no default", Setting::path(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(dir: &tempfile::TempDir, name: &str, content: &str) {
        std::fs::write(dir.path().join(name), content).unwrap();
    }

    #[test]
    fn an_account_is_a_file_and_its_limits_stand_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir, "sales", "sk-gamma-sales\n");
        put(
            &dir,
            "sales.toml",
            "limit = 7\nwindow = '10m'\ncredits_floor = 500",
        );
        put(&dir, "ops", "sk-gamma-ops");
        put(&dir, "empty", "");
        put(&dir, "torn", "sk-gamma\nhalf");
        let read = read_directory(dir.path()).unwrap();
        let of = |name: &str| &read.accounts[&AccountName::new(name).unwrap()];
        assert_eq!(
            of("sales").key.as_ref().unwrap().expose_secret(),
            "sk-gamma-sales"
        );
        let limits = of("sales").limits.clone().unwrap();
        assert_eq!((limits.limit.get(), limits.window), (7, Duration::from_secs(600)));
        assert_eq!(limits.credits_floor.unwrap().get(), 500);
        let limits = of("ops").limits.clone().unwrap();
        assert_eq!(
            (limits.limit.get(), limits.window),
            (50, Duration::from_secs(3600))
        );
        assert_eq!(limits.credits_floor, None);
        assert!(of("empty").key.is_err() && of("torn").key.is_err());
        assert!(read.ignored.is_empty(), "{:?}", read.ignored);
    }

    #[test]
    fn what_is_no_account_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".sales.swp",
            "sales~",
            "#sales#",
            "sales.tmp",
            "alone.toml",
            "a b",
            "sales",
        ] {
            put(&dir, name, "sk-gamma-x");
        }
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::fs::create_dir(dir.path().join("..2026")).unwrap();
        let read = read_directory(dir.path()).unwrap();
        assert_eq!(read.accounts.len(), 1);
        assert_eq!(
            read.ignored,
            ["#sales#", "a b", "alone.toml", "folder", "sales.tmp", "sales~"]
        );
    }

    /// As Kubernetes mounts a secret: each name a link through `..data`, which is what is swapped.
    #[cfg(unix)]
    #[test]
    fn links_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let link = |from: &str, to: &str| std::os::unix::fs::symlink(to, dir.path().join(from)).unwrap();
        for (folder, key) in [("..one", "sk-gamma-1"), ("..two", "sk-gamma-2")] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join("sales"), key).unwrap();
        }
        link("..data", "..one");
        link("sales", "..data/sales");
        let before = read_directory(dir.path()).unwrap();
        link("..swap", "..two");
        std::fs::rename(dir.path().join("..swap"), dir.path().join("..data")).unwrap();
        let after = read_directory(dir.path()).unwrap();
        assert_ne!(before, after);
        let key = after.accounts.values().next().unwrap().key.clone().unwrap();
        assert_eq!(key.expose_secret(), "sk-gamma-2");
        assert_eq!(after, read_directory(dir.path()).unwrap());
    }

    #[test]
    fn limits_that_are_wrong_are_an_error_that_shows_nothing_of_them() {
        for (text, says) in [
            ("limit = 0", "limit can't be used"),
            ("window = 5", "window can't be used"),
            ("credits_floor = 'sk-gamma-x'", "credits_floor can't be used"),
            ("api_key = 'sk-gamma-x'", "another key than"),
            ("sk-gamma-x", "not TOML"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            put(&dir, "a.toml", text);
            let error = read_limits(&dir.path().join("a.toml")).unwrap_err();
            assert!(
                error.contains(says) && !error.contains("sk-gamma"),
                "{text}: {error}"
            );
        }
    }
}
