//! GIMP 3.0 and 3.2: images and items are objects, procedures have named arguments whose values GIMP keeps, windows are
//! GTK 3's, and filters that can be taken off again lie on layers.

mod config;
mod plug_in;
mod window;

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

use libloading::Library;

use super::functions::{Pointer, Text, c_name, in_full, name_in, table};
use super::{Generation, Gimp, Offer};

table! {
    /// What GIMP 3 does differently, and the filters that lie on its layers.
    struct Functions {
        gimp_get_pdb() -> Pointer;
        gimp_pdb_get_last_error(Pointer) -> Text;
        gimp_drawable_get_filters(Pointer) -> *mut Pointer;
        gimp_drawable_filter_get_visible(Pointer) -> c_int;
        gimp_drawable_merge_filters(Pointer) -> c_int;
        g_free(Pointer);
    }
}

/// GIMP 3.0 and 3.2.
pub struct Three(Functions);

impl Generation for Three {
    type Handle = Pointer;
    const NONE: Pointer = null_mut();
    const NAME: &'static str = "GIMP 3";
    const SERIES: &'static str = "3.0";
    const HAS_LAYER_FILTERS: bool = true;
    const COUNT: usize = Functions::COUNT;

    fn find(library: &'static Library) -> Result<Self, String> {
        Functions::find::<Three>(library).map(Three)
    }

    fn last_error(&self) -> Text {
        // SAFETY: the procedure database of this process.
        unsafe { (self.0.gimp_pdb_get_last_error)((self.0.gimp_get_pdb)()) }
    }

    fn new_channel(
        gimp: &Gimp<Self>,
        image: Pointer,
        name: &CStr,
        (width, height): (c_int, c_int),
    ) -> Pointer {
        let new = gimp.core.gimp_channel_new;
        // SAFETY: GIMP checks the handle and copies name and colour, which is freed.
        unsafe {
            let colour = (gimp.gegl.gegl_color_new)(c"rgb(1.0, 0.0, 0.25)".as_ptr());
            let channel = new(image, name.as_ptr(), width, height, super::OPACITY, colour);
            (gimp.glib.g_object_unref)(colour);
            channel
        }
    }

    fn has_visible_filters(&self, layer: Pointer) -> bool {
        // SAFETY: GIMP checks the handle; the list ends with NULL and is the caller's, what it lists is not.
        unsafe {
            let filters = (self.0.gimp_drawable_get_filters)(layer);
            if filters.is_null() {
                return false;
            }
            let mut rest = filters;
            while !(*rest).is_null() && (self.0.gimp_drawable_filter_get_visible)(*rest) == 0 {
                rest = rest.add(1);
            }
            let visible = !(*rest).is_null();
            (self.0.g_free)(filters.cast());
            visible
        }
    }

    fn merge_filters(&self, layer: Pointer) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.0.gimp_drawable_merge_filters)(layer) != 0 }
    }

    unsafe fn run(offer: Offer<Self>, count: c_int, arguments: *mut *mut c_char) -> Result<c_int, String> {
        // SAFETY: the caller's promise.
        unsafe { plug_in::run(offer, count, arguments) }
    }

    fn check() -> Result<usize, String> {
        Ok(plug_in::check()? + window::check()?)
    }
}
