//! Analysing once, composing often.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use crate::{Cancel, DERUST_COLOUR_OWN, Image, ProgressCallback};

/// What a network found in a picture. It needs neither the engine nor the model any more, and any number of threads
/// may compose from it. Freed with derust_analysis_free().
#[derive(Debug)]
pub struct Analysis {
    _opaque: [u8; 0],
}

/// Of an analysis for removal: the picture without rust.
pub const DERUST_OUTPUT_RESULT: i32 = 0;
/// Of an analysis for segmentation: white is rust, black is not.
pub const DERUST_OUTPUT_MASK: i32 = 1;
/// Of an analysis for segmentation: how likely a pixel is rust, black for 0 and white for 1.
pub const DERUST_OUTPUT_PROBABILITY: i32 = 2;
/// Of an analysis for segmentation: the picture with the rust coloured.
pub const DERUST_OUTPUT_OVERLAY: i32 = 3;

/// What to make of an analysis. Begin with DERUST_COMPOSE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ComposeOptions {
    /// sizeof(derust_compose_options).
    pub struct_size: u32,
    /// A DERUST_OUTPUT_ constant.
    pub output: i32,
    /// For the result: how much of the rust goes, 0 to 1.
    pub strength: f32,
    /// For mask and overlay: probability from which on a pixel counts as rust, above 0 and below 1; 0: that of the
    /// analysis.
    pub threshold: f32,
    /// For the result: the mask of the analysis or another one of its size; NULL: no mask.
    pub mask: *const Image,
    /// May be NULL.
    pub progress: ProgressCallback,
    /// Handed to progress.
    pub progress_user_data: *mut c_void,
    /// Stops the call; may be NULL.
    pub cancel: *const Cancel,
    /// Milliseconds after which the call ends with DERUST_ERROR_TIMEOUT; 0: it has no limit.
    pub timeout_ms: u32,
    /// 0.
    pub reserved: u32,
    /// For the result: how much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left.
    pub shape: f32,
    /// A DERUST_COLOUR_ constant. Paint keeps the light and shadow of what it covers.
    pub colour_source: i32,
    /// For a given colour: red, green and blue, sRGB-encoded, 0 to 1.
    pub colour: [f32; 3],
    /// For a colour of the image: the column of its place in the region; the mean of the pixels up to 3 away that count.
    pub colour_x: u32,
    /// Its row.
    pub colour_y: u32,
    /// 0.
    pub reserved_2: u32,
}

impl Default for ComposeOptions {
    /// `DERUST_COMPOSE_OPTIONS_INIT`
    fn default() -> Self {
        ComposeOptions {
            struct_size: crate::size::<Self>(),
            output: DERUST_OUTPUT_RESULT,
            strength: 1.0,
            threshold: 0.0,
            mask: null(),
            progress: None,
            progress_user_data: null_mut(),
            cancel: null(),
            timeout_ms: 0,
            reserved: 0,
            shape: 1.0,
            colour_source: DERUST_COLOUR_OWN,
            colour: [0.0; 3],
            colour_x: 0,
            colour_y: 0,
            reserved_2: 0,
        }
    }
}
