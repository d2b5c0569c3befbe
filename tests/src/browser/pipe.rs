//! The DevTools protocol: JSON, each message ended by a zero byte.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::PATIENCE;

#[derive(Debug, Default)]
struct State {
    asked: HashMap<u64, oneshot::Sender<Value>>,
    /// What it said by itself.
    events: Vec<Value>,
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Pipe {
    to: Mutex<ChildStdin>,
    state: Arc<Mutex<State>>,
    last: AtomicU64,
}

impl Pipe {
    pub(super) fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let heard = Arc::clone(&state);
        // It ends with the browser, whose end of the pipe is the only other one.
        std::thread::spawn(move || listen(from, &heard));
        Self {
            to: Mutex::new(to),
            state,
            last: AtomicU64::new(0),
        }
    }

    /// Asks for something, of a tab or of the browser.
    ///
    /// # Errors
    /// What the browser says is wrong, or that it says nothing.
    pub(super) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, String> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let (done, answer) = oneshot::channel();
        lock(&self.state).asked.insert(id, done);
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let sent = lock(&self.to).write_all(&bytes);
        sent.map_err(|error| format!("{method}: {error}"))?;
        let mut answer = match timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => return Err(format!("{method}: the browser is gone")),
            Err(_) => return Err(format!("{method}: no answer")),
        };
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}")),
            None => Ok(answer["result"].take()),
        }
    }

    /// What a tab said by itself so far.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        let state = lock(&self.state);
        let of_tab = state.events.iter().filter(|event| event["sessionId"] == session);
        of_tab.cloned().collect()
    }
}

fn listen(from: ChildStdout, state: &Mutex<State>) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while from.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
        let message: Value =
            serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes)).unwrap_or_default();
        bytes.clear();
        let mut state = lock(state);
        let asked = message["id"].as_u64().and_then(|id| state.asked.remove(&id));
        match asked {
            // Whoever asked may have stopped waiting.
            Some(done) => drop(done.send(message)),
            None => state.events.push(message),
        }
    }
    lock(state).asked.clear();
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
