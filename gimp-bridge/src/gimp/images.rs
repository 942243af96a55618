//! Images, layers, channels, selections, progress.

use std::ffi::{CStr, c_int};
use std::path::Path;

use super::Generation;
use super::functions::{Core, GLib, Gegl};
use super::generation::open;
use crate::pixels::{Plane, Rectangle};
use crate::text::{self, Problem, c_text, tr};

/// The GIMP that started this process. What it does happens at once and in GIMP's own process; it belongs on the main
/// thread.
pub struct Gimp<G: Generation> {
    pub(super) glib: GLib,
    pub(super) gegl: Gegl,
    pub(super) core: Core<G::Handle>,
    own: G,
}

/// A layer as its filters show it, in an image of its own, which goes with it.
pub struct Visible<'a, G: Generation> {
    gimp: &'a Gimp<G>,
    /// The image.
    pub image: G::Handle,
    /// The layer.
    pub layer: G::Handle,
}

impl<G: Generation> Drop for Visible<'_, G> {
    fn drop(&mut self) {
        // SAFETY: an image that nobody else knows.
        unsafe { (self.gimp.core.gimp_image_delete)(self.image) };
    }
}

impl<G: Generation> Gimp<G> {
    /// Finds every function that the plug-in needs without a window.
    pub fn find() -> Result<Self, String> {
        let library = open::<G>("gimp")?;
        Ok(Gimp {
            glib: GLib::find::<G>(library)?,
            gegl: Gegl::find::<G>(library)?,
            core: Core::find::<G>(library)?,
            own: G::find(library)?,
        })
    }

    /// How many functions were found.
    pub fn function_count() -> usize {
        GLib::COUNT + Gegl::COUNT + Core::<G::Handle>::COUNT + G::COUNT
    }

    /// Starts GEGL, which must happen before the first buffer is looked at.
    pub fn start_gegl(&self) {
        // Every tile is needed once: those that were read need not be kept, and those that were written go to GIMP at once.
        const TILE_CACHE: u64 = 16 << 20;
        // SAFETY: no arguments are handed over; the property of GEGL's settings has this type.
        unsafe {
            (self.gegl.gegl_init)(std::ptr::null_mut(), std::ptr::null_mut());
            let settings = (self.gegl.gegl_config)();
            let nothing_more = std::ptr::null::<std::ffi::c_char>();
            (self.glib.g_object_set)(settings, c"tile-cache-size".as_ptr(), TILE_CACHE, nothing_more);
        }
    }

    /// Lets messages be looked up in the catalogues beside the plug-in.
    pub fn use_catalogues(&self, folder: &Path) {
        let place = c_text(&text::catalogues(folder).to_string_lossy());
        // SAFETY: texts that live until the call is over; gettext copies them. The plug-in has one thread yet.
        unsafe {
            libc::setlocale(libc::LC_MESSAGES, c"".as_ptr());
            libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
            (self.glib.bindtextdomain)(text::DOMAIN.as_ptr(), place.as_ptr());
            (self.glib.bind_textdomain_codeset)(text::DOMAIN.as_ptr(), c"UTF-8".as_ptr());
            text::use_gettext(self.glib.g_dgettext);
        }
    }

    /// Everything that is done until `finish` is called is one step of the undo history.
    pub fn one_undo_step<R>(&self, image: G::Handle, work: impl FnOnce() -> R) -> R {
        // SAFETY: GIMP checks handles and answers FALSE for wrong ones; so in every method below.
        unsafe { (self.core.gimp_image_undo_group_start)(image) };
        let result = work();
        // SAFETY: see above.
        unsafe { (self.core.gimp_image_undo_group_end)(image) };
        result
    }

    /// Width and height of an image.
    pub fn image_size(&self, image: G::Handle) -> (u32, u32) {
        // SAFETY: GIMP checks the handle.
        let size =
            unsafe { ((self.core.gimp_image_get_width)(image), (self.core.gimp_image_get_height)(image)) };
        (size.0.max(0) as u32, size.1.max(0) as u32)
    }

    /// Width and height of a drawable.
    pub fn size(&self, drawable: G::Handle) -> (u32, u32) {
        // SAFETY: GIMP checks the handle.
        let size = unsafe {
            ((self.core.gimp_drawable_get_width)(drawable), (self.core.gimp_drawable_get_height)(drawable))
        };
        (size.0.max(0) as u32, size.1.max(0) as u32)
    }

    /// Where the upper left corner of a drawable lies in its image.
    pub fn offsets(&self, drawable: G::Handle) -> (i32, i32) {
        let (mut x, mut y) = (0, 0);
        // SAFETY: GIMP checks the handle; the places are this function's own.
        unsafe { (self.core.gimp_drawable_get_offsets)(drawable, &mut x, &mut y) };
        (x, y)
    }

    /// The bounding box of what is selected of a drawable; nothing if the selection does not touch it.
    pub fn selected(&self, drawable: G::Handle) -> Option<Rectangle> {
        let (mut x, mut y, mut width, mut height) = (0, 0, 0, 0);
        // SAFETY: GIMP checks the handle; the places are this function's own.
        let touched = unsafe {
            (self.core.gimp_drawable_mask_intersect)(drawable, &mut x, &mut y, &mut width, &mut height)
        };
        let positive = |value: c_int| u32::try_from(value).ok().filter(|value| *value > 0);
        (touched != 0).then_some(())?;
        Some(Rectangle { x, y, width: positive(width)?, height: positive(height)? })
    }

    /// Whether nothing is selected in an image, which means that everything is.
    pub fn nothing_is_selected(&self, image: G::Handle) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_selection_is_empty)(image) != 0 }
    }

    /// How much of every pixel of a drawable is selected.
    pub fn selection(&self, image: G::Handle, drawable: G::Handle) -> Result<Plane, Problem> {
        let (width, height) = self.size(drawable);
        let (x, y) = self.offsets(drawable);
        // SAFETY: GIMP checks the handle.
        let channel = unsafe { (self.core.gimp_image_get_selection)(image) };
        let buffer = self.buffer(channel)?;
        let mut plane = Plane::black(width, height);
        buffer.read(Rectangle { x, y, width, height }, c"Y u8", &mut plane.values);
        Ok(plane)
    }

    /// Whether the drawable is a layer, and no mask or channel.
    pub fn is_layer(&self, drawable: G::Handle) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_item_is_layer)(drawable) != 0 }
    }

    /// Whether the drawable is a group of layers.
    pub fn is_group(&self, drawable: G::Handle) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_item_is_group)(drawable) != 0 }
    }

    /// Whether the drawable has colours of a palette.
    pub fn is_indexed(&self, drawable: G::Handle) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_drawable_is_indexed)(drawable) != 0 }
    }

    /// Whether the pixels of the drawable, or of a group that it lies in, are locked.
    pub fn is_locked(&self, drawable: G::Handle) -> bool {
        let mut item = drawable;
        while item != G::NONE {
            // SAFETY: GIMP checks the handle.
            if unsafe { (self.core.gimp_item_get_lock_content)(item) } != 0 {
                return true;
            }
            // SAFETY: GIMP checks the handle.
            item = unsafe { (self.core.gimp_item_get_parent)(item) };
        }
        false
    }

    /// Whether a layer has a mask.
    pub fn has_mask(&self, layer: G::Handle) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_layer_get_mask)(layer) != G::NONE }
    }

    /// Whether filters that can be taken off again change how a layer looks.
    pub fn has_visible_filters(&self, drawable: G::Handle) -> bool {
        G::HAS_LAYER_FILTERS
            && self.is_layer(drawable)
            && !self.is_group(drawable)
            && self.own.has_visible_filters(drawable)
    }

    /// Makes what the filters on a layer show its pixels.
    pub fn merge_filters(&self, layer: G::Handle) -> Result<(), Problem> {
        let done = self.own.merge_filters(layer);
        self.done(c_int::from(done), &tr("merge the filters of the layer"))
    }

    /// A layer as its filters show it, in a copy of the image.
    pub fn visible(&self, image: G::Handle, layer: G::Handle) -> Result<Visible<'_, G>, Problem> {
        // Merging is a step of an image's history, and clears its selection for a moment, even if the layer is not in it.
        // SAFETY: GIMP checks the handle.
        let image = unsafe { (self.core.gimp_image_duplicate)(image) };
        if image == G::NONE {
            return Err(self.refused(&tr("copy the image")));
        }
        let visible = Visible { gimp: self, image, layer: self.copy_of(layer, image, "")? };
        self.insert_layer(image, visible.layer, G::NONE, 0)?;
        self.merge_filters(visible.layer)?;
        Ok(visible)
    }

    /// A copy of a layer, for an image that may be another one. It stands in no list of layers yet.
    pub fn copy_of(&self, layer: G::Handle, image: G::Handle, name: &str) -> Result<G::Handle, Problem> {
        // SAFETY: GIMP checks the handles.
        let copy = unsafe { (self.core.gimp_layer_new_from_drawable)(layer, image) };
        if copy == G::NONE {
            return Err(self.refused(&tr("copy the layer")));
        }
        // SAFETY: GIMP checks the handle and copies the text.
        unsafe {
            (self.core.gimp_item_set_name)(copy, c_text(name).as_ptr());
            // The lock is meant for the layer that was copied.
            (self.core.gimp_item_set_lock_content)(copy, 0)
        };
        Ok(copy)
    }

    /// Puts a layer of the image over `below`, into the same group.
    pub fn insert_layer_over(
        &self,
        image: G::Handle,
        layer: G::Handle,
        below: G::Handle,
    ) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let (parent, position) = unsafe {
            let position = (self.core.gimp_image_get_item_position)(image, below);
            ((self.core.gimp_item_get_parent)(below), position)
        };
        self.insert_layer(image, layer, parent, position)
    }

    fn insert_layer(
        &self,
        image: G::Handle,
        layer: G::Handle,
        parent: G::Handle,
        position: c_int,
    ) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_image_insert_layer)(image, layer, parent, position) };
        self.done(done, &tr("insert a layer"))
    }

    /// A mask for a layer that it does not have yet, black.
    pub fn create_mask(&self, layer: G::Handle) -> Result<G::Handle, Problem> {
        const BLACK: c_int = 1;
        // SAFETY: GIMP checks the handle.
        let mask = unsafe { (self.core.gimp_layer_create_mask)(layer, BLACK) };
        if mask == G::NONE { Err(self.refused(&tr("make a layer mask"))) } else { Ok(mask) }
    }

    /// Gives a layer the mask that was made for it.
    pub fn add_mask(&self, layer: G::Handle, mask: G::Handle) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_layer_add_mask)(layer, mask) };
        self.done(done, &tr("add a layer mask"))
    }

    /// A channel of the image's size, black, that stands in no list of channels yet.
    pub fn new_channel(&self, image: G::Handle, name: &str) -> Result<G::Handle, Problem> {
        let (width, height) = self.image_size(image);
        let channel = G::new_channel(self, image, &c_text(name), (width as c_int, height as c_int));
        if channel == G::NONE { Err(self.refused(&tr("make a channel"))) } else { Ok(channel) }
    }

    /// Puts a channel that was made for the image on top of its channels.
    pub fn insert_channel(&self, image: G::Handle, channel: G::Handle) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_image_insert_channel)(image, channel, G::NONE, 0) };
        self.done(done, &tr("insert a channel"))
    }

    /// Replaces the selection by a channel of the image.
    pub fn select(&self, image: G::Handle, channel: G::Handle) -> Result<(), Problem> {
        const REPLACE: c_int = 2;
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_image_select_item)(image, REPLACE, channel) };
        self.done(done, &tr("change the selection"))
    }

    /// Takes a channel out of the image.
    pub fn remove_channel(&self, image: G::Handle, channel: G::Handle) {
        // SAFETY: GIMP checks the handles.
        unsafe { (self.core.gimp_image_remove_channel)(image, channel) };
    }

    /// Lets the shadow buffer replace what is selected of the drawable. Buffers of it must be gone.
    pub fn merge_shadow(&self, drawable: G::Handle) -> Result<(), Problem> {
        const WITH_UNDO: c_int = 1;
        // SAFETY: GIMP checks the handle.
        let done = unsafe { (self.core.gimp_drawable_merge_shadow)(drawable, WITH_UNDO) };
        self.done(done, &tr("change the layer"))
    }

    /// Says that pixels of the drawable have changed.
    pub fn changed(&self, drawable: G::Handle, at: Rectangle) {
        // SAFETY: GIMP checks the handle.
        unsafe {
            let (width, height) = (at.width as c_int, at.height as c_int);
            (self.core.gimp_drawable_update)(drawable, at.x, at.y, width, height)
        };
    }

    /// Shows what changed.
    pub fn show(&self) {
        // SAFETY: no arguments.
        unsafe { (self.core.gimp_displays_flush)() };
    }

    /// Shows a message to the user, or writes it to standard error where GIMP has no windows.
    pub fn tell(&self, text: &str) {
        // SAFETY: GIMP copies the text.
        unsafe { (self.core.gimp_message)(c_text(text).as_ptr()) };
    }

    /// Shows a progress bar with a text.
    pub fn begin_progress(&self, text: &str) {
        // SAFETY: GIMP copies the text.
        unsafe { (self.core.gimp_progress_init)(c_text(text).as_ptr()) };
    }

    /// Moves the progress bar to a part of the whole, 0 to 1.
    pub fn progress(&self, done: f64) {
        // SAFETY: a number.
        unsafe { (self.core.gimp_progress_update)(done) };
    }

    /// Takes the progress bar away.
    pub fn end_progress(&self) {
        // SAFETY: no arguments.
        unsafe { (self.core.gimp_progress_end)() };
    }

    fn done(&self, answer: c_int, what: &str) -> Result<(), Problem> {
        if answer != 0 { Ok(()) } else { Err(self.refused(what)) }
    }

    /// What GIMP says about the last call that failed.
    pub(super) fn refused(&self, what: &str) -> Problem {
        // SAFETY: the text is GIMP's and is copied at once.
        let said = unsafe {
            let text = self.own.last_error();
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        let start = tr("GIMP could not {0}").replace("{0}", what);
        Problem::new(if said.is_empty() { start } else { format!("{start}: {said}") })
    }
}
