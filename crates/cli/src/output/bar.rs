//! How much of something is used, as a bar.

const WIDTH: u64 = 20;

/// `[#####---------------]`: empty only where nothing is used, and full only where all of it is.
pub(crate) fn bar(used: u64, limit: u64) -> String {
    bar_of(used, limit, WIDTH)
}

/// The same with another number of signs, two or more of them.
pub(crate) fn bar_of(used: u64, limit: u64, width: u64) -> String {
    let filled = match (used, limit) {
        (0, _) => 0,
        (used, limit) if used >= limit => width,
        (used, limit) => (used.saturating_mul(width) / limit).clamp(1, width.saturating_sub(1).max(1)),
    };
    let part = |sign: &str, count: u64| sign.repeat(usize::try_from(count).unwrap_or(0));
    format!(
        "[{}{}]",
        part("#", filled),
        part("-", width.saturating_sub(filled))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_or_full_only_where_the_budget_is() {
        let filled = |used, limit| bar(used, limit).matches('#').count();
        assert_eq!((filled(0, 50), filled(1, 10_000), filled(25, 50)), (0, 1, 10));
        assert_eq!(
            (filled(49, 50), filled(50, 50), filled(60, 50), filled(1, 0)),
            (19, 20, 20, 20)
        );
        assert!((0..60).all(|used| bar(used, 50).len() == 22));
    }
}
