//! The id of a generation, as people give it.

use std::fmt;
use std::str::FromStr;

/// The longest id, in bytes.
pub const MAX_GENERATION_ID: usize = 512;

/// Why a text can't be the id of a generation; shows it cut, and not at all where it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{shown} can't be the id of a generation; allowed: 1 to {MAX_GENERATION_ID} bytes as Gamma gave them, without spaces, \
     commas and slashes, and no link or API key"
)]
pub struct GenerationIdError {
    shown: String,
}

/// Gamma's `generationId`, checked for what it can't be: a link, a key, something that stands badly in a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GenerationId(String);

impl GenerationId {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// [`GenerationIdError`] where it can't be one.
    pub fn new(text: impl Into<String>) -> Result<Self, GenerationIdError> {
        let text = text.into();
        let is_key = crate::command::is_key(&text);
        // A record keeps more than one of them in a list with commas between them.
        let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, ',' | '/' | '\\');
        if !matches!(text.as_str(), "" | "." | "..")
            && text.len() <= MAX_GENERATION_ID
            && !text.contains(odd)
            && !is_key
        {
            return Ok(Self(text));
        }
        let shown = if is_key {
            "what looks like an API key".to_owned()
        } else {
            format!("\"{}\"", crate::json::cut(&text, 40))
        };
        Err(GenerationIdError { shown })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GenerationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for GenerationId {
    type Err = GenerationIdError;
    fn from_str(text: &str) -> Result<Self, GenerationIdError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gamma_gives_is_taken_and_what_can_not_be_one_is_not() {
        for good in ["a", "gen_0123-Ab.c~", "7", "...", &"x".repeat(512)] {
            assert_eq!(GenerationId::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            " a",
            "a b",
            "a\n",
            "a,b",
            "https://gamma.app/docs/a",
            "gamma.app/a",
            "a\\b",
            &"x".repeat(513),
        ] {
            let refused = GenerationId::new(bad).unwrap_err().to_string();
            assert!(refused.len() < 300 && !refused.contains('\n'), "{refused}");
        }
    }

    #[test]
    fn a_key_is_not_repeated() {
        let refused = GenerationId::new("SK-gamma-secret").unwrap_err().to_string();
        assert!(
            refused.contains("API key") && !refused.contains("secret"),
            "{refused}"
        );
    }
}
