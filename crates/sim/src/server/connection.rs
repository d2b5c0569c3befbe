//! One connection: commands arrive in their order, each after its own time on the way, and so do the answers.
//!
//! What was sent before a client gave up, or died, still arrives and is carried out: that is how late scripts come
//! about. Nothing arrives twice, as on TCP; what is done twice is what a client repeats.

use std::collections::VecDeque;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Server;
use crate::redis::{Call, Reply, encode, parse_command};
use crate::world::locked;

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Answered,
    /// The connection breaks before it is carried out.
    CutBefore,
    /// The connection breaks before its answer.
    CutAfter,
    /// It is carried out, but from here on no answer gets through.
    Silent,
}

enum Arrival {
    Command(Vec<Vec<u8>>, Fate),
    /// The client is gone.
    End,
}

type Arrivals = mpsc::UnboundedReceiver<(Instant, Arrival)>;
type Answers = mpsc::UnboundedSender<(Instant, Vec<u8>)>;

impl Server {
    /// Serves a connection from now on.
    pub(super) fn serve(&self, worker: usize, stream: DuplexStream) {
        let id = {
            let inner = &mut *locked(&self.inner);
            inner.made += 1;
            inner.made
        };
        let (read, write) = tokio::io::split(stream);
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let tasks = [
            tokio::spawn(self.clone().receive(worker, read, arrived)),
            tokio::spawn(self.clone().carry_out(worker, id, arrivals, answered)),
            tokio::spawn(send(write, answers)),
        ];
        let handles = tasks.iter().map(tokio::task::JoinHandle::abort_handle).collect();
        locked(&self.inner).connections.insert(id, handles);
    }

    fn close(&self, id: u64) {
        let tasks = locked(&self.inner).connections.remove(&id);
        tasks.into_iter().flatten().for_each(|task| task.abort());
    }

    /// When something that `worker` sends or is sent now arrives, if nothing before it comes later.
    fn arrival(&self, worker: usize, slow: bool) -> Instant {
        let now = Instant::now();
        let held = self.partitioned(worker);
        let inner = &mut *locked(&self.inner);
        let way = if slow {
            inner.dice.ms(500, 8_000)
        } else {
            inner.dice.ms(0, 2)
        };
        held.map_or(now, |end| end.max(now)) + way
    }

    fn fate(&self) -> (Fate, bool) {
        let rates = if self.world.is_calm() {
            crate::plan::Net::default()
        } else {
            self.world.plan.net
        };
        let dice = &mut locked(&self.inner).dice;
        let slow = dice.happens(rates.slow);
        let fate = if dice.happens(rates.cut_before) {
            Fate::CutBefore
        } else if dice.happens(rates.cut_after) {
            Fate::CutAfter
        } else if dice.happens(rates.silent) {
            Fate::Silent
        } else {
            Fate::Answered
        };
        (fate, slow)
    }

    async fn receive(
        self,
        worker: usize,
        mut stream: ReadHalf<DuplexStream>,
        arrived: mpsc::UnboundedSender<(Instant, Arrival)>,
    ) {
        let (mut buffer, mut last) = (Vec::new(), Instant::now());
        loop {
            let there = stream.read_buf(&mut buffer).await.unwrap_or(0);
            let mut parsed = 0;
            while let Ok(Some((args, used))) = parse_command(&buffer[parsed..]) {
                parsed += used;
                let (fate, slow) = self.fate();
                last = self.arrival(worker, slow).max(last);
                let _ = arrived.send((last, Arrival::Command(args, fate)));
            }
            buffer.drain(..parsed);
            if there == 0 {
                // The end of a connection, too, may be heard of late: until then the server speaks to nobody.
                let (_, slow) = self.fate();
                last = self.arrival(worker, slow).max(last);
                let _ = arrived.send((last, Arrival::End));
                return;
            }
        }
    }

    async fn carry_out(self, worker: usize, id: u64, mut arrivals: Arrivals, answers: Answers) {
        let (mut early, mut silent, mut last) = (VecDeque::new(), false, Instant::now());
        loop {
            let next = match early.pop_front() {
                Some(next) => Some(next),
                None => arrivals.recv().await,
            };
            let Some((at, arrival)) = next else { return };
            sleep_until(at).await;
            let Arrival::Command(args, fate) = arrival else {
                return self.close(id);
            };
            if fate == Fate::CutBefore {
                self.world.note(
                    format_args!("net"),
                    format_args!("w{worker}#{id} is cut before a command"),
                );
                return self.close(id);
            }
            let Some(reply) = self.answer(worker, id, &args, &mut arrivals, &mut early).await else {
                return self.close(id);
            };
            if fate == Fate::CutAfter {
                self.world.note(
                    format_args!("net"),
                    format_args!("w{worker}#{id} is cut before an answer"),
                );
                return self.close(id);
            }
            silent |= fate == Fate::Silent;
            if !silent {
                let mut bytes = Vec::new();
                encode(&reply, &mut bytes);
                last = self.arrival(worker, false).max(last);
                let _ = answers.send((last, bytes));
            }
        }
    }

    /// Carries out one command, waiting where it waits for entries; `None` where its client goes meanwhile.
    async fn answer(
        &self,
        worker: usize,
        id: u64,
        args: &[Vec<u8>],
        arrivals: &mut Arrivals,
        early: &mut VecDeque<(Instant, Arrival)>,
    ) -> Option<Reply> {
        let mut until = None;
        loop {
            // Before the look, so that no entry comes unnoticed between the two.
            let entries = self.entries.notified();
            let wait = match self.execute(format_args!("w{worker}#{id}"), args) {
                Call::Done(reply) => return Some(reply),
                Call::Wait(wait) => wait,
            };
            let until = *until.get_or_insert(Instant::now() + std::time::Duration::from_millis(wait));
            let gone = early
                .iter()
                .find_map(|(at, it)| matches!(it, Arrival::End).then_some(*at));
            tokio::select! {
                biased;
                () = entries => {}
                () = sleep_until(until) => return Some(Reply::NilList),
                () = sleep_until(gone.unwrap_or(until)), if gone.is_some() => return None,
                Some(next) = arrivals.recv(), if gone.is_none() => early.push_back(next),
            }
        }
    }
}

async fn send(mut stream: WriteHalf<DuplexStream>, mut answers: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>) {
    while let Some((at, bytes)) = answers.recv().await {
        sleep_until(at).await;
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
