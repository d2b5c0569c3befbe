//! The arguments of a command, taken one by one.

use super::number;
use super::reply::Reply;

/// What is left of them.
pub(crate) struct Args<'a> {
    left: &'a [Vec<u8>],
    command: &'a str,
}

impl<'a> Args<'a> {
    /// `left` without the command's name.
    pub(crate) fn new(command: &'a str, left: &'a [Vec<u8>]) -> Self {
        Self { left, command }
    }

    pub(crate) fn len(&self) -> usize {
        self.left.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    pub(crate) fn rest(&mut self) -> &'a [Vec<u8>] {
        std::mem::take(&mut self.left)
    }

    pub(crate) fn next(&mut self) -> Result<&'a [u8], Reply> {
        let Some((first, left)) = self.left.split_first() else {
            return Err(self.wrong_number());
        };
        self.left = left;
        Ok(first)
    }

    pub(crate) fn integer(&mut self) -> Result<i64, Reply> {
        number::integer(self.next()?)
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, Reply> {
        u64::try_from(self.integer()?).map_err(|_| Reply::not_an_integer())
    }

    /// Takes the next argument if it is `word`, in any case.
    pub(crate) fn option(&mut self, word: &str) -> bool {
        let is = self
            .left
            .first()
            .is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        if is {
            self.left = &self.left[1..];
        }
        is
    }

    pub(crate) fn end(&self) -> Result<(), Reply> {
        if self.left.is_empty() {
            Ok(())
        } else {
            Err(Reply::syntax())
        }
    }

    pub(crate) fn wrong_number(&self) -> Reply {
        Reply::Error(format!(
            "ERR wrong number of arguments for '{}' command",
            self.command.to_ascii_lowercase()
        ))
    }
}
