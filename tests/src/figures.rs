//! Figures of measurements, written into documents.

use std::path::Path;

/// Writes `figures` into the document at `path`, between the marks `<!-- name:begin -->` and `<!-- name:end -->`.
///
/// # Errors
/// Where it can't be read or written, or has no such marks: why, for people.
pub fn write(path: &Path, name: &str, figures: &str) -> Result<(), String> {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let parts = text
        .split_once(&begin)
        .and_then(|(head, rest)| Some((head, rest.split_once(&end)?.1)));
    let (head, tail) = parts.ok_or("it has no place for the figures")?;
    std::fs::write(path, format!("{head}{begin}\n{figures}\n{end}{tail}")).map_err(|error| error.to_string())
}
