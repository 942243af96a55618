//! Random decisions that a seed repeats.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Whether a thing happens that happens once in `times`.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        self.0.random_range(0..limit)
    }

    pub fn between(&mut self, least: u32, most: u32) -> u32 {
        self.0.random_range(least..=most)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }

    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// Any number, most often one at which something ends.
    pub fn edge(&mut self) -> i64 {
        const EDGES: [i64; 22] = [
            0,
            1,
            2,
            3,
            -1,
            -2,
            16,
            255,
            4096,
            i16::MAX as i64,
            i32::MAX as i64 - 1,
            i32::MAX as i64,
            i32::MAX as i64 + 1,
            i32::MIN as i64,
            u32::MAX as i64 - 1,
            u32::MAX as i64,
            u32::MAX as i64 + 1,
            1 << 40,
            i64::MAX - 1,
            i64::MAX,
            i64::MIN,
            i64::MIN + 1,
        ];
        match self.below(3) {
            0 => self.bits() as i64,
            1 => i64::from(self.below(200)) - 100,
            _ => self.pick(&EDGES),
        }
    }

    /// Any float, most often one that a filter could mean.
    pub fn float(&mut self) -> f32 {
        match self.below(8) {
            0 => f32::from_bits(self.bits() as u32),
            1 => self.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e-40, -1.0, 2.0]),
            2 => self.pick(&[0.0, 1.0, 0.5]),
            _ => self.below(1001) as f32 / 1000.0,
        }
    }
}
