//! What happened in a run, line by line, and one number over all of it.

use std::fmt;

/// FNV-1a over everything that it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text.as_bytes());
        Ok(())
    }
}

/// The lines are kept where somebody wants to read them; the fingerprint always covers them.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    keep: bool,
    fingerprint: Fingerprint,
    lines: Vec<String>,
}

impl Trace {
    pub(crate) fn new(keep: bool) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// Notes what happened at `ms` of virtual time, and to whom.
    pub(crate) fn add(&mut self, ms: u64, who: fmt::Arguments<'_>, what: fmt::Arguments<'_>) {
        // Writing to a fingerprint can't fail.
        let _ = fmt::Write::write_fmt(&mut self.fingerprint, format_args!("{what}"));
        self.add_line(ms, who, || what.to_string());
    }

    /// The same for something that went into the fingerprint by [`Trace::add_bytes`]; `line` is asked for where lines
    /// are kept.
    pub(crate) fn add_line(&mut self, ms: u64, who: fmt::Arguments<'_>, line: impl FnOnce() -> String) {
        let _ = fmt::Write::write_fmt(&mut self.fingerprint, format_args!("{ms} {who}\n"));
        if self.keep {
            let (seconds, ms) = (ms / 1000, ms % 1000);
            let who = who.to_string();
            self.lines
                .push(format!("{seconds:>5}.{ms:03} {who:<9} {}", line()));
        }
    }

    pub(crate) fn add_bytes(&mut self, bytes: &[u8]) {
        self.fingerprint.add(bytes);
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint.value()
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}
