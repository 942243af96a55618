//! Where an axis has its marks.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// A linear scale with marks of its own.
pub struct Scale {
    /// Lowest and highest value.
    pub extent: (f64, f64),
    /// The values that are marked.
    pub marks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let part = (value - self.extent.0) / (self.extent.1 - self.extent.0);
        from + (part * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.extent.0..self.extent.1
    }
}

/// Marks of a linear axis, at 1, 2 or 5 times a power of ten apart; at most about `count` of them.
pub fn linear((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let raw = (high - low) / count.max(1) as f64;
    if !raw.is_finite() || raw <= 0.0 {
        return vec![low];
    }
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// Marks of a logarithmic axis, given and returned as powers of ten: every decade, or 1, 2 and 5 where it has few, or
/// some decades where it has many.
pub fn logarithmic((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let decades = high - low;
    let within = |exponent: &f64| *exponent >= low - 1e-9 && *exponent <= high + 1e-9;
    let (first, last) = (low.floor() as i64, high.ceil() as i64);
    if decades < 0.5 {
        // Too narrow for 1, 2, 5.
        let marks = linear((10f64.powf(low), 10f64.powf(high)), count);
        return marks.into_iter().filter(|value| *value > 0.0).map(f64::log10).filter(within).collect();
    }
    let steps: &[f64] = if decades * 3.0 <= count as f64 * 1.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let skip = ((decades / count.max(1) as f64).ceil() as i64).max(1);
    let marks = (first..=last).filter(|decade| decade % skip == 0);
    marks.flat_map(|decade| steps.iter().map(move |m| decade as f64 + m.log10())).filter(within).collect()
}

/// A value as short as it can be said.
pub fn label(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let size = value.abs();
    if size >= 1e6 {
        return trimmed(format!("{:.2}", value / 1e6)) + "M";
    }
    if size >= 1e4 {
        return trimmed(format!("{:.1}", value / 1e3)) + "k";
    }
    if size < 1e-4 {
        return format!("{value:.0e}");
    }
    let digits = (3 - size.log10().floor() as i32).clamp(0, 7) as usize;
    trimmed(format!("{value:.digits$}"))
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len(), "{found:?} {wanted:?}");
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{found:?} {wanted:?}");
    }

    #[test]
    fn marks_are_round_and_within() {
        close(&linear((0.0, 1.0), 5), &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        close(&linear((-3.2, 11.0), 4), &[0.0, 5.0, 10.0]);
        close(&linear((2.0, 2.0), 4), &[2.0]);
        close(&logarithmic((-2.0, 1.0), 5), &[-2.0, -1.0, 0.0, 1.0]);
        close(&logarithmic((0.0, 1.0), 5), &[0.0, 2f64.log10(), 5f64.log10(), 1.0]);
        close(
            &logarithmic((2f64.log10(), 4f64.log10()), 4),
            &[2f64.log10(), 2.5f64.log10(), 3f64.log10(), 3.5f64.log10(), 4f64.log10()],
        );
    }

    #[test]
    fn labels_are_short() {
        let cases = [
            (0.30000000000000004, "0.3"),
            (0.0, "0"),
            (12.0, "12"),
            (-0.05, "-0.05"),
            (12500.0, "12.5k"),
            (3_000_000.0, "3M"),
            (0.00002, "2e-5"),
            (0.0005, "0.0005"),
        ];
        for (value, text) in cases {
            assert_eq!(label(value), text);
        }
    }
}
