//! What a setting is, and the settings that this version can't honour yet.

use config::ValueKind;

use super::forms::Form;
use super::keys::ALL;
use super::problems::nearest;

/// What stands for an account's name in a key.
pub(super) const ACCOUNT: &str = "<name>";

/// One setting: its key, its default, what it allows and what it does.
pub(super) struct Key<F> {
    /// Section and key; `<name>` stands for an account's name.
    pub(super) path: &'static str,
    /// The default as text, as an environment variable would give it. None where the setting is off by default.
    pub(super) default: Option<&'static str>,
    pub(super) form: F,
    /// What it does, for the reference; no full stop.
    pub(super) about: &'static str,
}

/// A [`Key`] whatever its form.
pub(super) trait Setting: Sync {
    fn path(&self) -> &'static str;
    fn default(&self) -> Option<&'static str>;
    fn about(&self) -> &'static str;
    fn allowed(&self) -> String;
    fn is_secret(&self) -> bool;
    fn typed(&self, text: &str) -> ValueKind;
    /// Whether the form takes this value.
    #[cfg(test)]
    fn takes(&self, written: &ValueKind) -> bool;
}

impl<F: Form> Setting for Key<F> {
    fn path(&self) -> &'static str {
        self.path
    }
    fn default(&self) -> Option<&'static str> {
        self.default
    }
    fn about(&self) -> &'static str {
        self.about
    }
    fn allowed(&self) -> String {
        self.form.allowed()
    }
    fn is_secret(&self) -> bool {
        self.form.is_secret()
    }
    fn typed(&self, text: &str) -> ValueKind {
        self.form.typed(text)
    }
    #[cfg(test)]
    fn takes(&self, written: &ValueKind) -> bool {
        self.form.read(written).is_ok()
    }
}

/// A setting that is known and read but that nothing acts on yet.
pub(super) struct NotYet {
    pub(super) path: &'static str,
    pub(super) meanwhile: Meanwhile,
}

/// What happens to a setting that nothing acts on yet, so that nobody relies on it unawares.
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        reason = "everything is built in this version; the next setting that isn't comes here first"
    )
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meanwhile {
    /// It is refused.
    Refused,
    /// It is taken with a warning: it sizes something that doesn't happen yet, so nothing goes wrong without it.
    Idle,
}

/// The settings that this version doesn't act on. A line goes when what it names is built.
pub(super) static NOT_YET: &[NotYet] = &[];

/// Where a written key leads.
pub(super) enum Found {
    Setting(&'static dyn Setting),
    /// A section, or one account: it was given a value of its own.
    Section,
    /// Nothing has this key; perhaps the one that was meant.
    Nothing(Option<String>),
}

/// The setting at `path`: `[key]`, `[section, key]` or `[accounts, name, key]`.
pub(super) fn find(path: &[String]) -> Found {
    let (account, pattern) = match path {
        [section, name, key] if section == "accounts" => (Some(name), format!("accounts.{ACCOUNT}.{key}")),
        _ => (None, path.join(".")),
    };
    if let Some(setting) = ALL.iter().find(|setting| setting.path() == pattern) {
        return Found::Setting(*setting);
    }
    if is_section(&pattern) || matches!(path, [section, _] if section == "accounts") {
        return Found::Section;
    }
    let meant = match path {
        [key] => meant_by(key)
            .or_else(|| nearest(key, sections()))
            .or_else(|| elsewhere(key))
            .map(str::to_owned),
        _ => nearby(&pattern).or_else(|| elsewhere(&pattern).map(str::to_owned)),
    };
    Found::Nothing(meant.map(|meant| match account {
        Some(name) => meant.replace(ACCOUNT, name),
        None => meant,
    }))
}

/// The setting that was meant in the section that was meant.
fn nearby(pattern: &str) -> Option<String> {
    let (section, key) = pattern.rsplit_once('.')?;
    let section = match section.split_once('.') {
        Some(_) => section,
        None => nearest(section, sections())?,
    };
    let keys = ALL
        .iter()
        .filter_map(|setting| setting.path().strip_prefix(section)?.strip_prefix('.'));
    Some(format!("{section}.{}", nearest(key, keys)?))
}

/// The setting whose key is `written` but for its separators: `REDIS_URL` means `redis.url`.
pub(super) fn meant_by(written: &str) -> Option<&'static str> {
    let letters = |text: &str| text.replace(['_', '.', '-'], "").to_lowercase();
    let written = letters(written);
    ALL.iter()
        .map(|setting| setting.path())
        .find(|path| letters(path) == written)
}

/// The setting of the same name in another section.
fn elsewhere(pattern: &str) -> Option<&'static str> {
    let key = pattern.rsplit('.').next();
    ALL.iter()
        .map(|setting| setting.path())
        .find(|known| known.rsplit('.').next() == key)
}

/// Whether `name` is a section.
pub(super) fn is_section(name: &str) -> bool {
    ALL.iter().any(|setting| {
        setting
            .path()
            .split_once('.')
            .is_some_and(|(section, _)| section == name)
    })
}

/// What may stand at the top: sections, and the keys that have none.
fn sections() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter_map(|setting| setting.path().split('.').next())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_setting_is_there_twice() {
        let paths: BTreeSet<_> = ALL.iter().map(|setting| setting.path()).collect();
        assert_eq!(paths.len(), ALL.len());
    }

    #[test]
    fn every_default_is_allowed() {
        for setting in ALL {
            if let Some(default) = setting.default() {
                assert!(
                    setting.takes(&setting.typed(default)),
                    "{} refuses its default",
                    setting.path()
                );
            }
        }
    }

    #[test]
    fn what_is_not_built_names_known_settings_and_lets_defaults_through() {
        for not_yet in NOT_YET {
            let setting = ALL
                .iter()
                .find(|setting| setting.path() == not_yet.path)
                .expect(not_yet.path);
            match not_yet.meanwhile {
                Meanwhile::Refused => assert_eq!(setting.default(), None, "{}", not_yet.path),
                Meanwhile::Idle => {}
            }
        }
    }

    #[test]
    fn the_key_that_was_meant_is_found() {
        for (written, meant) in [
            ("poll.intervall", Some("poll.interval")),
            ("pol", Some("poll")),
            ("poll.lease", Some("worker.lease")),
            ("redis.response-timeout", Some("redis.response_timeout")),
            ("accountsdir", Some("accounts_dir")),
            ("accounts.x.apikey", Some("accounts.x.api_key")),
            ("pol.interval", Some("poll.interval")),
            ("queue", Some("redis.queue")),
            ("redis_url", Some("redis.url")),
            ("accounts.x.b", None),
            ("something.else", None),
        ] {
            let path: Vec<_> = written.split('.').map(str::to_owned).collect();
            let Found::Nothing(found) = find(&path) else {
                panic!("{written} is a key")
            };
            assert_eq!(found.as_deref(), meant, "{written}");
        }
    }
}
