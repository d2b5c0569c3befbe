//! The generator behind `math.random` in Redis: the 48-bit linear congruential one of POSIX's `lrand48`.

/// Its state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lrand(u64);

const MASK: u64 = (1 << 48) - 1;
/// One more than the largest number it gives.
const MAX: u64 = 1 << 31;

impl Lrand {
    pub(crate) fn new(seed: i64) -> Self {
        // Only the low 32 bits count, as for `srand48`.
        Self(((seed as u64 & 0xffff_ffff) << 16) | 0x330e)
    }

    /// From 0 to 1, 1 never.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 = (self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xb)) & MASK;
        // Redis takes the number modulo its maximum, 2^31 - 1.
        let number = (self.0 >> 17) % (MAX - 1);
        number as f64 / (MAX - 1) as f64
    }
}
