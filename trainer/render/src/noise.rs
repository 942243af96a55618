//! Random numbers and noise that are the same on every platform: integer hashing and plain IEEE arithmetic only,
//! no `sin`, `exp` or `pow`, whose last bits differ between C libraries.

/// A stream of random numbers: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream number `stream` of `seed`; streams of one seed are independent of each other.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        rng.next();
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A seed for one of the noise functions.
    pub fn seed(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// Uniform in 0..`n`.
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u32) as usize]
    }
}

/// Hash of a lattice point: the `lowbias32` finaliser found by Chris Wellons' hash-prospector.
#[inline]
pub fn hash(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ seed;
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// Uniform in [0, 1) from the high bits of a hash.
#[inline]
pub fn to_unit(h: u32) -> f32 {
    (h >> 8) as f32 / (1u32 << 24) as f32
}

/// Whole and fractional part, rounding down; `f32::floor` is a call into the C library on plain x86-64.
#[inline]
pub fn split(x: f32) -> (i32, f32) {
    let whole = x as i32;
    let whole = whole - i32::from(x < whole as f32);
    (whole, x - whole as f32)
}

/// Sixteen directions of about the same length.
const DIRECTIONS: [(f32, f32); 16] = [
    (1.0, 0.4),
    (1.0, -0.4),
    (-1.0, 0.4),
    (-1.0, -0.4),
    (0.4, 1.0),
    (-0.4, 1.0),
    (0.4, -1.0),
    (-0.4, -1.0),
    (0.76, 0.76),
    (-0.76, 0.76),
    (0.76, -0.76),
    (-0.76, -0.76),
    (1.08, 0.0),
    (-1.08, 0.0),
    (0.0, 1.08),
    (0.0, -1.08),
];

#[inline]
fn slope(h: u32, x: f32, y: f32) -> f32 {
    let (dx, dy) = DIRECTIONS[(h & 15) as usize];
    dx * x + dy * y
}

/// Gradient noise with the quintic fade (Perlin, "Improving noise", SIGGRAPH 2002), about -1..1, one feature per unit.
#[inline]
pub fn gradient(x: f32, y: f32, seed: u32) -> f32 {
    let ((ix, fx), (iy, fy)) = (split(x), split(y));
    let fade = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (ux, uy) = (fade(fx), fade(fy));
    let (jx, jy) = (ix.wrapping_add(1), iy.wrapping_add(1));
    let n00 = slope(hash(ix, iy, seed), fx, fy);
    let n10 = slope(hash(jx, iy, seed), fx - 1.0, fy);
    let n01 = slope(hash(ix, jy, seed), fx, fy - 1.0);
    let n11 = slope(hash(jx, jy, seed), fx - 1.0, fy - 1.0);
    let top = n00 + (n10 - n00) * ux;
    let bottom = n01 + (n11 - n01) * ux;
    (top + (bottom - top) * uy) * 1.35
}

/// Fractal Brownian motion: `octaves` of gradient noise, each half as high and twice as fine, about -1..1.
#[inline]
pub fn fbm(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut x, mut y, mut amplitude, mut sum) = (x, y, 0.6, 0.0);
    for octave in 0..octaves {
        sum += amplitude * gradient(x, y, seed.wrapping_add(octave.wrapping_mul(0x68bc_21eb)));
        // A turn of each octave (the 3-4-5 triangle) hides the lattice.
        (x, y) = (x * 1.6 + y * 1.2 + 17.3, y * 1.6 - x * 1.2 - 9.7);
        amplitude *= 0.5;
    }
    sum
}

/// How many octaves from `frequency` (features per unit) on are coarser than two pixels of `pitch` units, at most `most`.
pub fn octaves(frequency: f32, pitch: f32, most: u32) -> u32 {
    let mut fine = frequency * pitch;
    let mut count = 1;
    while count < most && fine < 0.25 {
        fine *= 2.0;
        count += 1;
    }
    count
}

/// The nearest scattered points of one place, see [`worley`].
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    /// Distance to the nearest point.
    pub first: f32,
    /// Distance to the second nearest point.
    pub second: f32,
    /// Hash of the nearest point.
    pub id: u32,
}

/// Cellular noise (Worley, "A cellular texture basis function", SIGGRAPH 1996): one jittered point per unit square.
#[inline]
pub fn worley(x: f32, y: f32, seed: u32) -> Cells {
    let ((ix, fx), (iy, fy)) = (split(x), split(y));
    let (mut first, mut second, mut id) = (9.0f32, 9.0f32, 0);
    for dy in -1..=1 {
        for dx in -1..=1 {
            let h = hash(ix.wrapping_add(dx), iy.wrapping_add(dy), seed);
            let px = dx as f32 + (h & 0xffff) as f32 / 65536.0 - fx;
            let py = dy as f32 + (h >> 16) as f32 / 65536.0 - fy;
            let d = px * px + py * py;
            if d < first {
                (second, first, id) = (first, d, h);
            } else if d < second {
                second = d;
            }
        }
    }
    Cells { first: first.sqrt(), second: second.sqrt(), id: hash(id as i32, 1, seed) }
}

/// Cubic step from 0 at `low` to 1 at `high`.
#[inline]
pub fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A wave of period 1 and range -1..1, like a sine but made of parabolas.
#[inline]
pub fn wave(x: f32) -> f32 {
    let t = split(x).1 * 2.0 - 1.0;
    -4.0 * t * (1.0 - t.abs())
}
