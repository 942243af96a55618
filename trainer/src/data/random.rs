//! Random numbers that depend on seed, purpose and index alone, so that a resumed run draws what an uninterrupted
//! one would have drawn.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator that all data code uses.
pub type Random = ChaCha8Rng;

/// What a stream of random numbers is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// Samples that a network learns from.
    Training,
    /// Fixed samples for measuring.
    Measuring,
    /// The division into training and held-out photos.
    Division,
    /// Noise and choices of an adversarial step.
    Adversarial,
    /// The part of the photos to learn from.
    Draw,
}

/// The stream for one sample.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> Random {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// True with the given probability.
pub fn chance(random: &mut Random, probability: f32) -> bool {
    random.random::<f32>() < probability
}

/// Uniform in `low..high`.
pub fn uniform(random: &mut Random, low: f32, high: f32) -> f32 {
    low + (high - low) * random.random::<f32>()
}

/// Standard normal (Box and Muller 1958).
pub fn normal(random: &mut Random) -> f32 {
    let distance = (-2.0 * (1.0 - random.random::<f32>()).ln()).sqrt();
    distance * (std::f32::consts::TAU * random.random::<f32>()).cos()
}

/// Index below `count`.
pub fn index(random: &mut Random, count: usize) -> usize {
    random.random_range(0..count)
}

/// Draws of `count` of the numbers below `count`, each as likely every time (the bootstrap, Efron 1979, "Bootstrap
/// Methods: Another Look at the Jackknife").
pub fn bootstrap(purpose: Purpose, draws: u64, count: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..draws).map(move |draw| {
        let mut random = stream(0, purpose, draw);
        (0..count).map(|_| index(&mut random, count)).collect()
    })
}
