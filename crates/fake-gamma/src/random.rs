//! Random values that depend on nothing but a seed, a purpose and a count, so a run can be repeated even though
//! requests arrive in another order: the third POST gets the third draw, whatever else went on around it.

/// What a draw is for; two purposes never share a sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Whether a fault rule applies; the number is the rule's position.
    Fault(usize),
    /// How long a generation takes.
    GenerationTime,
    /// Ids of things; the number tells the kinds of id apart.
    Id(u8),
}

impl Purpose {
    fn number(self) -> u64 {
        match self {
            Self::Fault(rule) => 0x1000 + rule as u64,
            Self::GenerationTime => 1,
            Self::Id(kind) => 0x100 + u64::from(kind),
        }
    }
}

/// The draw number `count` for `purpose`: 64 evenly spread bits.
pub(crate) fn draw(seed: u64, purpose: Purpose, count: u64) -> u64 {
    mix(mix(mix(seed) ^ purpose.number()) ^ count)
}

/// The same draw as a number in `0.0..1.0`.
pub(crate) fn draw_unit(seed: u64, purpose: Purpose, count: u64) -> f64 {
    // 53 bits are what an f64 holds exactly.
    (draw(seed, purpose, count) >> 11) as f64 / (1_u64 << 53) as f64
}

/// An opaque id of `length` letters and digits.
pub(crate) fn id(nonce: u64, kind: u8, count: u64, length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bits = draw(nonce, Purpose::Id(kind), count);
    (0..length)
        .map(|_| {
            let letter = ALPHABET[(bits % 62) as usize];
            bits = mix(bits);
            char::from(letter)
        })
        .collect()
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        assert_eq!(
            draw(7, Purpose::GenerationTime, 3),
            draw(7, Purpose::GenerationTime, 3)
        );
        assert_ne!(
            draw(7, Purpose::GenerationTime, 3),
            draw(8, Purpose::GenerationTime, 3)
        );
        assert_ne!(draw(7, Purpose::Fault(0), 3), draw(7, Purpose::Fault(1), 3));
    }

    #[test]
    fn unit_draws_are_spread_evenly() {
        let below: usize = (0..10_000)
            .filter(|n| draw_unit(1, Purpose::Fault(0), *n) < 0.05)
            .count();
        assert!(
            (400..600).contains(&below),
            "{below} of 10,000 draws were below 0.05"
        );
    }

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<String> = (0..10_000).map(|n| id(42, 1, n, 20)).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
