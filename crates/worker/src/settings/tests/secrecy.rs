//! Keys and passwords never show, and files with secrets are read with care.

use std::path::Path;

use super::{Given, lines};
use crate::settings::{Settings, Source};

const HUSH: &str = "hush-hush";

/// Whatever is wrong, nothing of it shows the secret.
fn assert_silent(given: &Given) {
    let shown = match given.worker() {
        Ok(settings) => format!("{settings:?} {settings:#?}"),
        Err(problems) => format!("{problems} {problems:?}"),
    };
    assert!(!shown.contains(HUSH), "{shown}");
    let source = format!("{:?} {:#?}", given.source, given.source);
    assert!(!source.contains(HUSH), "{source}");
}

#[test]
fn no_secret_shows_in_settings_or_problems() {
    for (name, value) in [
        ("GAMMA_API_KEY", "hush-hush"),
        ("GAMMA_API_KEY", "hush-hush with a space"),
        ("REDIS_URL", "redis://user:hush-hush@host"),
        ("REDIS_URL", "redis://hush-hush@host"),
        ("REDIS_URL", "redis://:hush-hush@host:port"),
        ("REDIS_URL", "redis://:a/hush-hush@host"),
        ("REDIS_URL", "redis://:a#hush-hush@host"),
        ("REDIS_URL", "redis://:hush-hush"),
        ("REDIS_URL", "unix:///run/redis.sock?pass=hush-hush"),
        ("REDIS_URL", "http://u:hush-hush@host"),
        ("REDIS_URL", "redis://u:hush-hush@one,redis://:hush-hush@two"),
        ("GAMMAQ__REDIS__QUEUE", "redis://u:hush-hush@one"),
        ("GAMMAQ__GAMMA__BASE_URL", "https://hush-hush@host"),
        ("GAMMAQ__GAMMA__BASE_URL", "https://host/?key=hush-hush"),
        ("GAMMAQ__ACCOUNTS__DEFAULT", "hush-hush"),
        ("GAMMAQ__ACCOUNTS__DEFAULT__APIKEY", "hush-hush"),
        ("GAMMAQ__ACCOUNTS", "hush-hush"),
        ("GAMMAQ__API_KEY", "hush-hush"),
        ("GAMMAQ__ACCOUNTS__DEFAULT__API_KEY_FILE", "sk-gamma-hush-hush"),
        ("GAMMAQ__ACCOUNTS__DEFAULT__LIMIT", "sk-gamma-hush-hush"),
        ("GAMMAQ__POLL__INTERVAL", "sk-gamma-hush-hush"),
    ] {
        assert_silent(&Given::nothing().env(name, value));
        assert_silent(&Given::account().env(name, value));
    }
}

#[test]
fn no_secret_of_a_broken_file_shows() {
    for toml in [
        "accounts.default.api_key = \"hush-hush",
        "accounts.default.api_key = hush-hush",
        "accounts.default.api_key = 'hush-hush'\naccounts.default.api_key = 'hush-hush'",
        "accounts.default.api_key = 'hush-hush' x",
        "accounts.default.api_key = ['hush-hush']",
        "accounts.default.api_key = { key = 'hush-hush' }",
        "accounts.default = 'hush-hush'",
        "accounts = 'hush-hush'",
        "api_key = 'hush-hush'",
        "default.api_key = 'hush-hush'",
        "'sk-gamma-hush-hush' = 1",
        "accounts.'sk-gamma-hush-hush'.limit = 0",
        "redis.url = ['redis://:hush-hush@a', 'redis://:hush-hush@b']",
        "redis.url = ['redis://:hush-hush@a:b']",
        "redis.url = redis://:hush-hush@a",
    ] {
        let given = Given::nothing().file(toml);
        assert!(given.worker().is_err(), "{toml}");
        assert_silent(&given);
    }
}

#[test]
fn no_secret_of_a_flag_shows() {
    assert_silent(&Given::nothing().assign("accounts.default.api_key=hush-hush"));
    assert_silent(&Given::nothing().assign("accounts.default.api_key:hush-hush"));
    assert_silent(&Given::nothing().assign("accounts.default.api_key=hush hush-hush"));
}

#[test]
fn a_wrong_key_is_named_and_hidden() {
    let given = Given::nothing().env("GAMMA_API_KEY", "two words");
    let expected = "accounts.default.api_key = <hidden> (environment variable GAMMA_API_KEY): \
                    allowed: 1 to 1024 printable ASCII characters without spaces";
    assert_eq!(lines(&given, given.worker()), [expected]);
}

fn with_key_file(given: Given) -> Given {
    let path = given.path("key");
    given.set("accounts.default.api_key_file", &path)
}

#[test]
fn a_key_file_loses_one_line_break_and_holds_a_key_alone() {
    use secrecy::ExposeSecret;
    for (content, expected) in [
        ("hush-hush", Ok("hush-hush")),
        ("hush-hush\n", Ok("hush-hush")),
        ("hush-hush\r\n", Ok("hush-hush")),
        ("", Err("is empty")),
        ("\n", Err("is empty")),
        ("hush-hush\n\n", Err("something else than a secret")),
        (" hush-hush", Err("something else than a secret")),
        ("hush-hush\nhush-hush", Err("something else than a secret")),
        ("hüsh", Err("something else than a secret")),
    ] {
        let given = with_key_file(Given::nothing());
        given.put("key", content);
        assert_silent(&given);
        match (given.worker(), expected) {
            (Ok(settings), Ok(key)) => {
                let account = settings.accounts.values().next().unwrap();
                assert_eq!(account.api_key.expose_secret(), key, "{content:?}");
            }
            (Err(problems), Err(what)) => {
                assert!(problems.to_string().contains(what), "{content:?}: {problems}")
            }
            (got, _) => panic!("{content:?}: {got:?}"),
        }
    }
}

#[test]
fn a_key_file_that_is_not_there_is_a_problem_with_its_path() {
    let given = with_key_file(Given::nothing());
    let lines = lines(&given, given.worker());
    assert_eq!(lines.len(), 1, "{lines:?}");
    let start = "accounts.default.api_key_file = \"key\" (--set): this file can't be read: ";
    assert!(lines[0].starts_with(start), "{lines:?}");
}

#[cfg(unix)]
fn open_to(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_key_that_everybody_can_read_is_warned_of() {
    let warnings = |settings: Settings| settings.warnings;
    let given = with_key_file(Given::nothing());
    let path = given.put("key", "hush-hush");
    open_to(&path, 0o640);
    assert!(warnings(given.worker().unwrap()).is_empty());
    open_to(&path, 0o644);
    let expected = format!(
        "everybody can read the file of accounts.default.api_key_file, {}",
        path.display()
    );
    assert_eq!(warnings(given.worker().unwrap()), [expected]);

    let given = Given::nothing().file("accounts.default.api_key = 'hush-hush'");
    let path = given.source.config_file.clone().unwrap();
    open_to(&path, 0o600);
    assert!(warnings(given.worker().unwrap()).is_empty());
    open_to(&path, 0o644);
    let expected = format!(
        "everybody can read {}, which has accounts.default.api_key",
        path.display()
    );
    assert_eq!(warnings(given.worker().unwrap()), [expected]);
    assert!(warnings(given.env("GAMMA_API_KEY", "other").worker().unwrap()).is_empty());
}

#[test]
fn one_key_under_two_names_is_warned_of() {
    let given = Given::nothing()
        .set("accounts.a.api_key", HUSH)
        .set("accounts.b.api_key", HUSH);
    let warnings = given.worker().unwrap().warnings;
    assert_eq!(
        warnings,
        ["accounts a and b have the same key, so its budget counts twice"]
    );
}

#[test]
fn an_empty_source_shows_itself() {
    assert!(format!("{:?}", Source::default()).starts_with("Source {"));
}
