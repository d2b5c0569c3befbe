//! Several reads in one round trip. A key of another type, made by hand, must not hide all the others: what stands there
//! is left out, and the key is named.

use std::collections::BTreeSet;

use redis::{Pipeline, RedisResult, Value};

use crate::{Error, Queue};

/// Reads that are sent together; each is of one key.
pub(super) struct Batch {
    pipe: Pipeline,
    keys: Vec<String>,
}

impl Batch {
    pub(super) fn new() -> Self {
        let mut pipe = redis::pipe();
        pipe.ignore_errors();
        Self {
            pipe,
            keys: Vec::new(),
        }
    }

    /// Asks `command key args…`.
    pub(super) fn ask(&mut self, command: &str, key: String, args: &[&str]) {
        self.pipe.cmd(command).arg(&key).arg(args);
        self.keys.push(key);
    }

    /// The answers in the order of the questions; `Nil` where a key has another type, which then stands in `broken`.
    pub(super) async fn send(
        self,
        queue: &Queue,
        broken: &mut BTreeSet<String>,
    ) -> Result<Vec<Value>, Error> {
        if self.keys.is_empty() {
            return Ok(Vec::new());
        }
        let answers = queue
            .link
            .run(async |mut c| {
                let answers: Vec<RedisResult<Value>> = self.pipe.query_async(&mut c).await?;
                answers
                    .into_iter()
                    .map(|answer| match answer {
                        Ok(value) => Ok(Some(value)),
                        Err(error) if error.code() == Some("WRONGTYPE") => Ok(None),
                        Err(error) => Err(error),
                    })
                    .collect::<RedisResult<Vec<Option<Value>>>>()
            })
            .await?;
        let known = |(key, answer): (String, Option<Value>)| {
            answer.unwrap_or_else(|| {
                broken.insert(key);
                Value::Nil
            })
        };
        Ok(self.keys.into_iter().zip(answers).map(known).collect())
    }
}
