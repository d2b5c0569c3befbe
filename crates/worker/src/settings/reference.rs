//! The reference of all settings, for people, made from what the settings are checked by.

use super::keys::ALL;
use super::schema::{Meanwhile, NOT_YET};

/// A Markdown table of every setting: its key, its default, what is allowed, what it does.
pub fn reference() -> String {
    let mut table = String::from("| key | default | allowed | what it sets |\n|---|---|---|---|\n");
    for setting in ALL {
        let default = setting
            .default()
            .map_or_else(|| "none".to_owned(), |default| format!("`{default}`"));
        let not_yet = NOT_YET.iter().find(|not_yet| not_yet.path == setting.path());
        let not_yet = match not_yet.map(|not_yet| not_yet.meanwhile) {
            Some(Meanwhile::Refused) => " (not in this version)",
            Some(Meanwhile::Idle) => " (no effect in this version)",
            None => "",
        };
        let (path, allowed, about) = (setting.path(), cell(&setting.allowed()), setting.about());
        table.push_str(&format!(
            "| `{path}` | {default} | {allowed} | {about}{not_yet} |\n"
        ));
    }
    table
}

/// Text that neither ends its cell nor reads as markup.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('*', "\\*")
        .replace('_', "\\_")
}
