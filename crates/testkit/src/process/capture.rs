//! The output of a program, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread;

use tokio::sync::watch;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug, Default)]
pub(super) struct Captured {
    lines: Vec<(Stream, String)>,
    open: usize,
}

impl Captured {
    /// Nothing read yet, with `open` streams to read.
    pub(super) fn new(open: usize) -> Self {
        Self {
            lines: Vec::new(),
            open,
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(_, text)| text.as_str())
    }

    pub(super) fn of(&self, stream: Stream) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter(move |(from, _)| *from == stream)
            .map(|(_, text)| text.as_str())
    }

    pub(super) fn find(&self, mark: usize, pattern: &str) -> Option<&str> {
        self.lines().skip(mark).find(|line| line.contains(pattern))
    }

    /// Every stream was read to its end: no more lines will come.
    pub(super) fn ended(&self) -> bool {
        self.open == 0
    }
}

/// Reads `source` on a thread of its own until it ends, so that the program never waits for a full pipe.
pub(super) fn follow(source: impl Read + Send + 'static, stream: Stream, to: Arc<watch::Sender<Captured>>) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut line = Vec::new();
        while source.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line)
                .trim_end_matches(['\n', '\r'])
                .to_owned();
            to.send_modify(|captured| captured.lines.push((stream, text)));
            line.clear();
        }
        to.send_modify(|captured| captured.open -= 1);
    });
}
