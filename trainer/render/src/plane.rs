//! A field of one number per pixel.

/// Row-major field of `f32`, one value per pixel.
#[derive(Clone, Debug)]
pub struct Plane {
    /// Width in pixels, at least 1.
    pub width: usize,
    /// Height in pixels, at least 1.
    pub height: usize,
    /// `width * height` values.
    pub data: Vec<f32>,
}

impl Plane {
    /// A field that has `value` everywhere.
    pub fn filled(width: usize, height: usize, value: f32) -> Self {
        Self { width, height, data: vec![value; width * height] }
    }

    /// The field of `f(x, y)`.
    pub fn from_fn(width: usize, height: usize, mut f: impl FnMut(usize, usize) -> f32) -> Self {
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            data.extend((0..width).map(|x| f(x, y)));
        }
        Self { width, height, data }
    }

    /// The field of `f(x, y)`, evaluated at every `step`-th pixel and interpolated: for fields that vary slowly.
    pub fn coarse(width: usize, height: usize, step: usize, mut f: impl FnMut(f32, f32) -> f32) -> Self {
        let (columns, rows) = ((width - 1) / step + 2, (height - 1) / step + 2);
        let grid = Self::from_fn(columns, rows, |x, y| f((x * step) as f32, (y * step) as f32));
        let inverse = 1.0 / step as f32;
        Self::from_fn(width, height, |x, y| {
            let (cx, cy) = (x / step, y / step);
            let (fx, fy) = ((x % step) as f32 * inverse, (y % step) as f32 * inverse);
            let at = cy * columns + cx;
            let top = grid.data[at] + (grid.data[at + 1] - grid.data[at]) * fx;
            let below = at + columns;
            let bottom = grid.data[below] + (grid.data[below + 1] - grid.data[below]) * fx;
            top + (bottom - top) * fy
        })
    }

    /// Slope per pixel to the right and downwards (central differences).
    #[inline]
    pub fn slope(&self, x: usize, y: usize) -> (f32, f32) {
        let (left, right) = (x.saturating_sub(1), (x + 1).min(self.width - 1));
        let (up, down) = (y.saturating_sub(1), (y + 1).min(self.height - 1));
        let row = y * self.width;
        (
            (self.data[row + right] - self.data[row + left]) / (right - left).max(1) as f32,
            (self.data[down * self.width + x] - self.data[up * self.width + x]) / (down - up).max(1) as f32,
        )
    }

    /// Two box filters of the given radius in each direction: close to a Gaussian of `0.82 * (radius + 0.5)` pixels.
    pub fn blurred(&self, radius: usize) -> Self {
        if radius == 0 {
            return self.clone();
        }
        let mut out = self.clone();
        for _ in 0..2 {
            out = out.box_rows(radius).transposed();
            out = out.box_rows(radius).transposed();
        }
        out
    }

    fn box_rows(&self, radius: usize) -> Self {
        let mut out = Self::filled(self.width, self.height, 0.0);
        let norm = 1.0 / (2 * radius + 1) as f32;
        let last = self.width as isize - 1;
        for (row, target) in self.data.chunks(self.width).zip(out.data.chunks_mut(self.width)) {
            let at = |x: isize| row[x.clamp(0, last) as usize];
            let radius = radius as isize;
            let mut sum: f32 = (-radius..=radius).map(at).sum();
            for (x, value) in target.iter_mut().enumerate() {
                *value = sum * norm;
                sum += at(x as isize + radius + 1) - at(x as isize - radius);
            }
        }
        out
    }

    fn transposed(&self) -> Self {
        Self::from_fn(self.height, self.width, |x, y| self.data[x * self.width + y])
    }
}

/// The value that the fraction `part` (0..1) of `values` lies above; infinity for none.
pub fn upper_quantile(mut values: Vec<f32>, part: f32) -> f32 {
    if values.is_empty() || part <= 0.0 {
        return f32::INFINITY;
    }
    let rank = ((values.len() as f32 * (1.0 - part)) as usize).min(values.len() - 1);
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}
