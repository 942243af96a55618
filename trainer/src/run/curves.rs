//! The curves of a run, as pictures in its folder.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::files;
use crate::report::plot::curves_of_run;

/// Options of `curves`.
#[derive(Args, Clone, Debug)]
pub struct CurvesOptions {
    /// The run's folder.
    run: PathBuf,
}

/// Draws a run's curves again, from its metrics file.
///
/// # Errors
/// When the file cannot be read or a picture cannot be written.
pub fn write(options: &CurvesOptions) -> Result<()> {
    curves_of_run(&options.run.join(files::METRICS), &options.run)
}
