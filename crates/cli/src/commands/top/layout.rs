//! Text that fits the screen, and can do nothing to the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What is cut off ends with this.
const CUT: char = '…';
const GAP: usize = 2;

/// `text` with everything made visible that a terminal would act on, or that would make it show something else than
/// stands there: control characters, marks of direction, what has no width.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn is_invisible(c: char) -> bool {
    // Marks that join what stands before them have no width either, and are part of ordinary text.
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The first columns of `text`, as many as there are; what is cut off is marked.
pub(super) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        out.push(c);
    }
    if width > 0 {
        out.push(CUT);
    }
    out
}

/// `text` in lines of so many columns, broken at spaces where there are any; what goes on is set in.
pub(super) fn fold(text: &str, width: usize) -> Vec<String> {
    let width = width.max(4);
    let indent = text.len() - text.trim_start_matches(' ').len();
    let indent = " ".repeat((indent + 2).min(width / 2));
    let mut lines = Vec::new();
    let mut line = String::new();
    for c in text.chars() {
        if line.width() + c.width().unwrap_or(0) > width {
            let begin = if lines.is_empty() { 0 } else { indent.len() };
            let fits = |at: usize| indent.len() + line[at + 1..].width() + c.width().unwrap_or(0) <= width;
            let space = line
                .rfind(' ')
                .filter(|at| *at > begin && !line[begin..*at].trim().is_empty() && fits(*at));
            let rest = space.map(|at| line[at + 1..].to_owned()).unwrap_or_default();
            if let Some(at) = space {
                line.truncate(at);
            }
            lines.push(std::mem::replace(&mut line, format!("{indent}{rest}")));
        }
        line.push(c);
    }
    lines.push(line);
    lines
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// With fewer than so many columns of the screen it is not worth being shown.
    pub(super) least: usize,
}

/// How wide each column is, so that all fit: the last ones are left out where even the least of each is too much, and of
/// the others the widest are narrowed.
pub(super) fn widths(columns: &[Column], rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let natural = |n: usize, column: &Column| {
        let cells = rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.width());
        cells.max().unwrap_or(0).max(column.name.len())
    };
    let mut widths: Vec<usize> = columns.iter().enumerate().map(|(n, it)| natural(n, it)).collect();
    let least: Vec<usize> = widths
        .iter()
        .zip(columns)
        .map(|(natural, column)| column.least.min(*natural))
        .collect();
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + widths.len().saturating_sub(1) * GAP;
    let kept = (1..=widths.len()).rev().find(|n| total(&least[..*n]) <= width);
    let Some(kept) = kept else { return vec![width] };
    widths.truncate(kept);
    while total(&widths) > width {
        let can_be_narrowed = (0..kept).filter(|n| widths[*n] > least[*n]);
        match can_be_narrowed.max_by_key(|n| widths[*n]) {
            Some(widest) => widths[widest] -= 1,
            None => break,
        }
    }
    widths
}

/// A row of a table, cell by cell, each as wide as its column and the gap behind it.
pub(super) fn cells(row: &[String], widths: &[usize]) -> Vec<String> {
    let last = widths.len().saturating_sub(1);
    row.iter()
        .zip(widths)
        .enumerate()
        .map(|(n, (cell, width))| {
            let text = fit(cell, *width);
            let gap = if n == last { 0 } else { GAP };
            let space = (width + gap).saturating_sub(text.width());
            format!("{text}{}", " ".repeat(space))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_made_visible() {
        assert_eq!(
            shown("a\u{1b}[2Jb\u{9b}1m\n\u{202e}c\u{200b}"),
            "a\\u{1b}[2Jb\\u{9b}1m\\n\\u{202e}c\\u{200b}"
        );
        assert_eq!(shown("e\u{301} 漢字 🎉"), "e\u{301} 漢字 🎉");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(fit("漢字漢字", 8), "漢字漢字");
        assert_eq!(fit("漢字漢字", 7), "漢字漢…");
        assert_eq!(fit("漢字漢字", 6), "漢字…");
        assert_eq!(fit("abc", 0), "");
        for text in [
            "漢字漢字漢字漢字漢字",
            "a b c d e f g h i j k l",
            "  aaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbb",
        ] {
            for width in 1..30 {
                assert!(fit(text, width).width() <= width);
                for line in fold(text, width) {
                    assert!(line.width() <= width.max(4), "{width}: {line:?}");
                }
            }
        }
        assert_eq!(fold("  name   aaa bbb ccc", 14), ["  name   aaa", "    bbb ccc"]);
        // Nothing is lost where there is no space to break at.
        assert_eq!(fold("aaaaaaaaaa", 4).concat().replace(' ', ""), "aaaaaaaaaa");
    }

    #[test]
    fn a_table_is_never_wider_than_the_screen() {
        let column = |name, least| Column { name, least };
        let columns = [column("JOB", 8), column("STATE", 10), column("SAYS", 12)];
        let rows = [vec!["i".repeat(64), "generating".to_owned(), "w".repeat(90)]];
        for width in 1..200 {
            let widths = widths(&columns, &rows, width);
            let line = cells(&rows[0], &widths).concat();
            assert!(line.width() <= width, "{width}: {line}");
        }
        assert_eq!(widths(&columns, &rows, 80), [33, 10, 33]);
        assert_eq!(widths(&columns, &rows, 40), [13, 10, 13]);
        assert_eq!(widths(&columns, &rows, 30), [18, 10]);
    }
}
