//! GIMP 2.10: images and items are numbers, procedures have positional arguments, windows are GTK 2's.

mod plug_in;
mod window;

use std::ffi::{CStr, c_char, c_int};

use libloading::Library;

use super::functions::{Text, c_name, in_full, name_in, table};
use super::{Generation, Gimp, Offer};

table! {
    /// What GIMP 2.10 does differently.
    struct Functions {
        gimp_get_pdb_error() -> Text;
    }
}

/// GIMP 2.10.
pub struct Two(Functions);

impl Generation for Two {
    type Handle = i32;
    const NONE: i32 = -1;
    const NAME: &'static str = "GIMP 2.10";
    const SERIES: &'static str = "2.0";
    const RENAMED: &'static [(&'static CStr, &'static CStr)] = &[
        (c"gimp_image_get_width", c"gimp_image_width"),
        (c"gimp_image_get_height", c"gimp_image_height"),
        (c"gimp_drawable_get_width", c"gimp_drawable_width"),
        (c"gimp_drawable_get_height", c"gimp_drawable_height"),
        (c"gimp_drawable_get_offsets", c"gimp_drawable_offsets"),
        (c"gimp_zoom_preview_new_from_drawable", c"gimp_zoom_preview_new_from_drawable_id"),
    ];
    const HAS_LAYER_FILTERS: bool = false;
    const COUNT: usize = Functions::COUNT;

    fn find(library: &'static Library) -> Result<Self, String> {
        Functions::find::<Two>(library).map(Two)
    }

    fn last_error(&self) -> Text {
        // SAFETY: no arguments.
        unsafe { (self.0.gimp_get_pdb_error)() }
    }

    fn new_channel(gimp: &Gimp<Self>, image: i32, name: &CStr, (width, height): (c_int, c_int)) -> i32 {
        // `GimpRGB`: red, green, blue, alpha.
        const RED: [f64; 4] = [1.0, 0.0, 0.25, 1.0];
        let new = gimp.core.gimp_channel_new;
        // SAFETY: GIMP checks the handle and copies name and colour.
        unsafe { new(image, name.as_ptr(), width, height, super::OPACITY, RED.as_ptr().cast()) }
    }

    fn has_visible_filters(&self, _: i32) -> bool {
        false
    }

    fn merge_filters(&self, _: i32) -> bool {
        true
    }

    unsafe fn run(offer: Offer<Self>, count: c_int, arguments: *mut *mut c_char) -> Result<c_int, String> {
        // SAFETY: the caller's promise.
        unsafe { plug_in::run(offer, count, arguments) }
    }

    fn check() -> Result<usize, String> {
        Ok(plug_in::check()? + window::check()?)
    }
}
