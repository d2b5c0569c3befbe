//! Names that stand in Redis keys: checked once, then trusted.

use std::fmt;
use std::str::FromStr;

/// The longest name, in characters.
pub const MAX_LEN: usize = 64;

/// Why a name can't be used; shows the name cut to its first characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\" ({len} characters) is not a usable name; allowed: 1 to 64 of A-Z a-z 0-9 . _ -")]
pub struct NameError {
    shown: String,
    len: usize,
}

/// Whether `text` is 1 to 64 of `A-Z a-z 0-9 . _ -`.
pub fn is_name(text: &str) -> bool {
    (1..=MAX_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// [`NameError`] unless it is 1 to 64 of `A-Z a-z 0-9 . _ -`.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                if is_name(&text) {
                    return Ok(Self(text));
                }
                Err(NameError { shown: crate::json::cut(&text, 40), len: text.chars().count() })
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

name_type! {
    /// A job's id, which is its idempotency key too.
    JobId
}
name_type! {
    /// The name of a Gamma API key with its own budget.
    AccountName
}
name_type! {
    /// The name of a queue or of the prefix of all keys.
    QueueName
}

impl JobId {
    /// The id of an entry that has none, which a stream never holds.
    pub(crate) fn unnamed() -> Self {
        Self("unnamed".to_owned())
    }
}

impl Default for AccountName {
    /// The account of a job that names none.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_to_sixty_four_safe_characters() {
        for good in ["a", "invoice-42", "1763912345678-0", "A.b_c-9", &"x".repeat(64)] {
            assert_eq!(JobId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a:b", "{a}", "é", "a\n", &"x".repeat(65)] {
            assert!(JobId::new(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_refusal_shows_the_name_cut() {
        let shown = JobId::new("y".repeat(5000)).unwrap_err().to_string();
        assert!(shown.contains("5000 characters") && shown.len() < 200, "{shown}");
    }
}
