//! The generations, and what was early, late or twice.

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

/// Redis's clock, which due times are made by, has whole milliseconds.
const EARLY: i64 = -1_000;
/// Nothing that a measurement comes near.
pub(super) const LIMIT: u64 = 1_000_000_000;
pub(super) const NOT_FOUND: &str = "{\"message\":\"Generation not found\"}";

struct Generation {
    /// When the last answer about it was given.
    told: Duration,
    polls: u32,
    over: bool,
}

pub(super) struct World {
    began: Instant,
    interval: Duration,
    /// Polls that are told `pending`; `None`: all, until `finished`.
    pending: Option<u32>,
    finished: bool,
    generations: Vec<Generation>,
    titles: HashMap<Vec<u8>, u32>,
    /// Microseconds after the time at which each poll might come.
    lateness: Vec<i64>,
    doubles: u64,
    gets: u64,
    completed: u64,
    strange: u64,
    answers: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            interval: Duration::from_secs(1),
            pending: Some(5),
            finished: false,
            generations: Vec::new(),
            titles: HashMap::new(),
            lateness: Vec::new(),
            doubles: 0,
            gets: 0,
            completed: 0,
            strange: 0,
            answers: 0,
        }
    }

    /// Answers one request, by appending to `out`.
    pub(super) fn answer(&mut self, head: &[u8], body: &[u8], out: &mut Vec<u8>) {
        const POLL: &[u8] = b"GET /v1.0/generations/g";
        if let Some(rest) = head.strip_prefix(POLL) {
            let id = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
            let id = std::str::from_utf8(id).ok().and_then(|it| it.parse().ok());
            self.poll(id, out);
        } else if head.starts_with(b"POST /v1.0/generations ") {
            self.submit(body, out);
        } else if let Some(rest) = head.strip_prefix(b"GET /bench/") {
            let path = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
            let answer = self.order(&String::from_utf8_lossy(path));
            let _ = write!(
                out,
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
        } else {
            self.strange += 1;
            out.extend_from_slice(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        }
    }

    fn submit(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let id = self.accept(body);
        self.json("201 Created", &format!("{{\"generationId\":\"g{id}\"}}"), out);
    }

    /// Takes a request, and answers the number of its generation.
    pub(super) fn accept(&mut self, body: &[u8]) -> usize {
        let title = title(body).to_vec();
        let count = self.titles.entry(title).or_default();
        *count += 1;
        self.doubles += u64::from(*count > 1);
        self.generations.push(Generation {
            told: self.began.elapsed(),
            polls: 0,
            over: false,
        });
        self.generations.len() - 1
    }

    fn poll(&mut self, id: Option<usize>, out: &mut Vec<u8>) {
        match self.told(id) {
            Some(body) => self.json("200 OK", &body, out),
            None => self.json("404 Not Found", NOT_FOUND, out),
        }
    }

    /// What a poll of a generation is told; `None` where there is no such generation.
    pub(super) fn told(&mut self, id: Option<usize>) -> Option<String> {
        let Some((id, over)) = id.and_then(|id| Some((id, self.look(id)?))) else {
            self.strange += 1;
            return None;
        };
        Some(if over {
            format!(
                "{{\"status\":\"completed\",\"generationId\":\"g{id}\",\"gammaId\":\"g_{id:016}\",\
                 \"gammaUrl\":\"https://gamma.app/docs/g_{id:016}\",\"title\":\"Renewable energy\",\
                 \"credits\":{{\"deducted\":150,\"remaining\":3000}}}}"
            )
        } else {
            format!("{{\"status\":\"pending\",\"generationId\":\"g{id}\"}}")
        })
    }

    /// What each answer has another number of: its own, and what remains of a limit.
    pub(super) fn numbers(&mut self) -> (u64, u64) {
        self.answers += 1;
        (self.answers, LIMIT.saturating_sub(self.answers))
    }

    /// One poll of a generation: whether it is complete; `None` where there is no such generation.
    pub(super) fn look(&mut self, id: usize) -> Option<bool> {
        let now = self.began.elapsed();
        let generation = self.generations.get_mut(id)?;
        self.gets += 1;
        let due = generation.told + self.interval;
        let micros = |it: Duration| i64::try_from(it.as_micros()).unwrap_or(i64::MAX);
        self.lateness.push(micros(now) - micros(due));
        generation.told = now;
        generation.polls += 1;
        let over = self.finished || self.pending.is_some_and(|most| generation.polls > most);
        self.completed += u64::from(over && !generation.over);
        generation.over |= over;
        Some(over)
    }

    /// With the headers that Gamma sends; what remains of each limit is another number each time.
    fn json(&mut self, status: &str, body: &str, out: &mut Vec<u8>) {
        let (answer, left) = self.numbers();
        let _ = write!(
            out,
            "HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\nx-request-id: r{answer:012}\r\n\
             x-ratelimit-limit-burst: {LIMIT}\r\nx-ratelimit-remaining-burst: {left}\r\n\
             x-ratelimit-limit: {LIMIT}\r\nx-ratelimit-remaining: {left}\r\n\
             x-ratelimit-limit-daily: {LIMIT}\r\nx-ratelimit-remaining-daily: {left}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
    }

    /// What the bench asks.
    fn order(&mut self, path: &str) -> String {
        let mut words = path.split('/');
        match words.next().unwrap_or_default() {
            "reset" => {
                *self = Self::new();
                let micros = words.next().and_then(|it| it.parse().ok());
                self.interval = Duration::from_micros(micros.unwrap_or(0));
                self.pending = words.next().and_then(|it| it.parse().ok());
                String::new()
            }
            "mark" => {
                self.lateness.clear();
                String::new()
            }
            "finish" => {
                self.finished = true;
                String::new()
            }
            "counts" => format!("{} {} {}", self.generations.len(), self.gets, self.completed),
            "seen" => self.seen(),
            _ => "unknown".to_owned(),
        }
    }

    fn seen(&self) -> String {
        let mut sorted = self.lateness.clone();
        sorted.sort_unstable();
        let at = |part: f64| {
            let last = sorted.len().saturating_sub(1);
            let micros = sorted.get((last as f64 * part).round() as usize);
            micros.copied().unwrap_or(0) as f64 / 1000.0
        };
        json!({
            "posts": self.generations.len(),
            "doubles": self.doubles,
            "gets": self.gets,
            "completed": self.completed,
            "strange": self.strange,
            "early": sorted.partition_point(|it| *it < EARLY),
            "least": at(0.0), "p50": at(0.5), "p99": at(0.99), "most": at(1.0),
        })
        .to_string()
    }
}

/// The value of `"title"` as it stands in the request: it names the job.
fn title(body: &[u8]) -> &[u8] {
    const NAME: &[u8] = b"\"title\":\"";
    let Some(at) = body.windows(NAME.len()).position(|it| it == NAME) else {
        return body;
    };
    let rest = &body[at + NAME.len()..];
    rest.split(|byte| *byte == b'"').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(world: &mut World, head: &str, body: &str) -> String {
        let mut out = Vec::new();
        world.answer(head.as_bytes(), body.as_bytes(), &mut out);
        let text = String::from_utf8(out).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    #[test]
    fn what_comes_twice_and_what_comes_early_is_counted() {
        let mut world = World::new();
        ask(&mut world, "GET /bench/reset/60000000/1 HTTP/1.1", "");
        let post = "POST /v1.0/generations HTTP/1.1";
        assert_eq!(
            ask(&mut world, post, r#"{"title":"a"}"#),
            r#"{"generationId":"g0"}"#
        );
        ask(&mut world, post, r#"{"title":"b"}"#);
        ask(&mut world, post, r#"{"title":"a"}"#);
        let poll = "GET /v1.0/generations/g1 HTTP/1.1";
        assert!(ask(&mut world, poll, "").contains("pending"));
        assert!(ask(&mut world, poll, "").contains("completed"));
        assert_eq!(ask(&mut world, "GET /bench/counts HTTP/1.1", ""), "3 2 1");
        let seen = ask(&mut world, "GET /bench/seen HTTP/1.1", "");
        let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
        assert_eq!(seen["doubles"], 1);
        assert_eq!(seen["early"], 2, "a minute after the answer before was agreed");
    }
}
