//! The settings of callbacks, with their secrets.

use super::keys;
use super::load::{Loader, Purpose};
use super::secrets::{is_open_to_all, read_text};
use super::sections::CallbackSettings;
use crate::callbacks::SigningKeys;

impl Loader {
    pub(super) fn callbacks(&mut self) -> Option<CallbackSettings> {
        let keys = self.signing_keys();
        let r = &mut self.reader;
        let tls_ca_file = r.value(&keys::CALLBACKS_TLS_CA_FILE);
        if let Some(file) = &tls_ca_file
            && let Err(error) = std::fs::read(file)
        {
            let what = format!("this file can't be read: {error}");
            r.refuse(&keys::CALLBACKS_TLS_CA_FILE, None, what);
        }
        Some(CallbackSettings {
            keys,
            allowed_hosts: r.value(&keys::CALLBACKS_ALLOWED_HOSTS).unwrap_or_default(),
            tls_ca_file,
            timeout: r.value(&keys::CALLBACKS_TIMEOUT)?,
            per_host: r.value(&keys::CALLBACKS_PER_HOST)?,
            retry_first: r.value(&keys::CALLBACKS_RETRY_FIRST)?,
            retry_most: r.value(&keys::CALLBACKS_RETRY_MOST)?,
            retry_for: r.value(&keys::CALLBACKS_RETRY_FOR)?,
        })
    }

    /// What a client has no use for isn't read.
    fn signing_keys(&mut self) -> Option<SigningKeys> {
        let path = self.reader.value(&keys::CALLBACKS_SECRET_FILE)?;
        if self.purpose == Purpose::Client {
            return None;
        }
        if is_open_to_all(&path) {
            self.reader.warn(format!(
                "everybody can read the file of callbacks.secret_file, {}",
                path.display()
            ));
        }
        match read_text(&path).and_then(|text| SigningKeys::parse(&text)) {
            Ok(keys) => Some(keys),
            Err(what) => {
                self.reader.refuse(&keys::CALLBACKS_SECRET_FILE, None, what);
                None
            }
        }
    }
}
