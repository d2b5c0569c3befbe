//! Who signed in: in memory alone, so a worker that starts again knows nobody.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// From the last request to the end of a session, and from its beginning.
const IDLE: Duration = Duration::from_secs(2 * 3600);
const LONGEST: Duration = Duration::from_secs(12 * 3600);
/// The most at once; the one that was idle for longest goes.
const MOST: usize = 64;

/// What a request learns of its session.
#[derive(Clone)]
pub(super) struct Session {
    /// What the cookie holds.
    id: String,
    /// What forms of this session's pages carry.
    pub(super) form_key: String,
    /// Who signed in, as records and events are to name them.
    pub(super) by: String,
}

// Neither of the two is for a log.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("by", &self.by)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn is_form_key(&self, given: &str) -> bool {
        self.form_key.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// What is said once, on the next page.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    pub(super) good: bool,
    pub(super) text: String,
}

#[derive(Debug)]
struct Kept {
    session: Session,
    began: Instant,
    seen: Instant,
    notice: Option<Notice>,
}

impl Kept {
    fn is_over(&self) -> bool {
        self.seen.elapsed() >= IDLE || self.began.elapsed() >= LONGEST
    }
}

/// The sessions there are, by what their cookies hold.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Kept>>);

impl Sessions {
    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new one; answers what its cookie holds.
    pub(super) fn begin(&self, by: String) -> String {
        let id = secret();
        let session = Session {
            id: id.clone(),
            form_key: secret(),
            by,
        };
        let mut kept = self.kept();
        kept.retain(|_, it| !it.is_over());
        if kept.len() >= MOST {
            let oldest = kept
                .iter()
                .min_by_key(|(_, it)| it.seen)
                .map(|(id, _)| id.clone());
            oldest.map(|id| kept.remove(&id));
        }
        let now = Instant::now();
        let begun = Kept {
            session,
            began: now,
            seen: now,
            notice: None,
        };
        kept.insert(id.clone(), begun);
        id
    }

    /// The session with this id, where it isn't over.
    pub(super) fn find(&self, id: &str) -> Option<Session> {
        let mut kept = self.kept();
        let found = kept.get_mut(id)?;
        if found.is_over() {
            kept.remove(id);
            return None;
        }
        found.seen = Instant::now();
        Some(found.session.clone())
    }

    pub(super) fn end(&self, session: &Session) {
        self.kept().remove(&session.id);
    }

    pub(super) fn leave_notice(&self, session: &Session, notice: Notice) {
        if let Some(kept) = self.kept().get_mut(&session.id) {
            kept.notice = Some(notice);
        }
    }

    pub(super) fn take_notice(&self, session: &Session) -> Option<Notice> {
        self.kept().get_mut(&session.id)?.notice.take()
    }
}

/// 256 bits that nobody guesses, as text.
fn secret() -> String {
    rand::random::<[u8; 32]>()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string can't fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_when_it_is_idle_or_old_or_one_too_many() {
        let sessions = Sessions::default();
        let id = sessions.begin("a".to_owned());
        for _ in 0..6 {
            tokio::time::advance(IDLE - Duration::from_secs(1)).await;
            if sessions.find(&id).is_none() {
                break;
            }
        }
        tokio::time::advance(Duration::from_secs(7)).await;
        assert!(sessions.find(&id).is_none(), "it is old");
        let id = sessions.begin("b".to_owned());
        assert_eq!(sessions.find(&id).unwrap().by, "b");
        tokio::time::advance(IDLE).await;
        assert!(sessions.find(&id).is_none(), "it was idle");
        let first = sessions.begin("first".to_owned());
        for _ in 0..MOST {
            tokio::time::advance(Duration::from_secs(1)).await;
            sessions.begin("another".to_owned());
        }
        assert!(sessions.find(&first).is_none());
        assert_eq!(sessions.kept().len(), MOST);
        let id = sessions.begin("c".to_owned());
        let session = sessions.find(&id).unwrap();
        assert!(session.is_form_key(&session.form_key) && !session.is_form_key(&id));
        assert!(!format!("{session:?} {sessions:?}").contains(&session.form_key));
        sessions.end(&session);
        assert!(sessions.find(&id).is_none());
    }
}
