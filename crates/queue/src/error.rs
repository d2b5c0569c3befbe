//! What can go wrong with Redis, by what there is to do about it.

/// An error by reaction.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Redis can't be reached or can't answer now; the command certainly did not run.
    #[error("Redis can't be reached: {0}")]
    Unreachable(String),
    /// The answer is missing: the command may have run, or may still run.
    #[error("Redis did not answer: {0}")]
    Unanswered(String),
    /// `maxmemory` is reached, or its disk takes no more: nothing new is started.
    #[error("Redis is full: {0}")]
    Full(String),
    /// Redis has it, but not yet where `redis.durability` wants it; it may get there, or be lost in a failover.
    #[error("not stored safely yet: {0}")]
    NotDurable(String),
    /// The user may not do this.
    #[error("Redis denies access: {0}")]
    Denied(String),
    /// The stream's consumer group is gone.
    #[error("the consumer group is missing")]
    NoGroup,
    /// A setting can't be right, or the server is not set up for it; the text names the setting.
    #[error("{0}")]
    Settings(String),
    /// The layout in Redis is of a newer version than this code.
    #[error("the queue in Redis has schema version {found}; this gammaq knows versions up to {known}")]
    NewerSchema {
        /// What Redis says.
        found: String,
        /// What this code writes.
        known: u32,
    },
    /// Redis refused the command, or answered what was not expected: a fault of ours or a broken key.
    #[error("Redis refused: {0}")]
    Refused(String),
}

impl Error {
    /// Whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(_)
                | Self::Unanswered(_)
                | Self::Full(_)
                | Self::NotDurable(_)
                | Self::Denied(_)
        )
    }

    /// Sorts an error of the client. Errors inside scripts carry their word in the text on Redis 6.2.
    pub(crate) fn of(error: &redis::RedisError) -> Self {
        use redis::{ErrorKind, ServerErrorKind};
        let text = error.to_string();
        // Of a pipeline the first error counts; the client names its code only where it knows the kind.
        let first = error.clone().into_server_errors();
        let first = first.as_ref().and_then(|errors| errors.first());
        let code = error.code().or(first.map(|(_, error)| error.code()));
        let has = |word: &str| code == Some(word) || text.contains(word);
        match error.kind() {
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain
                // A node of a cluster says so before it runs anything.
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask,
            ) => Self::Unreachable(text),
            ErrorKind::Server(ServerErrorKind::NoPerm) | ErrorKind::AuthenticationFailed => {
                Self::Denied(text)
            }
            ErrorKind::InvalidClientConfig => Self::Settings(error.detail().unwrap_or(&text).to_owned()),
            _ if has("OOM command not allowed") || code == Some("OOM") => Self::Full(text),
            // Its disk is full or its snapshot failed: it takes no writes until that is mended.
            _ if has("MISCONF") => Self::Full(text),
            _ if text.contains("NOREPLICAS ") => Self::Unreachable(text),
            _ if has("READONLY You can't write") || has("LOADING Redis is loading") => {
                Self::Unreachable(text)
            }
            _ if code == Some("BUSY") || code == Some("NOREPLICAS") => Self::Unreachable(text),
            // A read that waited was sent away: its stream or this server's role changed.
            _ if code == Some("UNBLOCKED") => Self::Unreachable(text),
            _ if code == Some("NOGROUP") => Self::NoGroup,
            _ if code == Some("NOAUTH") || code == Some("WRONGPASS") => Self::Denied(text),
            _ if error.is_connection_refusal() => Self::Unreachable(text),
            _ if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
                Self::Unanswered(text)
            }
            ErrorKind::Io | ErrorKind::Parse => Self::Unanswered(text),
            _ => Self::Refused(text),
        }
    }

    /// Whether the connection itself is at fault, or leads to a server that can't be used.
    pub(crate) fn wants_new_connection(&self, cause: &redis::RedisError) -> bool {
        use redis::{ErrorKind, ServerErrorKind};
        match self {
            Self::Unanswered(_) | Self::Denied(_) => !matches!(
                cause.kind(),
                redis::ErrorKind::Server(redis::ServerErrorKind::NoPerm)
            ),
            // BUSY and NOREPLICAS pass by themselves, and so does ASK, while a cluster moves the queue's slot; READONLY,
            // LOADING and MOVED may mean another server by now.
            Self::Unreachable(text) => {
                let waits = [ServerErrorKind::Ask, ServerErrorKind::TryAgain].map(ErrorKind::Server);
                !waits.contains(&cause.kind()) && !text.contains("BUSY") && !text.contains("NOREPLICAS")
            }
            _ => false,
        }
    }
}
