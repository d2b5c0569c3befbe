//! Secrets that stand in files of their own.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use secrecy::SecretString;

use super::forms::{SECRET_ALLOWED, is_secret};

/// More than any secret has; it keeps a wrong path from filling the memory.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads the secret in a file: all of it, without the line break at its end.
///
/// # Errors
/// What is wrong with the file, without anything of what it holds.
pub(super) fn read_secret(path: &Path) -> Result<SecretString, String> {
    let text = read_text(path)?;
    let secret = text
        .strip_suffix('\n')
        .map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if secret.is_empty() {
        return Err("this file is empty".to_owned());
    }
    if !is_secret(secret) {
        return Err(format!(
            "this file holds something else than a secret; allowed: {SECRET_ALLOWED}"
        ));
    }
    Ok(SecretString::from(secret))
}

/// Reads a file of secrets, at most so much of it as any has.
///
/// # Errors
/// Why it can't be read, without anything of what it holds.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(format!("this file can't be read: {error}")),
    }
}

/// Whether everybody on this machine can read the file.
#[cfg(unix)]
pub(super) fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

/// Whether everybody on this machine can read the file: not known here.
#[cfg(not(unix))]
pub(super) fn is_open_to_all(_path: &Path) -> bool {
    false
}
