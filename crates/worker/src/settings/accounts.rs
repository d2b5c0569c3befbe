//! The accounts, and secrets that stand in files.

use std::collections::BTreeMap;
use std::path::Path;

use gammaq_job::AccountName;
use secrecy::{ExposeSecret, SecretString};

use super::directory::read_directory;
use super::forms::{FilePath, NAME_ALLOWED};
use super::keys;
use super::load::{Loader, Purpose};
use super::problems::Problem;
use super::reader::label;
use super::schema::Key;
use super::secrets::{is_open_to_all, read_secret};
use super::sections::AccountSettings;

impl Loader {
    pub(super) fn accounts(&mut self, directory: Option<&Path>) -> BTreeMap<AccountName, AccountSettings> {
        let names = self.reader.accounts();
        if names.is_empty() && directory.is_none() && self.purpose == Purpose::Worker {
            let what = "a worker needs an account: set GAMMA_API_KEY, or accounts.default.api_key_file";
            self.reader.problems.push(Problem::new("accounts", what));
        }
        let mut accounts = BTreeMap::new();
        for name in &names {
            let account = self.account(name);
            match (AccountName::new(name.as_str()), account) {
                (Ok(name), Some(account)) => _ = accounts.insert(name, account),
                (Ok(_), None) => {}
                (Err(_), _) => {
                    let what = format!("not the name of an account; allowed: {NAME_ALLOWED}");
                    self.reader
                        .problems
                        .push(Problem::new(format!("accounts.{name}"), what));
                }
            }
        }
        if let Some(directory) = directory
            && self.purpose == Purpose::Worker
        {
            self.accounts_in(directory, &mut accounts);
        }
        self.warn_of_shared_keys(&accounts);
        accounts
    }

    /// Adds the accounts of `accounts_dir` that have a usable key. The others are no reason not to start: their files
    /// may still be written, and are read again.
    fn accounts_in(&mut self, directory: &Path, accounts: &mut BTreeMap<AccountName, AccountSettings>) {
        let read = match read_directory(directory) {
            Ok(read) => read,
            Err(what) => return self.reader.refuse(&keys::ACCOUNTS_DIR, None, what),
        };
        let open: Vec<_> = read
            .accounts
            .keys()
            .filter(|name| is_open_to_all(&directory.join(name.as_str())))
            .map(AccountName::as_str)
            .collect();
        if !open.is_empty() {
            let open = open.join(", ");
            self.reader
                .warn(format!("everybody can read files of accounts_dir: {open}"));
        }
        for (name, found) in read.accounts {
            // Where the settings have the name, too, they count, and the watch over the directory says so.
            if let (Ok(api_key), Ok(limits)) = (found.key, found.limits)
                && !accounts.contains_key(&name)
            {
                let account = AccountSettings {
                    api_key,
                    limit: limits.limit,
                    window: limits.window,
                    credits_floor: limits.credits_floor,
                    in_directory: true,
                };
                accounts.insert(name, account);
            }
        }
    }

    /// Checks all of an account. A client gets none.
    fn account(&mut self, name: &str) -> Option<AccountSettings> {
        let account = Some(name);
        let limit = self.reader.value_of(&keys::ACCOUNT_LIMIT, account);
        let window = self.reader.value_of(&keys::ACCOUNT_WINDOW, account);
        let credits_floor = self.reader.value_of(&keys::ACCOUNT_CREDITS_FLOOR, account);
        let api_key = self.api_key(name);
        Some(AccountSettings {
            api_key: api_key?,
            limit: limit?,
            window: window?,
            credits_floor,
            in_directory: false,
        })
    }

    fn api_key(&mut self, name: &str) -> Option<SecretString> {
        let account = Some(name);
        let written = self.reader.written(&keys::ACCOUNT_API_KEY, account).is_some();
        let in_file = self
            .reader
            .written(&keys::ACCOUNT_API_KEY_FILE, account)
            .is_some();
        let origin = self
            .reader
            .written(&keys::ACCOUNT_API_KEY, account)
            .and_then(|key| key.origin())
            .map(str::to_owned);
        match (written, in_file) {
            (true, true) => {
                self.reader.refuse(
                    &keys::ACCOUNT_API_KEY,
                    account,
                    "there is an api_key_file too; one of them is wanted",
                );
                None
            }
            (false, false) if self.purpose == Purpose::Worker => {
                let what = "an account needs its api_key or its api_key_file";
                self.reader
                    .problems
                    .push(Problem::new(label(&keys::ACCOUNT_API_KEY, account), what));
                None
            }
            (false, true) => self.secret_in(&keys::ACCOUNT_API_KEY_FILE, account),
            _ => {
                let key = self.reader.value_of(&keys::ACCOUNT_API_KEY, account);
                if let Some(file) = &self.file
                    && origin.is_some_and(|origin| origin == file.display().to_string())
                    && is_open_to_all(file)
                {
                    let key = label(&keys::ACCOUNT_API_KEY, account);
                    self.reader
                        .warn(format!("everybody can read {}, which has {key}", file.display()));
                }
                key.filter(|_| self.purpose == Purpose::Worker)
            }
        }
    }

    /// The secret in the file that `key` names. None where there is none, where it is wrong, and for a client.
    pub(super) fn secret_in(&mut self, key: &Key<FilePath>, account: Option<&str>) -> Option<SecretString> {
        let path = self.reader.value_of(key, account)?;
        if self.purpose == Purpose::Client {
            return None;
        }
        if is_open_to_all(&path) {
            let label = label(key, account);
            self.reader.warn(format!(
                "everybody can read the file of {label}, {}",
                path.display()
            ));
        }
        match read_secret(&path) {
            Ok(secret) => Some(secret),
            Err(what) => {
                self.reader.refuse(key, account, what);
                None
            }
        }
    }

    /// A key under two names has two budgets here, and one at Gamma.
    fn warn_of_shared_keys(&mut self, accounts: &BTreeMap<AccountName, AccountSettings>) {
        let mut seen = BTreeMap::new();
        for (name, account) in accounts {
            if let Some(first) = seen.insert(account.api_key.expose_secret(), name) {
                self.reader.warn(format!(
                    "accounts {first} and {name} have the same key, so its budget counts twice"
                ));
            }
        }
    }
}
