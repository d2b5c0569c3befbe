//! What is wanted of a download, and what it came to.

use std::fmt;
use std::time::Duration;

use crate::kind::Format;

/// What is wanted.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The job: the name of its file is made of it and of the format alone.
    pub id: &'a str,
    /// The format that was asked for.
    pub format: Format,
    /// Where Gamma says that it is. Whoever has it has the file: it goes into no text.
    pub link: &'a str,
}

impl fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Wanted");
        shown
            .field("id", &self.id)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// A copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where it lies.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// What a download came to; one variant for each reaction. No text holds the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The file lies in the store, whole.
    Stored(Stored),
    /// Not this time: no answer, a broken or slow one, 429, 5xx, or a store that can't be reached.
    Again {
        /// Why.
        reason: String,
        /// What the answer asked for.
        retry_after: Option<Duration>,
    },
    /// The link is good no more: Gamma has to be asked for another one.
    Expired {
        /// What was answered: 401, 403, 404 or 410.
        status: u16,
    },
    /// What came is not what was asked for; another link may lead to something better.
    WrongType {
        /// What is wrong with it.
        reason: String,
    },
    /// Never: the link leads to where nobody may go, or the file is too large.
    Refused {
        /// Why.
        reason: String,
    },
    /// The disk is nearly full.
    Full {
        /// How full.
        reason: String,
    },
}

/// Why a download ended early.
#[derive(Debug)]
pub(crate) enum Halt {
    Again(String),
    /// The same, and what came before is of no use.
    Anew(String),
    Busy(String, Option<Duration>),
    Expired(u16),
    WrongType(String),
    Refused(String),
    Full(String),
}

impl From<Halt> for Fetched {
    fn from(halt: Halt) -> Self {
        let retry_after = None;
        match halt {
            Halt::Again(reason) | Halt::Anew(reason) => Self::Again { reason, retry_after },
            Halt::Busy(reason, retry_after) => Self::Again { reason, retry_after },
            Halt::Expired(status) => Self::Expired { status },
            Halt::WrongType(reason) => Self::WrongType { reason },
            Halt::Refused(reason) => Self::Refused { reason },
            Halt::Full(reason) => Self::Full { reason },
        }
    }
}

impl Halt {
    /// Whether what came so far may be gone on with. Not where the disk is full: beginnings of files that wait for room would
    /// keep it full.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Again(_) | Self::Busy(..) | Self::Expired(_))
    }
}
