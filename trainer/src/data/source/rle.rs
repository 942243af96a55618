//! Run lengths as COCO files write masks: down the columns, background first.

use super::report::{Reason, Size};

/// Reads the short form of run lengths: groups of five bits from 48 on, each difference to the run before the last
/// (`maskApi.c` of the COCO tools).
///
/// # Errors
/// When a character does not belong there, or a number is cut off or too long.
pub fn parse(text: &str) -> Result<Vec<u64>, Reason> {
    let bad = |what: &str| Reason::Malformed(format!("run lengths: {what}"));
    let mut runs: Vec<i64> = vec![];
    let mut characters = text.bytes();
    while let Some(mut character) = characters.next() {
        let mut value = 0i64;
        let mut shift = 0;
        loop {
            let bits = i64::from(character) - 48;
            if !(0..64).contains(&bits) {
                return Err(bad("a character that does not belong there"));
            }
            value |= (bits & 0x1f) << shift;
            shift += 5;
            if bits & 0x20 == 0 {
                if bits & 0x10 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            if shift > 45 {
                return Err(bad("a number that is too long"));
            }
            character = characters.next().ok_or_else(|| bad("cut off"))?;
        }
        if runs.len() > 2 {
            value += runs[runs.len() - 2];
        }
        if !(0..=i64::from(u32::MAX)).contains(&value) {
            return Err(bad("a negative or huge run"));
        }
        runs.push(value);
    }
    Ok(runs.into_iter().map(|run| run as u64).collect())
}

/// Writes `label` into every pixel of the odd runs. Labels above `label` stay.
///
/// # Errors
/// When the runs do not add up to the picture's pixels.
pub fn fill(runs: &[u64], label: u8, (width, height): Size, labels: &mut [u8]) -> Result<(), Reason> {
    let pixels = u64::from(width) * u64::from(height);
    let total = runs.iter().try_fold(0u64, |sum, &run| sum.checked_add(run));
    if total != Some(pixels) {
        return Err(Reason::Malformed(format!("run lengths that do not add up to {pixels} pixels")));
    }
    let (width, height) = (width as usize, height as usize);
    let mut at = 0;
    for (i, &run) in runs.iter().enumerate() {
        let next = at + run as usize;
        if i % 2 == 1 {
            for place in at..next {
                let old = &mut labels[place % height * width + place / height];
                *old = label.max(*old);
            }
        }
        at = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_gives_the_runs_that_it_was_made_of() {
        // As pycocotools 2 writes them.
        assert_eq!(parse("52203").unwrap(), [5, 2, 2, 2, 5]);
        assert_eq!(parse("0T3\\9`Mle0CeB").unwrap(), [0, 100, 300, 20, 1000, 7, 573]);
        assert_eq!(parse("PeQ33mdQ3][T2cdkM").unwrap(), [100_000, 3, 99_997, 70_000, 30_000]);
        assert_eq!(parse("").unwrap(), [0u64; 0]);
        for bad in ["P", "5\u{7f}", "ooooooooooooo", "/"] {
            assert!(matches!(parse(bad), Err(Reason::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn runs_go_down_the_columns() {
        let mut labels = vec![0; 6];
        fill(&[1, 3, 2], 2, (3, 2), &mut labels).unwrap();
        assert_eq!(labels, [0, 2, 0, 2, 2, 0]);
        assert!(fill(&[1, 3], 2, (3, 2), &mut labels).is_err());
        assert!(fill(&[u64::MAX, 7], 2, (3, 2), &mut labels).is_err());
    }
}
