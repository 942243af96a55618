//! The filters: what they offer, what they are asked for, how they work, and where their results go.
//!
//! `procedures` and `settings` are the questions, `engine` and `canvas` libderust, `work` is what a run knows, `remove` and
//! `segment` are the filters made of it, `outputs` puts results where they belong.

mod canvas;
mod engine;
mod outputs;
mod procedures;
mod remove;
mod segment;
mod settings;
mod work;

use std::sync::OnceLock;

use derust_client::Progress;

use crate::text::Problem;

pub use canvas::Canvas;
pub use engine::Engine;
pub use outputs::{Stream, Target, check, put, stream};
pub use procedures::{ABOUT, Filter, PROCEDURES};
pub use settings::{Device, Output, Settings};
pub use work::{ANALYSED, Made, Source, Sources, Work};

/// Makes what the settings ask for. A picture without rust is composed onto `canvas` and goes into what was made when that is
/// over; see [`Made::with`].
///
/// # Errors
/// When libderust, ONNX Runtime or a model is missing or fails, memory is short, or `progress` says that it is enough.
pub fn make(
    work: &mut Work,
    settings: &Settings,
    canvas: &OnceLock<Canvas>,
    progress: Progress<'_>,
) -> Result<Made, Problem> {
    match work.filter() {
        Filter::Derust => remove::make(work, settings, canvas, progress),
        Filter::SegmentRust => segment::make(work, settings, progress),
    }
}
