//! Which of several lines is chosen.

/// One of a list that changes while somebody looks at it: what is chosen stays so, by its name, wherever it moves to.
#[derive(Debug, Clone, Default)]
pub(in crate::commands::top) struct Choice {
    at: usize,
    key: Option<String>,
}

impl Choice {
    /// Its number in the list as it was last told.
    pub(in crate::commands::top) const fn at(&self) -> usize {
        self.at
    }

    /// Its name.
    pub(in crate::commands::top) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The list is another one now.
    pub(super) fn settle(&mut self, keys: &[String]) {
        let same = keys.iter().position(|key| Some(key) == self.key.as_ref());
        self.go(same.unwrap_or(self.at), keys);
    }

    /// Chooses another one; the last where there are fewer.
    pub(super) fn go(&mut self, at: usize, keys: &[String]) {
        self.at = at.min(keys.len().saturating_sub(1));
        self.key = keys.get(self.at).cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_chosen_stays_so_while_the_list_moves() {
        let keys = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut choice = Choice::default();
        choice.settle(&keys("a b c"));
        choice.go(1, &keys("a b c"));
        choice.settle(&keys("new a b c"));
        assert_eq!((choice.at(), choice.key()), (2, Some("b")));
        // It is gone: what stands in its place is chosen.
        choice.settle(&keys("new a c"));
        assert_eq!((choice.at(), choice.key()), (2, Some("c")));
        choice.settle(&[]);
        assert_eq!((choice.at(), choice.key()), (0, None));
    }
}
