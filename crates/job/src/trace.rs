//! W3C trace context, as callers hand it in with a job.
//!
//! It is kept and handed on, and nothing depends on it: what can't be read is left out, as the standard asks
//! (<https://www.w3.org/TR/trace-context/>).

/// The longest `traceparent`; one of version `00` has 55 characters, later versions may add to that.
const MAX_TRACEPARENT: usize = 256;
/// The longest `tracestate` that everybody has to hand on, in characters, and the most members of it.
const MAX_TRACESTATE: usize = 512;
const MAX_MEMBERS: usize = 32;

/// What a `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent<'a> {
    /// The trace, 32 characters of hex.
    pub trace_id: &'a str,
    /// The span that is the parent, 16 characters of hex.
    pub span_id: &'a str,
    /// Whether the caller's side records the trace.
    pub is_sampled: bool,
}

/// Reads a `traceparent`: version, trace, span and flags in lower-case hex, none of the ids zero. `None` where it can't
/// be used.
pub fn read_traceparent(text: &str) -> Option<TraceParent<'_>> {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        parts
            .next()
            .filter(|part| part.len() == length && part.bytes().all(is_hex))
    };
    let (version, trace_id, span_id, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let is_zero = |id: &str| id.bytes().all(|b| b == b'0');
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let good = version != "ff"
        && !is_zero(trace_id)
        && !is_zero(span_id)
        && (version != "00" || parts.next().is_none())
        && text.len() <= MAX_TRACEPARENT
        && text.bytes().all(|b| b.is_ascii_graphic());
    good.then_some(TraceParent {
        trace_id,
        span_id,
        is_sampled: flags & 1 == 1,
    })
}

/// Whether it is a usable `traceparent`; see [`read_traceparent`].
pub fn is_traceparent(text: &str) -> bool {
    read_traceparent(text).is_some()
}

/// Whether it is a usable `tracestate`: at most 32 members `key=value` in at most 512 printable characters.
pub fn is_tracestate(text: &str) -> bool {
    let members: Vec<&str> = text.split(',').map(str::trim).collect();
    let member = |member: &&str| {
        member
            .split_once('=')
            .is_some_and(|(key, value)| !key.is_empty() && !value.is_empty() && !value.contains('='))
    };
    text.len() <= MAX_TRACESTATE
        && members.len() <= MAX_MEMBERS
        && text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t'))
        && members.iter().all(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let read = read_traceparent(GOOD).unwrap();
        assert_eq!(read.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((read.span_id, read.is_sampled), ("00f067aa0ba902b7", true));
        assert!(!read_traceparent(&GOOD.replace("-01", "-02")).unwrap().is_sampled);
        for good in [
            GOOD,
            &format!("01{}-more", &GOOD[2..]),
            &GOOD.replace("-01", "-00"),
        ] {
            assert!(is_traceparent(good), "{good}");
        }
        let long = format!("01{}-{}", &GOOD[2..], "x".repeat(256));
        for bad in [
            "",
            "x",
            "00-0-0-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            &format!("ff{}", &GOOD[2..]),
            &format!("{GOOD}-more"),
            &format!("{GOOD} "),
            &format!("01{}-a b", &GOOD[2..]),
            &long,
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }

    #[test]
    fn a_tracestate_is_bounded() {
        let most = vec!["k=v"; 32].join(",");
        for good in ["vendor=abc", "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", &most] {
            assert!(is_tracestate(good), "{good}");
        }
        let (many, long) = (vec!["k=v"; 33].join(","), format!("k={}", "v".repeat(511)));
        for bad in ["", "x", "=v", "k=", "k=v,", "k=v\n", "k=ü", &many, &long] {
            assert!(!is_tracestate(bad), "{bad}");
        }
    }
}
