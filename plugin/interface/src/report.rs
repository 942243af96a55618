//! What was found.

/// What a segmentation says about a picture: the rusted area, and every connected region of rust (pixels that touch
/// at a side or a corner belong together). Freed with derust_report_free().
#[derive(Debug)]
pub struct Report {
    _opaque: [u8; 0],
}

/// Nothing makes the judgement less sure.
pub const DERUST_CAUTION_NONE: i32 = 0;
/// The picture is dark; rust in it is easily missed.
pub const DERUST_CAUTION_DARK: i32 = 1;

/// What a call says of itself. Begin with DERUST_CALL_INFO_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CallInfo {
    /// sizeof(derust_call_info), set by the caller.
    pub struct_size: u32,
    /// A DERUST_CAUTION_ constant: what makes the judgement less sure. Later versions may add some.
    pub caution: i32,
    /// Nanoseconds that the call waited for others: for a session, for memory, for a network that another call loads. This
    /// and the three below are together what the call took; for an image of a batch: from when its turn came.
    pub wait_ns: u64,
    /// Nanoseconds for bringing the picture to the scale at which the network works, and for judging it.
    pub reduce_ns: u64,
    /// Nanoseconds for the networks: to try out and load them where that was not done yet, and to run them.
    pub network_ns: u64,
    /// Nanoseconds for all the rest: alpha, fill, texture, bringing them to the picture's size, writing.
    pub compose_ns: u64,
}

impl Default for CallInfo {
    /// `DERUST_CALL_INFO_INIT`
    fn default() -> Self {
        CallInfo {
            struct_size: crate::size::<Self>(),
            caution: DERUST_CAUTION_NONE,
            wait_ns: 0,
            reduce_ns: 0,
            network_ns: 0,
            compose_ns: 0,
        }
    }
}

/// The picture as a whole. Begin with DERUST_SUMMARY_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// sizeof(derust_summary), set by the caller.
    pub struct_size: u32,
    /// Degree of rusting Ri after ISO 4628-3, 0 (none) to 5.
    pub iso_4628_3: u32,
    /// Rust grade after ASTM D610, 10 (none) to 0.
    pub astm_d610: u32,
    /// 0.
    pub reserved: u32,
    /// Pixels of the region of interest.
    pub pixels: u64,
    /// Pixels of them that are rust.
    pub rust_pixels: u64,
    /// rust_pixels / pixels, 0 to 1.
    pub fraction: f64,
    /// Number of connected regions.
    pub region_count: u64,
    /// Probability from which on a pixel counted as rust.
    pub threshold: f32,
    /// 0.
    pub reserved_2: u32,
    /// A DERUST_CAUTION_ constant: what makes the judgement less sure.
    pub caution: i32,
    /// 0.
    pub reserved_3: u32,
}

impl Default for Summary {
    /// `DERUST_SUMMARY_INIT`
    fn default() -> Self {
        Summary {
            struct_size: crate::size::<Self>(),
            iso_4628_3: 0,
            astm_d610: 0,
            reserved: 0,
            pixels: 0,
            rust_pixels: 0,
            fraction: 0.0,
            region_count: 0,
            threshold: 0.0,
            reserved_2: 0,
            caution: DERUST_CAUTION_NONE,
            reserved_3: 0,
        }
    }
}

/// A connected region of rust. Begin with DERUST_REGION_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// sizeof(derust_region), set by the caller.
    pub struct_size: u32,
    /// Left-most column of the bounding box, counted in the image's region of interest.
    pub x: u32,
    /// Upper-most row of the bounding box.
    pub y: u32,
    /// Columns that it spans.
    pub width: u32,
    /// Rows that it spans.
    pub height: u32,
    /// Mean probability of its pixels, 0 to 1.
    pub mean_probability: f32,
    /// Pixels that it covers.
    pub area: u64,
}

impl Default for Region {
    /// `DERUST_REGION_INIT`
    fn default() -> Self {
        Region {
            struct_size: crate::size::<Self>(),
            x: 0,
            y: 0,
            width: 0,
            height: 0,
            mean_probability: 0.0,
            area: 0,
        }
    }
}
