//! Tables without lines, so that they can be cut and sorted by other programs too.

use std::io::IsTerminal;

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table};
use gammaq_job::State;

/// Below this width of a terminal folding helps nobody.
const NARROWEST: u16 = 60;

/// A table with these columns and rows, as text. On a terminal its last column is folded to the width of the screen;
/// the others stay whole, to be copied.
pub(crate) fn table<R: Into<comfy_table::Row>>(
    columns: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.enforce_styling();
    table.set_header(
        columns
            .iter()
            .map(|name| Cell::new(name).add_attribute(Attribute::Bold)),
    );
    table.add_rows(rows);
    if std::io::stdout().is_terminal() && table.width().is_some_and(|width| width >= NARROWEST) {
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let whole = columns.len().saturating_sub(1);
        for column in table.column_iter_mut().take(whole) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// A state in its colour.
pub(crate) fn state_cell(word: &str) -> Cell {
    let cell = Cell::new(word);
    match word.parse::<State>() {
        Ok(State::Completed) => cell.fg(Color::Green),
        Ok(State::Failed | State::TimedOut) => cell.fg(Color::Red),
        Ok(State::Ambiguous) => cell.fg(Color::Yellow),
        Ok(State::Submitting | State::Generating | State::Exporting) => cell.fg(Color::Cyan),
        Ok(State::Cancelled) => cell.add_attribute(Attribute::Dim),
        _ => cell,
    }
}
