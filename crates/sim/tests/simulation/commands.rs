//! Commands drawn at random, the same to the stand-in and to a real server: the same answers, and the same kept.
//!
//! `GAMMAQ_TEST_SEED=…` repeats one.

use gammaq_sim::redis::{Call, Redis as StandIn, Reply};
use gammaq_testkit::Redis;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::client::{Client, comparable};

const COMMANDS: usize = 20_000;

struct Drawn(StdRng);

impl Drawn {
    fn one_of(&mut self, words: &[&str]) -> String {
        words[self.0.random_range(0..words.len())].to_owned()
    }

    fn number(&mut self, most: i64) -> String {
        self.0.random_range(-2..=most).to_string()
    }

    /// Words of a command: a kind of word for each letter.
    fn command(&mut self, name: &str, kinds: &str) -> Vec<Vec<u8>> {
        let mut args: Vec<String> = name.split(' ').map(str::to_owned).collect();
        for kind in kinds.chars() {
            match kind {
                // A key, mostly of the right type: its first letter is the command's.
                'k' if self.0.random_bool(0.03) => args.push(self.one_of(&["h1", "z1", "s1", "x1", "none"])),
                'h' | 'z' | 's' | 'x' => args.push(format!("{kind}{}", self.0.random_range(1..3))),
                'k' => args.push(self.one_of(&["h1", "h2", "z1", "z2", "s1", "s2", "x1"])),
                'f' => args.push(self.one_of(&["a", "b", "c", "d", "e"])),
                // Exact in any floating point, since Redis adds with more bits.
                'q' => args.push(self.one_of(&["1", "0.5", "2.25", "-3", "10", "inf", "nonsense"])),
                'n' => args.push(self.number(6)),
                'r' => args.push(self.one_of(&[
                    "-3", "-1", "0", "1", "2.5", "-inf", "+inf", "(1", "(2", "5", "nonsense",
                ])),
                'v' => args.push(self.one_of(&[
                    "0",
                    "1",
                    "-1",
                    "2.5",
                    "1e20",
                    "0.1",
                    "1763912345678.123",
                    "5",
                    "+7",
                    "words",
                    "",
                ])),
                'i' => args.push(self.one_of(&["-", "+", "0", "1-1", "5", "7-2", "9-9", "nonsense"])),
                'g' => args.push(self.one_of(&["g", "g", "h"])),
                'c' => args.push(self.one_of(&["ann", "bob"])),
                'L' if self.0.random_bool(0.5) => args.extend([
                    "LIMIT".to_owned(),
                    self.0.random_range(0..3).to_string(),
                    self.number(3),
                ]),
                'W' if self.0.random_bool(0.5) => args.push("WITHSCORES".to_owned()),
                'C' if self.0.random_bool(0.5) => {
                    args.extend(["COUNT".to_owned(), self.0.random_range(1..4).to_string()])
                }
                'S' => args.extend(
                    [
                        vec![],
                        vec!["NX"],
                        vec!["XX"],
                        vec!["XX", "KEEPTTL"],
                        vec!["PX", "900000"],
                    ][self.0.random_range(0..5)]
                    .iter()
                    .map(|it| (*it).to_owned()),
                ),
                'd' => {
                    args.push(self.one_of(&["2-1", "3-0", "5-5", "8-1", "12-0", "20-1", "31-7", "nonsense"]))
                }
                '>' => args.push(self.one_of(&[">", ">", "0", "3-0"])),
                _ => {}
            }
        }
        args.into_iter().map(String::into_bytes).collect()
    }

    fn any(&mut self) -> Vec<Vec<u8>> {
        let kinds = [
            ("HSET", "hfv"),
            ("HSET", "hfvfv"),
            ("HGET", "hf"),
            ("HMGET", "hff"),
            ("HGETALL", "h"),
            ("HDEL", "hff"),
            ("HINCRBY", "hfn"),
            ("HINCRBYFLOAT sum", "fq"),
            ("HSETNX", "hfv"),
            ("ZADD", "zvf"),
            ("ZADD", "zvfvf"),
            ("ZADD", "zrf"),
            ("ZREM", "zff"),
            ("ZCARD", "z"),
            ("ZSCORE", "zf"),
            ("ZRANK", "zf"),
            ("ZRANGE", "znnW"),
            ("ZREVRANGE", "znnW"),
            ("ZRANGEBYSCORE", "zrrWL"),
            ("ZREMRANGEBYSCORE", "zrr"),
            ("GET", "s"),
            ("SET", "svS"),
            ("DEL", "kk"),
            ("UNLINK", "k"),
            ("EXISTS", "kk"),
            ("TYPE", "k"),
            ("PERSIST", "k"),
            ("XADD", "xdfv"),
            ("XADD", "xdfvf"),
            ("XLEN", "x"),
            ("XRANGE", "xiiC"),
            ("XREVRANGE", "xiiC"),
            ("XDEL", "xdd"),
            ("XACK", "xgdd"),
            ("XGROUP CREATE", "xgi"),
            ("XGROUP DELCONSUMER", "xgc"),
            ("XINFO GROUPS", "x"),
            ("HGET", "kf"),
            ("ZSCORE", "kf"),
            ("GET", "k"),
            ("HSET", "kfv"),
            ("XLEN", "k"),
            ("ZADD", "kvf"),
        ];
        match self.0.random_range(0..10) {
            0 => {
                let condition = self.one_of(&["NX", "XX", "LT", "GT", "XX LT CH", "XX CH", "GT CH", "CH"]);
                let mut args = self.command("ZADD", "z");
                args.extend(condition.split(' ').map(|word| word.as_bytes().to_vec()));
                args.extend(self.command("x", "vf").split_off(1));
                args
            }
            1 => {
                let mut args = self.command("XREADGROUP GROUP", "gcC");
                args.extend(self.command("STREAMS", "x>"));
                args
            }
            // What was left alone for no time at all is everything.
            2 => {
                let mut args = self.command("XAUTOCLAIM", "xgc");
                args.extend(self.command("0", "iC"));
                args
            }
            3 => {
                let mut args = self.command("XGROUP CREATE", "xgi");
                args.push(b"MKSTREAM".to_vec());
                args
            }
            _ => {
                let (name, words) = kinds[self.0.random_range(0..kinds.len())];
                self.command(name, words)
            }
        }
    }
}

#[test]
fn a_real_server_answers_any_command_the_same() {
    let seed = gammaq_testkit::seed();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let redis = runtime.block_on(Redis::start());
    let (mut real, mut stand_in) = (Client::to(&redis), StandIn::new(&[]));
    stand_in.set_time(4_000_000_000_000_000);
    let mut drawn = Drawn(StdRng::seed_from_u64(seed));
    let (mut answers, mut errors) = (0, 0);
    for number in 0..COMMANDS {
        let args = drawn.any();
        let answer = match stand_in.execute(&args) {
            Call::Done(reply) => reply,
            Call::Wait(_) => Reply::NilList,
        };
        let expected = real.pipeline(std::slice::from_ref(&args));
        let shown: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
        assert_eq!(
            comparable(&args, &answer),
            comparable(&args, &expected),
            "command {number}: {shown:?}"
        );
        answers += 1;
        errors += u64::from(expected.is_error());
    }
    for (key, (held, _)) in stand_in.dump() {
        assert_eq!(real.dump(&key), held, "{key}");
    }
    println!("{answers} answers, {errors} of them errors");
    assert!(errors * 2 < answers, "most commands are right ones");
}
