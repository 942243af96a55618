//! One chart with its axes, legend and lines.

use image::{Rgb, RgbImage};
use plotters::prelude::*;

use super::canvas::{Canvas, Drawing, SCALE};
use super::legend::{self, COLOURS, Entry, INK, MARGIN};
use super::ticks::{self, Scale};
use crate::report::lettering::{self, Size, Style};

/// A named line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// (x, y) in the order in which they are joined; where one of them is not finite the line has a gap.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A line through these points.
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Series { name: name.into(), points }
    }

    /// The same with at most this many points, each the mean of neighbours.
    pub fn thinned(&self, most: usize) -> Self {
        let together = self.points.len().div_ceil(most.max(1)).max(1);
        let mean = |chunk: &[(f64, f64)]| {
            let sum = chunk.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
            (sum.0 / chunk.len() as f64, sum.1 / chunk.len() as f64)
        };
        Series { name: self.name.clone(), points: self.points.chunks(together).map(mean).collect() }
    }
}

/// One direction of a chart.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// What is counted, with its unit.
    pub label: String,
    /// Whether equal ratios are equally far apart; values of zero and below are left out then.
    pub logarithmic: bool,
    /// Lowest and highest value shown, in place of those of the lines.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis over the values that there are.
    pub fn of(label: &str) -> Self {
        Axis { label: label.into(), ..Axis::default() }
    }

    /// A linear axis from 0 to 1.
    pub fn unit(label: &str) -> Self {
        Axis { label: label.into(), logarithmic: false, range: Some((0.0, 1.0)) }
    }

    /// A value on the scale that is drawn; `None` where it has no place on it.
    fn scaled(&self, value: f64) -> Option<f64> {
        let scaled = if self.logarithmic { (value > 0.0).then(|| value.log10())? } else { value };
        scaled.is_finite().then_some(scaled)
    }

    /// The range drawn: never empty, with a little air around values.
    fn extent(&self, values: impl Iterator<Item = f64>, air: f64) -> (f64, f64) {
        if let Some((low, high)) = self.range
            && let (Some(low), Some(high)) = (self.scaled(low), self.scaled(high))
            && low < high
        {
            return (low, high);
        }
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return (0.0, 1.0);
        }
        let width = high - low;
        if width <= low.abs().max(1e-12) * 1e-9 {
            let half = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            return (low - half, high + half);
        }
        (low - width * air, high + width * air)
    }

    fn marks(&self, extent: (f64, f64), count: usize) -> Vec<f64> {
        if self.logarithmic { ticks::logarithmic(extent, count) } else { ticks::linear(extent, count) }
    }

    fn tick_label(&self, scaled: f64) -> String {
        ticks::label(if self.logarithmic { 10f64.powf(scaled) } else { scaled })
    }
}

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Stands above.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// The lines; the legend names them where there are several.
    pub series: Vec<Series>,
    /// Whether the legend names even a single one.
    pub named: bool,
    /// A dashed line from corner to corner: what a perfect or a blind method would reach.
    pub diagonal: bool,
    /// Width and height of the picture in pixels.
    pub size: (u32, u32),
}

const GRID: RGBColor = RGBColor(225, 225, 225);
/// Up to this many points a line shows each of them.
const DOTTED: usize = 40;

impl Chart {
    /// A chart of 900 by 500 pixels.
    pub fn new(title: &str, x: Axis, y: Axis, series: Vec<Series>) -> Self {
        Chart { title: title.into(), x, y, series, named: false, diagonal: false, size: (900, 500) }
    }

    /// Whether the values are positive and the largest is at least a hundred times the smallest.
    pub fn spans_decades(&self) -> bool {
        let values = self.series.iter().flat_map(|s| &s.points).map(|p| p.1).filter(|y| y.is_finite());
        let (low, high) = values.fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
        low > 0.0 && low.is_finite() && high >= low * 100.0
    }

    /// The chart as a picture.
    pub fn draw(&self) -> RgbImage {
        let (width, height) = self.size;
        let legend = self.legend();
        let legend_height = legend::height(&legend);
        let title_height = if self.title.is_empty() { 0 } else { 30 };
        let top = MARGIN + title_height + legend_height;
        let mut drawing = Drawing::new(width, height, Rgb([255; 3]));
        self.draw_lines(&mut drawing, top);
        let mut picture = drawing.finish();
        let style = Style { size: Size::Large, bold: true, colour: Rgb([INK.0, INK.1, INK.2]) };
        let title = style.fit(&self.title, width - 2 * MARGIN);
        let left = (width - style.width(&title)) / 2;
        lettering::draw(&mut picture, (left as i32, MARGIN as i32), &title, style);
        for entry in legend {
            entry.draw(&mut picture, MARGIN + title_height);
        }
        picture
    }

    fn legend(&self) -> Vec<Entry> {
        if self.series.len() < 2 && !self.named {
            return vec![];
        }
        legend::entries(self.series.iter().map(|series| series.name.as_str()), self.size.0)
    }

    fn draw_lines(&self, drawing: &mut Drawing, top: u32) {
        let lines: Vec<Vec<Vec<(f64, f64)>>> = self.series.iter().map(|one| self.unbroken(one)).collect();
        let points = || lines.iter().flatten().flatten();
        let x_extent = self.x.extent(points().map(|p| p.0), 0.0);
        let y_extent = self.y.extent(points().map(|p| p.1), 0.05);
        let (x_marks, y_marks) = (self.x.marks(x_extent, 8), self.y.marks(y_extent, 6));
        let style = TextStyle::from(("monospace", 16 * SCALE)).color(&INK);
        let letter = Style { size: Size::Normal, bold: false, colour: Rgb([0; 3]) };
        let widest = y_marks.iter().map(|mark| letter.width(&self.y.tick_label(*mark))).max().unwrap_or(0);
        let description = if self.y.label.is_empty() { 0 } else { 24 };
        let root = Canvas(drawing).into_drawing_area();
        let drawn = (|| {
            let mut chart = ChartBuilder::on(&root)
                .margin(MARGIN * SCALE)
                .margin_top(top * SCALE)
                .margin_right((MARGIN + 24) * SCALE)
                .x_label_area_size((if self.x.label.is_empty() { 28 } else { 52 }) * SCALE)
                .y_label_area_size((widest + 14 + description) * SCALE)
                .build_cartesian_2d(
                    Scale { extent: x_extent, marks: x_marks },
                    Scale { extent: y_extent, marks: y_marks },
                )?;
            chart
                .configure_mesh()
                .max_light_lines(0)
                .light_line_style(TRANSPARENT)
                .bold_line_style(GRID.stroke_width(SCALE))
                .axis_style(INK.stroke_width(SCALE))
                .label_style(style.clone())
                .axis_desc_style(style.clone())
                .x_desc(self.x.label.clone())
                .y_desc(self.y.label.clone())
                .x_label_formatter(&|value| self.x.tick_label(*value))
                .y_label_formatter(&|value| self.y.tick_label(*value))
                .draw()?;
            if self.diagonal {
                let corners = [(x_extent.0, y_extent.0), (x_extent.1, y_extent.1)];
                let dashes = DashedLineSeries::new(corners, 12, 10, RGBColor(150, 150, 150).stroke_width(3));
                chart.draw_series(dashes)?;
            }
            for (number, pieces) in lines.iter().enumerate() {
                let [r, g, b] = COLOURS[number % COLOURS.len()];
                let stroke = RGBColor(r, g, b).stroke_width(2 * SCALE);
                for piece in pieces {
                    // Joined by circles: corners of one long path would shoot out where it turns sharply.
                    chart.draw_series(piece.windows(2).map(|two| PathElement::new(two, stroke)))?;
                    let joints = piece.iter().map(|p| Circle::new(*p, SCALE as i32, stroke.filled()));
                    chart.draw_series(joints)?;
                    if piece.len() <= DOTTED {
                        let dots = piece.iter().map(|p| Circle::new(*p, 4 * SCALE as i32, stroke.filled()));
                        chart.draw_series(dots)?;
                    }
                }
            }
            root.present()
        })();
        // The canvas is memory: nothing on it fails.
        debug_assert!(drawn.is_ok(), "{drawn:?}");
    }

    /// A line's points on the scales drawn, in pieces without gaps.
    fn unbroken(&self, series: &Series) -> Vec<Vec<(f64, f64)>> {
        let mut pieces = vec![vec![]];
        // More than one in two pixels cannot be told apart.
        for (x, y) in &series.thinned(self.size.0 as usize / 2).points {
            match (self.x.scaled(*x), self.y.scaled(*y)) {
                (Some(x), Some(y)) => pieces.last_mut().expect("there is a piece").push((x, y)),
                _ => pieces.push(vec![]),
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(series: Vec<Series>) -> Chart {
        Chart::new("Title", Axis::of("step"), Axis::of("value"), series)
    }

    /// The places of the pixels of a line's colour.
    fn coloured(picture: &RgbImage, colour: [u8; 3]) -> Vec<(u32, u32)> {
        picture.enumerate_pixels().filter(|(_, _, p)| p.0 == colour).map(|(x, y, _)| (x, y)).collect()
    }

    #[test]
    fn a_rising_line_rises_and_a_falling_one_falls() {
        let line = |y: [f64; 2]| chart(vec![Series::new("a", vec![(0.0, y[0]), (10.0, y[1])])]).draw();
        for (picture, rises) in [(line([1.0, 2.0]), true), (line([2.0, 1.0]), false)] {
            assert_eq!(picture.dimensions(), (900, 500));
            let places = coloured(&picture, COLOURS[0]);
            let (left, right) = (places.iter().min().unwrap(), places.iter().max().unwrap());
            assert!(right.0 - left.0 > 600, "the line spans the chart: {left:?} {right:?}");
            assert_eq!(right.1 < left.1, rises);
        }
    }

    #[test]
    fn a_logarithmic_scale_makes_decades_equally_far() {
        let points = vec![(0.0, 1.0), (1.0, 10.0), (2.0, 100.0)];
        let mut chart = chart(vec![Series::new("a", points)]);
        assert!(chart.spans_decades());
        let bend = |chart: &Chart| {
            let lines = chart.unbroken(&chart.series[0]);
            (lines[0][2].1 - lines[0][1].1) / (lines[0][1].1 - lines[0][0].1)
        };
        assert_eq!(bend(&chart), 10.0);
        chart.y.logarithmic = true;
        assert_eq!(bend(&chart), 1.0);
    }

    #[test]
    fn gaps_single_points_and_nothing_at_all_are_drawn() {
        let gap = Series::new("gap", vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, 1.0)]);
        assert_eq!(chart(vec![]).unbroken(&gap).len(), 2);
        let mut charts = vec![
            chart(vec![]),
            chart(vec![gap]),
            chart(vec![Series::new("one", vec![(5.0, 0.0)])]),
            chart(vec![Series::new("none", vec![]), Series::new("nan", vec![(f64::NAN, f64::INFINITY)])]),
            chart(vec![Series::new("negative", vec![(0.0, -1.0), (1.0, 0.0)])]),
        ];
        charts[4].y.logarithmic = true;
        charts[2].size = (300, 200);
        for chart in &charts {
            assert_eq!(chart.draw().dimensions(), chart.size);
        }
        assert!(!coloured(&charts[2].draw(), COLOURS[0]).is_empty(), "a single point shows");
    }

    #[test]
    fn the_legend_names_every_line_in_its_colour() {
        let series =
            |i: usize| Series::new(format!("a run with a rather long name {i}"), vec![(0.0, i as f64)]);
        let chart = chart((0..5).map(series).collect());
        let entries = chart.legend();
        assert_eq!(entries.len(), 5);
        assert!(entries.iter().all(|e| e.right() <= 900));
        assert!(entries[4].top > entries[0].top, "five long names need several lines");
        let picture = chart.draw();
        for (entry, colour) in entries.iter().zip(COLOURS) {
            assert_eq!(picture.get_pixel(entry.left + 2, MARGIN + 30 + entry.top + 9).0, colour);
        }
    }

    #[test]
    fn many_points_are_averaged_and_few_are_kept() {
        let series = |count: usize| Series::new("a", (0..count).map(|i| (i as f64, 2.0)).collect());
        assert_eq!(series(10).thinned(10), series(10));
        let many = series(1000).thinned(100);
        assert_eq!((many.points.len(), many.points[0]), (100, (4.5, 2.0)));
    }
}
