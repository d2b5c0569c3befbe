//! Calls that many make at the same time, put together: while one is under way whatever else is asked for waits, and goes
//! together in the next one. Whoever comes alone waits for nobody.
//!
//! Nothing here runs by itself: of those who wait, one makes the call for all. Where that one is dropped, the others hear
//! what they would hear of an answer that was lost. Who doesn't wait any more is left out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use redis::Value;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::Error;

/// The most items of a call: so many take Redis two milliseconds.
const MOST: usize = 50;

type Told = Result<String, Error>;

/// What is asked for and not begun yet.
#[derive(Debug, Default)]
pub(crate) struct Together {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    item: Vec<String>,
    tell: oneshot::Sender<Told>,
}

impl Together {
    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next ones, in the order in which they were asked for.
    fn next(&self) -> Vec<Waiting> {
        let mut waiting = self.lock();
        waiting.retain(|it| !it.tell.is_closed());
        let most = waiting.len().min(MOST);
        waiting.drain(..most).collect()
    }

    /// What became of `item`: `run` is given the words of each item that goes with it, and answers a text for each.
    ///
    /// # Errors
    /// Those of the call that it was in, and [`Error::Refused`] where it alone failed.
    pub(crate) async fn ask<F>(&self, item: Vec<String>, run: impl Fn(Vec<Vec<String>>) -> F) -> Told
    where
        F: Future<Output = Result<Vec<String>, Error>>,
    {
        let (tell, mut told) = oneshot::channel();
        self.lock().push(Waiting { item, tell });
        let _turn = tokio::select! {
            biased;
            answer = &mut told => return answer.unwrap_or_else(|_| Err(lost())),
            turn = self.turn.lock() => turn,
        };
        loop {
            match told.try_recv() {
                Ok(answer) => return answer,
                Err(TryRecvError::Closed) => return Err(lost()),
                Err(TryRecvError::Empty) => {}
            }
            let (items, tell): (Vec<_>, Vec<_>) =
                self.next().into_iter().map(|it| (it.item, it.tell)).unzip();
            let answers = match run(items).await {
                Ok(answers) => answers.into_iter().map(judge).collect(),
                Err(error) => vec![Err(error); tell.len()],
            };
            for (tell, answer) in tell.into_iter().zip(answers) {
                let _ = tell.send(answer);
            }
        }
    }
}

fn judge(answer: String) -> Told {
    match answer.strip_prefix("failed ") {
        Some(why) => Err(Error::Refused(why.to_owned())),
        None => Ok(answer),
    }
}

/// Whether an item was carried out, and so wrote.
pub(crate) fn is_ok(answer: &Value) -> bool {
    let Value::Array(parts) = answer else {
        return false;
    };
    parts
        .iter()
        .any(|part| crate::value::text(part).starts_with("ok"))
}

fn lost() -> Error {
    Error::Unanswered("whoever asked for it was stopped".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    fn item(number: usize) -> Vec<String> {
        vec![number.to_string()]
    }

    #[tokio::test]
    async fn what_is_asked_for_meanwhile_goes_together_and_each_has_its_own_answer() {
        let (together, calls) = (Arc::new(Together::default()), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let asked = (0..120).map(|number| {
            let (together, calls, gate) = (Arc::clone(&together), Arc::clone(&calls), Arc::clone(&gate));
            tokio::spawn(async move {
                let run = |items: Vec<Vec<String>>| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    assert!(items.len() <= MOST);
                    let answer = |it: Vec<String>| match it.concat().as_str() {
                        "7" => "failed it is 7".to_owned(),
                        other => format!("ok {other}"),
                    };
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.acquire().await.unwrap().forget();
                        Ok(items.into_iter().map(answer).collect())
                    }
                };
                together.ask(item(number), run).await
            })
        });
        let asked: Vec<_> = asked.collect();
        while calls.load(Ordering::Relaxed) == 0 || together.lock().len() < 119 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(9);
        for (number, task) in asked.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(answer) => assert_eq!(answer, format!("ok {number}")),
                Err(error) => assert_eq!(
                    (number, error.to_string()),
                    (7, "Redis refused: it is 7".to_owned())
                ),
            }
        }
        // One alone, and 119 in calls of 50.
        assert_eq!(calls.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn who_is_dropped_takes_nobody_along_and_is_not_asked_for() {
        let together = Arc::new(Together::default());
        let never = |_| std::future::pending::<Result<Vec<String>, Error>>();
        let seen = |items: Vec<Vec<String>>| async { Ok(items.into_iter().map(|it| it.concat()).collect()) };
        let leader = tokio::spawn({
            let together = Arc::clone(&together);
            async move { together.ask(item(1), never).await }
        });
        while together.turn.try_lock().is_ok() {
            tokio::task::yield_now().await;
        }
        let ask = |number| {
            let together = Arc::clone(&together);
            tokio::spawn(async move { together.ask(item(number), seen).await })
        };
        let (dropped, other) = (ask(2), ask(3));
        while together.lock().len() < 2 {
            tokio::task::yield_now().await;
        }
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        leader.abort();
        assert_eq!(other.await.unwrap().unwrap(), "3");
        assert!(together.lock().is_empty());
    }
}
