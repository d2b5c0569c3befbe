//! The keys that this worker has, account by account. They come, change and go while it runs.
//!
//! A request takes its account's key when it begins and keeps it to its end; the next one takes the key that is there
//! by then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use gammaq_gamma::{Target, TargetError, Url};
use gammaq_queue::claim::Claimed;
use secrecy::SecretString;

/// The keys of a worker. `Debug` shows none.
#[derive(Debug)]
pub(crate) struct Keyring {
    base_url: Url,
    keys: RwLock<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    held: BTreeMap<String, Held>,
    /// Accounts that are this worker's and have no key at present: their jobs are left to others.
    missing: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Held {
    key: SecretString,
    target: Target,
}

impl Keyring {
    /// A keyring for this Gamma, with no key on it.
    pub(crate) fn new(base_url: Url) -> Self {
        Self {
            base_url,
            keys: RwLock::default(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the account's requests go with this key.
    ///
    /// # Errors
    /// Where it can't stand in a header; the key before it stays.
    pub(crate) fn put(&self, account: &str, key: SecretString) -> Result<(), TargetError> {
        let target = Target::new(&self.base_url, &key)?;
        let mut keys = self.write();
        keys.missing.remove(account);
        keys.held.insert(account.to_owned(), Held { key, target });
        Ok(())
    }

    /// From now on the account has no key here.
    pub(crate) fn take_away(&self, account: &str) {
        let mut keys = self.write();
        keys.held.remove(account);
        keys.missing.insert(account.to_owned());
    }

    /// Whether there is a key for the account.
    pub(crate) fn has(&self, account: &str) -> bool {
        self.read().held.contains_key(account)
    }

    /// The accounts that are this worker's, with a key or without.
    pub(crate) fn names(&self) -> Vec<String> {
        let keys = self.read();
        keys.held.keys().chain(&keys.missing).cloned().collect()
    }

    /// The accounts that should have a key here and have none.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.read().missing.iter().cloned().collect()
    }

    /// Where a job goes: with its account's key, and a look to where it was submitted.
    ///
    /// A record is no place to learn a host from that gets an API key: one that is neither the configured host nor
    /// Gamma's own is not asked, and the configured one is.
    pub(crate) fn target(&self, job: &Claimed) -> Option<Target> {
        let keys = self.read();
        let held = keys.held.get(&job.account)?;
        let configured = held.target.base_url();
        if job.generation_id.is_empty() || job.base_url == configured.as_str().trim_end_matches('/') {
            return Some(held.target.clone());
        }
        let former = job
            .base_url
            .parse::<Url>()
            .ok()
            .filter(|url| may_have_key(url, configured));
        let former = former.and_then(|url| Target::new(&url, &held.key).ok());
        if former.is_none() {
            tracing::warn!(
                id = job.id,
                "its base URL is not one that may be given a key: the configured one is asked"
            );
        }
        former.or_else(|| Some(held.target.clone()))
    }
}

/// Whether a base URL out of a record may be given an account's key.
fn may_have_key(url: &Url, configured: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let gammas = url.scheme() == "https" && (host == "gamma.app" || host.ends_with(".gamma.app"));
    gammas
        || (url.host_str() == configured.host_str()
            && (url.scheme() == configured.scheme() || url.scheme() == "https"))
}
