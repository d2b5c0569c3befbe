//! A bare client for a real server: one connection, one command after the other.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use gammaq_sim::redis::{Reply, command, parse_reply};
use gammaq_testkit::Redis;

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn to(redis: &Redis) -> Self {
        let stream = TcpStream::connect(redis.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends commands together; answers the last one's reply.
    pub(crate) fn pipeline(&mut self, commands: &[Vec<Vec<u8>>]) -> Reply {
        let bytes: Vec<u8> = commands.iter().flat_map(|args| command(args)).collect();
        self.stream.write_all(&bytes).unwrap();
        let replies = commands.iter().map(|_| self.reply());
        replies.last().unwrap()
    }

    pub(crate) fn run(&mut self, args: &[&str]) -> Reply {
        self.pipeline(&[owned(args)])
    }

    fn reply(&mut self) -> Reply {
        loop {
            if let Some((reply, used)) = parse_reply(&self.buffer).unwrap() {
                self.buffer.drain(..used);
                return reply;
            }
            let mut part = [0; 65_536];
            let count = self.stream.read(&mut part).unwrap();
            assert!(count > 0, "the server is gone");
            self.buffer.extend(&part[..count]);
        }
    }

    /// What a key holds, as the stand-in writes it.
    pub(crate) fn dump(&mut self, key: &str) -> String {
        match self.run(&["TYPE", key]) {
            Reply::Status(kind) if kind == "string" => text(&self.run(&["GET", key])),
            Reply::Status(kind) if kind == "hash" => {
                let pairs = pairs(&self.run(&["HGETALL", key]));
                pairs
                    .iter()
                    .map(|(name, value)| format!("{name}={value}\n"))
                    .collect()
            }
            Reply::Status(kind) if kind == "zset" => {
                let found = self.run(&["ZRANGE", key, "0", "-1", "WITHSCORES"]);
                let pairs = list(&found).chunks_exact(2);
                pairs
                    .map(|pair| format!("{} {}\n", text(&pair[0]), text(&pair[1])))
                    .collect()
            }
            Reply::Status(kind) if kind == "stream" => self.dump_stream(key),
            other => format!("{other:?}"),
        }
    }

    fn dump_stream(&mut self, key: &str) -> String {
        let about = pairs(&self.run(&["XINFO", "STREAM", key]));
        let mut out = format!("last {}\n", about["last-generated-id"]);
        for entry in list(&self.run(&["XRANGE", key, "-", "+"])) {
            let fields: Vec<String> = list(&list(entry)[1]).iter().map(text).collect();
            out += &format!("{} {fields:?}\n", text(&list(entry)[0]));
        }
        let groups = self.run(&["XINFO", "GROUPS", key]);
        let mut groups: Vec<_> = list(&groups).iter().map(pairs).collect();
        groups.sort_by_key(|group| group["name"].clone());
        for group in groups {
            let name = &group["name"];
            out += &format!("group {name} {}\n", group["last-delivered-id"]);
            for pending in list(&self.run(&["XPENDING", key, name, "-", "+", "100000"])) {
                let of = list(pending);
                out += &format!("pending {} {} {}\n", text(&of[0]), text(&of[1]), text(&of[3]));
            }
        }
        out
    }
}

pub(crate) fn owned(args: &[&str]) -> Vec<Vec<u8>> {
    args.iter().map(|arg| arg.as_bytes().to_vec()).collect()
}

pub(crate) fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Status(text) => text.clone(),
        Reply::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn list(reply: &Reply) -> &[Reply] {
    match reply {
        Reply::List(items) => items,
        _ => &[],
    }
}

pub(crate) fn pairs(reply: &Reply) -> BTreeMap<String, String> {
    list(reply)
        .chunks_exact(2)
        .map(|pair| (text(&pair[0]), text(&pair[1])))
        .collect()
}

/// A reply in which nothing is left that two right servers may answer differently: the order of a hash's fields, the
/// words of an error after its first, what the stand-in does not say of groups.
pub(crate) fn comparable(args: &[Vec<u8>], reply: &Reply) -> String {
    let is = |at: usize, word: &str| {
        args.get(at)
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    match reply {
        Reply::Error(text) => format!("an error: {}", text.split(' ').next().unwrap_or_default()),
        reply if is(0, "HGETALL") => format!("{:?}", pairs(reply)),
        reply if is(0, "XINFO") => {
            let mut told: Vec<BTreeMap<String, String>> = list(reply).iter().map(pairs).collect();
            let known = ["name", "consumers", "pending", "last-delivered-id"];
            told.iter_mut()
                .for_each(|it| it.retain(|name, _| known.contains(&name.as_str())));
            told.sort();
            format!("{told:?}")
        }
        reply => format!("{reply:?}"),
    }
}
