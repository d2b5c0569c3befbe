//! The commented file and the reference say what the settings are.

use std::collections::BTreeSet;

use config::{FileFormat, Map, Source as _, Value, ValueKind};

use super::Given;
use crate::settings::keys::ALL;
use crate::settings::reference;
use crate::settings::schema::{Meanwhile, NOT_YET};

fn commented_file() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/gammaq.toml");
    std::fs::read_to_string(path).unwrap()
}

/// The file with every setting in force. Prose has a space after its mark, and settings have none.
fn uncommented() -> String {
    let lines = commented_file();
    let lines = lines.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every value of the file, with its key as the schema names it.
fn written() -> Vec<(String, ValueKind)> {
    fn walk(prefix: &str, table: Map<String, Value>, found: &mut Vec<(String, ValueKind)>) {
        for (key, value) in table {
            let path = format!("{prefix}{key}").replace("accounts.default", "accounts.<name>");
            match value.kind {
                ValueKind::Table(table) => walk(&format!("{path}."), table, found),
                kind => found.push((path, kind)),
            }
        }
    }
    let mut found = Vec::new();
    walk(
        "",
        config::File::from_str(&uncommented(), FileFormat::Toml)
            .collect()
            .unwrap(),
        &mut found,
    );
    found
}

fn as_text(value: &ValueKind) -> String {
    match value {
        ValueKind::Array(items) => items
            .iter()
            .map(|item| as_text(&item.kind))
            .collect::<Vec<_>>()
            .join(","),
        other => other.to_string(),
    }
}

#[test]
fn the_file_names_every_setting_and_nothing_else() {
    let written: BTreeSet<_> = written().into_iter().map(|(path, _)| path).collect();
    let known: BTreeSet<_> = ALL.iter().map(|setting| setting.path().to_owned()).collect();
    assert_eq!(written, known);
}

#[test]
fn the_file_gives_the_defaults_and_else_something_allowed() {
    for (path, value) in written() {
        let setting = ALL.iter().find(|setting| setting.path() == path).unwrap();
        assert!(setting.takes(&value), "{path} refuses {value:?}");
        if let Some(default) = setting.default() {
            assert_eq!(as_text(&value), default, "{path}");
        }
    }
}

#[test]
fn the_file_says_what_is_not_built() {
    for not_yet in NOT_YET {
        let key = not_yet.path.rsplit('.').next().unwrap();
        let section = not_yet
            .path
            .split('.')
            .next()
            .filter(|section| *section != key)
            .unwrap_or("The settings");
        let file = commented_file();
        let (_, from_section) = file.split_once(&format!("[{section}")).unwrap_or(("", &file));
        let (before, _) = from_section.split_once(&format!("\n#{key} = ")).unwrap();
        let comment = before.rsplit("\n\n").next().unwrap();
        let says = match not_yet.meanwhile {
            Meanwhile::Idle => "No effect in this version",
            _ => "Not in this version",
        };
        assert!(comment.contains(says), "{}: {comment}", not_yet.path);
    }
}

#[test]
fn every_setting_has_a_comment() {
    let file = commented_file();
    let mut explained = false;
    for line in file.lines() {
        match line.strip_prefix('#') {
            Some(prose) if prose.is_empty() || prose.starts_with(' ') => explained = true,
            Some(setting) if setting.starts_with('[') => {}
            Some(setting) => assert!(explained, "{setting} has no comment"),
            None => explained = false,
        }
    }
}

#[test]
fn the_file_as_it_is_changes_nothing() {
    let plain = Given::account().worker().unwrap();
    let with_file = Given::account().file(&commented_file()).worker().unwrap();
    assert_eq!(format!("{plain:?}"), format!("{with_file:?}"));
}

#[test]
fn the_reference_has_a_row_for_every_setting() {
    let reference = reference();
    assert_eq!(reference.lines().count(), ALL.len() + 2);
    for setting in ALL {
        assert!(
            reference.contains(&format!("| `{}` |", setting.path())),
            "{}",
            setting.path()
        );
    }
    for row in reference.lines() {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
    }
    let row = "| `poll.interval` | `5s` | 10ms to 1h, with its unit (ms, s, m, h, d) | ";
    assert!(reference.contains(row), "{reference}");
    // Nothing waits for a later version at present.
    assert!(!reference.contains("(not in this version)"));
}

#[test]
fn the_readme_has_this_reference() {
    let readme = include_str!("../../../../../README.md");
    assert!(
        readme.contains(&reference()),
        "README.md must hold this:\n{}",
        reference()
    );
}
