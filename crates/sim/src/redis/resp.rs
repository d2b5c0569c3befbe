//! The protocol, RESP2: commands as clients send them, and replies.

use super::Reply;

/// A command with its arguments.
type Command = Vec<Vec<u8>>;

/// A command in the protocol.
pub fn command<T: AsRef<[u8]>>(args: &[T]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    args.iter().for_each(|arg| bulk(arg.as_ref(), &mut out));
    out
}

/// Takes the first command off `buffer`; `None` while it is not there as a whole.
///
/// # Errors
/// Where the bytes are no command.
pub fn parse_command(buffer: &[u8]) -> Result<Option<(Command, usize)>, String> {
    let Some((reply, used)) = parse_reply(buffer)? else {
        return Ok(None);
    };
    let Reply::List(parts) = reply else {
        return Err(format!("a command was expected, not {reply:?}"));
    };
    let args = parts.into_iter().map(|part| match part {
        Reply::Bulk(bytes) => Ok(bytes),
        other => Err(format!("an argument was expected, not {other:?}")),
    });
    Ok(Some((args.collect::<Result<_, _>>()?, used)))
}

/// Takes the first reply off `buffer`; `None` while it is not there as a whole.
///
/// # Errors
/// Where the bytes are no reply.
pub fn parse_reply(buffer: &[u8]) -> Result<Option<(Reply, usize)>, String> {
    let Some(end) = buffer.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&buffer[1..end.max(1)]).into_owned();
    let after = end + 2;
    let number = || line.parse::<i64>().map_err(|_| format!("not a number: {line}"));
    let reply = match buffer[0] {
        b'+' => Reply::Status(line),
        b'-' => Reply::Error(line),
        b':' => Reply::Int(number()?),
        b'$' => {
            let Ok(length) = usize::try_from(number()?) else {
                return Ok(Some((Reply::Nil, after)));
            };
            let Some(bytes) = buffer.get(after..after + length) else {
                return Ok(None);
            };
            let used = after + length + 2;
            return Ok((buffer.len() >= used).then(|| (Reply::Bulk(bytes.to_vec()), used)));
        }
        b'*' => {
            let Ok(count) = usize::try_from(number()?) else {
                return Ok(Some((Reply::NilList, after)));
            };
            let (mut items, mut used) = (Vec::with_capacity(count), after);
            for _ in 0..count {
                let Some((item, length)) = parse_reply(&buffer[used..])? else {
                    return Ok(None);
                };
                items.push(item);
                used += length;
            }
            return Ok(Some((Reply::List(items), used)));
        }
        other => return Err(format!("no reply begins with byte {other}")),
    };
    Ok(Some((reply, after)))
}

/// Writes a reply in the protocol.
pub fn encode(reply: &Reply, out: &mut Vec<u8>) {
    let mut line = |mark: char, text: &str| out.extend(format!("{mark}{text}\r\n").bytes());
    match reply {
        Reply::Status(text) => line('+', text),
        Reply::Error(text) => line('-', text),
        Reply::Int(number) => line(':', &number.to_string()),
        Reply::Bulk(bytes) => bulk(bytes, out),
        Reply::Nil => line('$', "-1"),
        Reply::NilList => line('*', "-1"),
        Reply::List(items) => {
            line('*', &items.len().to_string());
            items.iter().for_each(|item| encode(item, out));
        }
    }
}

fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("${}\r\n", bytes.len()).bytes());
    out.extend(bytes);
    out.extend(b"\r\n");
}
