//! libderust for Rust programs: finds rust (the corrosion) in pictures and takes it away.
//!
//! ```no_run
//! use derust_client::{Engine, EngineOptions, Format, Image, ImageMut, Layout, SegmentOptions, SegmentOutputs};
//!
//! # fn main() -> Result<(), derust_client::Error> {
//! let engine = Engine::new(EngineOptions::default())?; // one for the whole program, shared by all threads
//! # let (mut pixels, width, height) = (vec![0u8; 12], 2, 2);
//! let layout = Layout::new(width, height, Format::RgbU8);
//! let image = Image::new(&pixels, layout);
//! let report = engine.segment(&image, SegmentOutputs::default(), SegmentOptions::default())?;
//! println!("{:.1} % rust in {} places", report.summary().fraction * 100.0, report.summary().region_count);
//!
//! engine.remove_in_place(&mut ImageMut::new(&mut pixels, layout), Default::default())?;
//! # Ok(())
//! # }
//! ```
//!
//! The words are those of `derust.h`, `derust.hpp` and the Python package. Nothing is linked: the library file is found,
//! loaded and compared with what this crate was built for when it is first needed ([`load`], [`load_from`]), and stays
//! loaded. It has to be installed with the program, with ONNX Runtime and models (`cargo xtask install --prefix …`).
//!
//! An [`Engine`], an [`Analysis`], a [`Removal`] and a [`Report`] serve any number of threads at once. Pixels stay in the
//! caller's memory and are borrowed for the call. A progress function may panic: the panic stops the call and goes on in
//! the caller. After a fork the child needs an engine of its own; an inherited one answers with [`ErrorKind::Forked`].
//!
//! The modules, each of which knows those before it: `error`, `library` (finding and loading), `handle`, `image` (pixels),
//! `callbacks`, `cancel`, `options`, `inventory` (models, devices, the runtime), `info` (of calls), `report`, `canvas`, `analysis`, `engine`,
//! `batch`.

mod analysis;
mod batch;
mod callbacks;
mod cancel;
mod canvas;
mod engine;
mod error;
mod handle;
mod image;
mod info;
mod inventory;
mod library;
mod options;
mod report;

pub use analysis::{Analysis, Removal};
pub use batch::{Batch, RemoveJob, SegmentJob};
pub use callbacks::{Building, Log, LogLevel, Progress};
pub use cancel::Cancel;
pub use canvas::Canvas;
pub use engine::{Engine, SegmentOutputs};
pub use error::{Error, ErrorKind, LibraryError};
pub use image::{
    Alpha, Chroma, Format, Image, ImageMut, Layout, Matrix, Primaries, Rectangle, Sample, Transfer,
};
pub use info::{CallInfo, Caution};
pub use inventory::{DeviceInfo, Filter, Health, ModelInfo, RuntimeInfo};
pub use library::{file_names, load, load_from, path, version};
pub use options::{
    Colour, ComposeOptions, Device, EngineOptions, MaskMode, RemoveOptions, Scale, SegmentOptions,
};
pub use report::{Point, Region, Report, Summary};

/// Why a library file cannot be used; see [`LibraryError::Refused`].
pub use derust_interface::LoadError;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
