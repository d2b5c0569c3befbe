//! What is generated, and the files wanted of it.

use std::fmt;
use std::str::FromStr;

/// Which of Gamma's ways to generate a job uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// From text: `POST /v1.0/generations`.
    #[default]
    Generation,
    /// From a template: `POST /v1.0/generations/from-template`.
    Template,
    /// Gamma 5: `POST /v1.0/agent/generations`.
    Agent,
}

impl Kind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Generation, Self::Template, Self::Agent];

    /// The word used in entries, records and results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Template => "template",
            Self::Agent => "agent",
        }
    }
}

/// A file format that Gamma exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One PDF file.
    Pdf,
    /// One PowerPoint file.
    Pptx,
    /// A zip with one PNG a card.
    Png,
}

impl ExportFormat {
    /// All formats, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Pdf, Self::Pptx, Self::Png];

    /// The word used in requests, records and results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Pptx => "pptx",
            Self::Png => "png",
        }
    }
}

/// A word that names nothing we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not known")]
pub struct UnknownWord(String);

macro_rules! words {
    ($($type:ty),+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL.into_iter().find(|it| it.as_str() == word)
                    .ok_or_else(|| UnknownWord(crate::json::cut(word, 40)))
            }
        }
    )+};
}
words!(Kind, ExportFormat, crate::state::State, crate::error::ErrorKind);
