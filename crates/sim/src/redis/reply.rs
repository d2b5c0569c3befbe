//! What a command answers.

/// One answer, as RESP2 knows it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `+OK`
    Status(String),
    /// `-WORD what is wrong`
    Error(String),
    /// `:1`
    Int(i64),
    /// `$1`
    Bulk(Vec<u8>),
    /// `$-1`
    Nil,
    /// `*-1`
    NilList,
    /// `*1`
    List(Vec<Reply>),
}

/// What a command comes to; an error is a reply too.
pub(crate) type Outcome = Result<Reply, Reply>;

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::Status("OK".to_owned())
    }

    pub(crate) fn bulk(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bulk(bytes.into())
    }

    pub(crate) fn number(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(crate) fn flag(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }

    pub(crate) fn optional(bytes: Option<Vec<u8>>) -> Self {
        bytes.map_or(Self::Nil, Self::Bulk)
    }

    pub(crate) fn error(text: &str) -> Self {
        Self::Error(text.to_owned())
    }

    pub(crate) fn wrong_type() -> Self {
        Self::error("WRONGTYPE Operation against a key holding the wrong kind of value")
    }

    pub(crate) fn syntax() -> Self {
        Self::error("ERR syntax error")
    }

    pub(crate) fn not_an_integer() -> Self {
        Self::error("ERR value is not an integer or out of range")
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}
