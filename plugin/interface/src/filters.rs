//! How the filters are asked.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};

use crate::{CallInfo, Cancel, Image, ProgressCallback};

/// Analyse at the scale that the network knows: larger pictures are reduced, results enlarged along the picture's
/// own edges.
pub const DERUST_SCALE_MODEL: i32 = 0;
/// Analyse at the picture's own scale.
pub const DERUST_SCALE_NATIVE: i32 = 1;
/// The mask limits what the network finds.
pub const DERUST_MASK_LIMIT: i32 = 0;
/// The mask stands in for what the network finds.
pub const DERUST_MASK_REPLACE: i32 = 1;

/// The fill has its own colours.
pub const DERUST_COLOUR_OWN: i32 = 0;
/// The fill is painted in a colour that is given.
pub const DERUST_COLOUR_GIVEN: i32 = 1;
/// The fill is painted in the colour of a place in the image.
pub const DERUST_COLOUR_FROM_IMAGE: i32 = 2;

/// How to look for rust. Begin with DERUST_SEGMENT_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SegmentOptions {
    /// sizeof(derust_segment_options).
    pub struct_size: u32,
    /// A DERUST_SCALE_ constant.
    pub scale: i32,
    /// Name of the model, UTF-8; NULL: the one that serves.
    pub model: *const c_char,
    /// Probability from which on a pixel counts as rust, above 0 and below 1; 0: the model's own.
    pub threshold: f32,
    /// 1: the report holds the contour of every region. 0: it does not.
    pub contours: u32,
    /// May be NULL.
    pub progress: ProgressCallback,
    /// Handed to progress.
    pub progress_user_data: *mut c_void,
    /// Stops the call; may be NULL.
    pub cancel: *const Cancel,
    /// 1: a picture that cannot be judged is looked at all the same, and what is said of it may mean nothing. 0: it is
    /// refused with DERUST_ERROR_UNJUDGEABLE.
    pub judge_anyway: u32,
    /// Milliseconds after which the call ends with DERUST_ERROR_TIMEOUT, within one tile: from its begin on, with what it
    /// waits for; 0: it has no limit. A batch has it as a whole.
    pub timeout_ms: u32,
    /// Gets what the call says of itself when it succeeds; may be NULL. For a batch it is the first of as many structs as
    /// there are images, one behind the other and all of one size.
    pub info: *mut CallInfo,
}

impl Default for SegmentOptions {
    /// `DERUST_SEGMENT_OPTIONS_INIT`
    fn default() -> Self {
        SegmentOptions {
            struct_size: crate::size::<Self>(),
            scale: DERUST_SCALE_MODEL,
            model: null(),
            threshold: 0.0,
            contours: 0,
            progress: None,
            progress_user_data: null_mut(),
            cancel: null(),
            judge_anyway: 0,
            timeout_ms: 0,
            info: null_mut(),
        }
    }
}

/// How to remove rust. Begin with DERUST_REMOVE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RemoveOptions {
    /// sizeof(derust_remove_options).
    pub struct_size: u32,
    /// A DERUST_SCALE_ constant.
    pub scale: i32,
    /// Name of the model, UTF-8; NULL: the one that serves.
    pub model: *const c_char,
    /// Where to treat: gray, of the size of the image's region, white is treated; NULL: no mask.
    pub mask: *const Image,
    /// A DERUST_MASK_ constant.
    pub mask_mode: i32,
    /// How much of the rust goes, 0 to 1.
    pub strength: f32,
    /// May be NULL.
    pub progress: ProgressCallback,
    /// Handed to progress.
    pub progress_user_data: *mut c_void,
    /// Stops the call; may be NULL.
    pub cancel: *const Cancel,
    /// 1: the fill is left as the network made it. 0: what it lacks in texture comes from clean parts of the image.
    pub plain_fill: u32,
    /// 0.
    pub reserved: u32,
    /// 1: a picture that cannot be judged is looked at all the same. 0: it is refused with DERUST_ERROR_UNJUDGEABLE, unless
    /// a mask stands in for what the network finds.
    pub judge_anyway: u32,
    /// Milliseconds after which the call ends with DERUST_ERROR_TIMEOUT, within one tile: from its begin on, with what it
    /// waits for; 0: it has no limit. A batch has it as a whole.
    pub timeout_ms: u32,
    /// Gets what the call says of itself when it succeeds; may be NULL. For a batch it is the first of as many structs as
    /// there are images, one behind the other and all of one size.
    pub info: *mut CallInfo,
    /// How much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left.
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

impl Default for RemoveOptions {
    /// `DERUST_REMOVE_OPTIONS_INIT`
    fn default() -> Self {
        RemoveOptions {
            struct_size: crate::size::<Self>(),
            scale: DERUST_SCALE_MODEL,
            model: null(),
            mask: null(),
            mask_mode: DERUST_MASK_LIMIT,
            strength: 1.0,
            progress: None,
            progress_user_data: null_mut(),
            cancel: null(),
            plain_fill: 0,
            reserved: 0,
            judge_anyway: 0,
            timeout_ms: 0,
            info: null_mut(),
            shape: 1.0,
            colour_source: DERUST_COLOUR_OWN,
            colour: [0.0; 3],
            colour_x: 0,
            colour_y: 0,
            reserved_2: 0,
        }
    }
}
