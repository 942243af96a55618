//! Tables for terminals and pages.

/// A value in a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What is read.
    pub text: String,
    /// Whether it is the best of its row.
    pub best: bool,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell { text: text.into(), best: false }
    }
}

/// Rows under a head; the first column names, the others count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub head: Vec<String>,
    /// As many cells in each as the head has.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// For a terminal: columns of even width, the best of a row with a star.
    pub fn text(&self) -> String {
        let shown = |cell: &Cell| format!("{}{}", cell.text, if cell.best { "*" } else { " " });
        let mut lines: Vec<Vec<String>> = vec![self.head.iter().map(|name| format!("{name} ")).collect()];
        lines.extend(self.rows.iter().map(|row| row.iter().map(shown).collect()));
        let width = |column: usize| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let mut text = String::new();
        for line in lines {
            let mut said = String::new();
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                said += &if column == 0 { format!("{cell}{padding}") } else { format!("  {padding}{cell}") };
            }
            text += said.trim_end();
            text.push('\n');
        }
        text
    }
}

/// A number with about four digits that count.
pub fn number(value: f64) -> String {
    with_digits(value, 4)
}

/// A number with about three digits that count.
pub fn short(value: f64) -> String {
    with_digits(value, 3)
}

fn with_digits(value: f64, digits: i32) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "-".into()
    } else if value == 0.0 || value.fract() == 0.0 && size < 1e7 {
        format!("{value:.0}")
    } else if (1e-3..1e5).contains(&size) {
        let digits = (digits - 1 - size.log10().floor() as i32).clamp(0, 5) as usize;
        format!("{value:.digits$}")
    } else {
        format!("{value:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let best = Cell { text: "0.5".into(), best: true };
        let table = Table {
            head: ["", "first", "b"].map(String::from).to_vec(),
            rows: vec![
                vec!["iou".into(), "0.25".into(), best],
                vec!["calibration".into(), "1".into(), "2".into()],
            ],
        };
        assert_eq!(
            table.text(),
            "              first     b\niou            0.25   0.5*\ncalibration       1     2\n"
        );
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        let cases = [
            (0.61234, "0.6123"),
            (15.1548, "15.15"),
            (0.0, "0"),
            (137.0, "137"),
            (0.0123456, "0.01235"),
            (2e-5, "2.00e-5"),
            (f64::NAN, "-"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(
            (short(0.61234), short(15.16), short(137.0)),
            ("0.612".into(), "15.2".into(), "137".into())
        );
    }
}
