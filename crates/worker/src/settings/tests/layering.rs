//! Files, environment and flags: which one wins, and how each is written.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Given, lines};
use crate::settings::{DEFAULT_FILE, Settings};

fn queue_of(given: &Given) -> String {
    given.worker().unwrap().redis.queue.to_string()
}

fn key_of(settings: &Settings, account: &str) -> String {
    let (_, account) = settings
        .accounts
        .iter()
        .find(|(name, _)| name.as_str() == account)
        .unwrap();
    account.api_key.expose_secret().to_owned()
}

#[test]
fn each_layer_goes_before_the_one_below() {
    let given = Given::account();
    assert_eq!(queue_of(&given), "main");
    let given = given.file("redis.queue = 'from-file'");
    assert_eq!(queue_of(&given), "from-file");
    let given = given.env("GAMMAQ__REDIS__QUEUE", "from-environment");
    assert_eq!(queue_of(&given), "from-environment");
    let given = given.set("redis.queue", "from-flag");
    assert_eq!(queue_of(&given), "from-flag");
    assert_eq!(
        queue_of(&given.assign("redis.queue = from-later-flag")),
        "from-later-flag"
    );
}

#[test]
fn short_names_stand_between_the_file_and_the_long_ones() {
    let url = |given: &Given| given.worker().unwrap().redis.urls[0].expose().to_owned();
    let given = Given::account().file("redis.url = 'redis://file'");
    assert_eq!(url(&given), "redis://file");
    let given = given.env("REDIS_URL", "redis://short");
    assert_eq!(url(&given), "redis://short");
    let given = given.env("GAMMAQ__REDIS__URL", "redis://long");
    assert_eq!(url(&given), "redis://long");
    let given = Given::account().env("GAMMAQ__ACCOUNTS__DEFAULT__API_KEY", "long");
    assert_eq!(key_of(&given.worker().unwrap(), "default"), "long");
}

#[test]
fn layers_add_up_within_a_section() {
    let given = Given::account()
        .file("[poll]\ninterval = '1s'\ntimeout = '1m'\n[accounts.default]\nlimit = 7")
        .env("GAMMAQ__POLL__TIMEOUT", "2m");
    let settings = given.worker().unwrap();
    assert_eq!(settings.poll.interval, Duration::from_secs(1));
    assert_eq!(settings.poll.timeout, Duration::from_secs(120));
    assert_eq!(settings.accounts.values().next().unwrap().limit.get(), 7);
}

#[test]
fn an_empty_variable_and_a_foreign_one_set_nothing() {
    let given = Given::account()
        .env("REDIS_URL", "")
        .env("GAMMAQ__POLL__INTERVAL", "")
        .env("GAMMAQ_PORT", "tcp://x");
    let settings = given.worker().unwrap();
    assert_eq!(settings.redis.urls[0].expose(), "redis://127.0.0.1:6379");
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn a_variable_with_too_few_underscores_is_warned_of() {
    let settings = Given::account()
        .env("GAMMAQ_REDIS_URL", "redis://x")
        .worker()
        .unwrap();
    assert_eq!(
        settings.warnings,
        ["GAMMAQ_REDIS_URL sets nothing; did you mean GAMMAQ__REDIS__URL?"]
    );
}

#[test]
fn accounts_are_named_in_every_layer() {
    let given = Given::nothing()
        .file("[accounts.\"team.x\"]\napi_key = 'x'\n[accounts.Team-Y]\napi_key = 'y'")
        .env("GAMMAQ__ACCOUNTS__TEAM_A__API_KEY", "a")
        .env("GAMMAQ__ACCOUNTS__B__C__API_KEY", "bc")
        .set("accounts.team.z.api_key", "z")
        .set("accounts.team.z.limit", "3");
    let settings = given.worker().unwrap();
    let names: Vec<_> = settings.accounts.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["Team-Y", "b__c", "team.x", "team.z", "team_a"]);
    assert_eq!(key_of(&settings, "b__c"), "bc");
    assert_eq!(key_of(&settings, "team.z"), "z");
}

#[test]
fn a_list_has_commas_outside_the_file() {
    let given = Given::account().env("GAMMAQ__EXPORTS__ALLOWED_HOSTS", "*.gamma.app, 127.0.0.1,");
    let hosts: Vec<_> = given
        .worker()
        .unwrap()
        .exports
        .allowed_hosts
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(hosts, ["*.gamma.app", "127.0.0.1"]);
}

#[test]
fn a_higher_layer_chooses_between_key_and_file() {
    let given = Given::nothing();
    let file = given.put("key", "from-the-file\n");
    let given = given.file(&format!(
        "accounts.default.api_key_file = {:?}",
        file.display().to_string()
    ));
    assert_eq!(key_of(&given.worker().unwrap(), "default"), "from-the-file");
    let given = given.env("GAMMA_API_KEY", "from-the-environment");
    assert_eq!(
        key_of(&given.worker().unwrap(), "default"),
        "from-the-environment"
    );
    let path = given.path("key");
    let given = given.env("GAMMAQ__ACCOUNTS__DEFAULT__API_KEY_FILE", &path);
    assert_eq!(key_of(&given.worker().unwrap(), "default"), "from-the-file");
}

#[test]
fn a_file_that_is_named_must_exist_and_the_default_one_need_not() {
    assert_eq!(DEFAULT_FILE, "config/gammaq.toml");
    let mut given = Given::account();
    assert!(given.worker().is_ok());
    given.put("default.toml", "redis.queue = 'from-default-file'");
    assert_eq!(queue_of(&given), "from-default-file");
    given.source.config_file = Some(given.path("missing.toml").into());
    let lines = lines(&given, given.worker());
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with("--config = \"missing.toml\": this file can't be read: "),
        "{lines:?}"
    );
}

#[test]
fn a_file_that_is_no_toml_hides_no_other_problem() {
    let given = Given::account().file("[redis\nurl = 1").set("poll.interval", "5");
    let lines = lines(&given, given.worker());
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("--config (named.toml): not TOML at line 1, column "),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("poll.interval = \"5\" (--set): "),
        "{lines:?}"
    );
}

#[test]
fn a_client_needs_no_account_and_reads_no_secret() {
    let settings = Given::nothing().client().unwrap();
    assert!(settings.accounts.is_empty());
    let given = Given::account()
        .set("accounts.other.api_key_file", "/nowhere/at/all")
        .set("accounts.bare.limit", "3");
    assert!(given.client().unwrap().accounts.is_empty());
    let given = given.set("accounts.other.limit", "0");
    assert_eq!(
        lines(&given, given.client()),
        ["accounts.other.limit = 0 (--set): allowed: 1 to 10000"]
    );
}

#[test]
fn a_worker_needs_an_account() {
    let given = Given::nothing();
    let expected = "accounts: a worker needs an account: set GAMMA_API_KEY, or accounts.default.api_key_file";
    assert_eq!(lines(&given, given.worker()), [expected]);
}
