//! GIMP: images, drawables, pixels and progress, safe to call; both generations behind the same words.

mod entry;
pub(crate) mod functions;
pub mod gimp2;
pub mod gimp3;

use std::ffi::{CStr, CString, c_int};
use std::path::Path;

use crate::messages::{self, tr};
use crate::pixels::{Encoding, Format, Picture, Plane, Rectangle};
use crate::problem::Problem;
pub use entry::start;
pub(crate) use functions::Widgets;
use functions::{Core, GLib, Gegl, GeglRectangle, Only2, Only3};
pub use functions::{Generation, Handle, Pointer, Text};

/// The GIMP that started this process. What it does happens at once and in GIMP's own process; it belongs on the main
/// thread.
pub struct Gimp<H: 'static> {
    pub(crate) glib: GLib,
    gegl: Gegl,
    core: Core<H>,
    own: Own<H>,
}

/// A generation's own functions.
enum Own<H> {
    Two(Only2),
    Three(Only3<H>),
}

/// A buffer of pixels. What was written reaches GIMP when it is dropped.
pub struct Buffer<'a, H: Handle> {
    gimp: &'a Gimp<H>,
    pointer: Pointer,
}

/// A layer as its filters show it, in an image of its own, which goes with it.
pub struct Visible<'a, H: Handle> {
    gimp: &'a Gimp<H>,
    /// The image.
    pub image: H,
    /// The layer.
    pub layer: H,
}

impl<H: Handle> Drop for Visible<'_, H> {
    fn drop(&mut self) {
        // SAFETY: an image that nobody else knows.
        unsafe { (self.gimp.core.gimp_image_delete)(self.image) };
    }
}

/// A text for C; what follows a NUL in it is cut off.
pub fn c_text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

impl<H: Handle> Gimp<H> {
    /// Finds every function that the plug-in needs without a window.
    pub fn find() -> Result<Self, String> {
        let library = H::GENERATION.open("gimp")?;
        Ok(Gimp {
            glib: GLib::find(library, H::GENERATION)?,
            gegl: Gegl::find(library, H::GENERATION)?,
            core: Core::find(library, H::GENERATION)?,
            own: match H::GENERATION {
                Generation::Two => Own::Two(Only2::find(library, H::GENERATION)?),
                Generation::Three => Own::Three(Only3::find(library, H::GENERATION)?),
            },
        })
    }

    /// How many functions were found.
    pub fn function_count() -> usize {
        let own = match H::GENERATION {
            Generation::Two => Only2::COUNT,
            Generation::Three => Only3::<H>::COUNT,
        };
        GLib::COUNT + Gegl::COUNT + Core::<H>::COUNT + own
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
        let place = c_text(&messages::folder(folder).to_string_lossy());
        // SAFETY: texts that live until the call is over; gettext copies them. The plug-in has one thread yet.
        unsafe {
            libc::setlocale(libc::LC_MESSAGES, c"".as_ptr());
            libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
            (self.glib.bindtextdomain)(messages::DOMAIN.as_ptr(), place.as_ptr());
            (self.glib.bind_textdomain_codeset)(messages::DOMAIN.as_ptr(), c"UTF-8".as_ptr());
            messages::use_gettext(self.glib.g_dgettext);
        }
    }

    /// Everything that is done until `finish` is called is one step of the undo history.
    pub fn one_undo_step<R>(&self, image: H, work: impl FnOnce() -> R) -> R {
        // SAFETY: GIMP checks handles and answers FALSE for wrong ones; so in every method below.
        unsafe { (self.core.gimp_image_undo_group_start)(image) };
        let result = work();
        // SAFETY: see above.
        unsafe { (self.core.gimp_image_undo_group_end)(image) };
        result
    }

    /// Width and height of an image.
    pub fn image_size(&self, image: H) -> (u32, u32) {
        // SAFETY: GIMP checks the handle.
        let size = unsafe { ((self.core.gimp_image_width)(image), (self.core.gimp_image_height)(image)) };
        (size.0.max(0) as u32, size.1.max(0) as u32)
    }

    /// Width and height of a drawable.
    pub fn size(&self, drawable: H) -> (u32, u32) {
        // SAFETY: GIMP checks the handle.
        let size = unsafe {
            ((self.core.gimp_drawable_width)(drawable), (self.core.gimp_drawable_height)(drawable))
        };
        (size.0.max(0) as u32, size.1.max(0) as u32)
    }

    /// Where the upper left corner of a drawable lies in its image.
    pub fn offsets(&self, drawable: H) -> (i32, i32) {
        let (mut x, mut y) = (0, 0);
        // SAFETY: GIMP checks the handle; the places are this function's own.
        unsafe { (self.core.gimp_drawable_offsets)(drawable, &mut x, &mut y) };
        (x, y)
    }

    /// The bounding box of what is selected of a drawable; nothing if the selection does not touch it.
    pub fn selected(&self, drawable: H) -> Option<Rectangle> {
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
    pub fn nothing_is_selected(&self, image: H) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_selection_is_empty)(image) != 0 }
    }

    /// How much of every pixel of a drawable is selected.
    pub fn selection(&self, image: H, drawable: H) -> Result<Plane, Problem> {
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
    pub fn is_layer(&self, drawable: H) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_item_is_layer)(drawable) != 0 }
    }

    /// Whether the drawable is a group of layers.
    pub fn is_group(&self, drawable: H) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_item_is_group)(drawable) != 0 }
    }

    /// Whether the drawable has colours of a palette.
    pub fn is_indexed(&self, drawable: H) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_drawable_is_indexed)(drawable) != 0 }
    }

    /// Whether the pixels of the drawable, or of a group that it lies in, are locked.
    pub fn is_locked(&self, drawable: H) -> bool {
        let mut item = drawable;
        while item != H::NONE {
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
    pub fn has_mask(&self, layer: H) -> bool {
        // SAFETY: GIMP checks the handle.
        unsafe { (self.core.gimp_layer_get_mask)(layer) != H::NONE }
    }

    /// Whether filters that can be taken off again change how a layer looks.
    pub fn has_visible_filters(&self, drawable: H) -> bool {
        let Own::Three(three) = &self.own else { return false };
        if !self.is_layer(drawable) || self.is_group(drawable) {
            return false;
        }
        // SAFETY: GIMP checks the handle; the list ends with NULL and is the caller's, what it lists is not.
        unsafe {
            let filters = (three.gimp_drawable_get_filters)(drawable);
            if filters.is_null() {
                return false;
            }
            let mut rest = filters;
            while !(*rest).is_null() && (three.gimp_drawable_filter_get_visible)(*rest) == 0 {
                rest = rest.add(1);
            }
            let visible = !(*rest).is_null();
            (three.g_free)(filters.cast());
            visible
        }
    }

    /// Makes what the filters on a layer show its pixels.
    pub fn merge_filters(&self, layer: H) -> Result<(), Problem> {
        let Own::Three(three) = &self.own else { return Ok(()) };
        // SAFETY: GIMP checks the handle.
        let done = unsafe { (three.gimp_drawable_merge_filters)(layer) };
        self.done(done, &tr("merge the filters of the layer"))
    }

    /// A layer as its filters show it, in a copy of the image.
    pub fn visible(&self, image: H, layer: H) -> Result<Visible<'_, H>, Problem> {
        // Merging is a step of an image's history, and clears its selection for a moment, even if the layer is not in it.
        // SAFETY: GIMP checks the handle.
        let image = unsafe { (self.core.gimp_image_duplicate)(image) };
        if image == H::NONE {
            return Err(self.refused(&tr("copy the image")));
        }
        let visible = Visible { gimp: self, image, layer: self.copy_of(layer, image, "")? };
        self.insert_layer(image, visible.layer, H::NONE, 0)?;
        self.merge_filters(visible.layer)?;
        Ok(visible)
    }

    /// A copy of a layer, for an image that may be another one. It stands in no list of layers yet.
    pub fn copy_of(&self, layer: H, image: H, name: &str) -> Result<H, Problem> {
        // SAFETY: GIMP checks the handles.
        let copy = unsafe { (self.core.gimp_layer_new_from_drawable)(layer, image) };
        if copy == H::NONE {
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
    pub fn insert_layer_over(&self, image: H, layer: H, below: H) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let (parent, position) = unsafe {
            let position = (self.core.gimp_image_get_item_position)(image, below);
            ((self.core.gimp_item_get_parent)(below), position)
        };
        self.insert_layer(image, layer, parent, position)
    }

    fn insert_layer(&self, image: H, layer: H, parent: H, position: c_int) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_image_insert_layer)(image, layer, parent, position) };
        self.done(done, &tr("insert a layer"))
    }

    /// A mask for a layer that it does not have yet, black.
    pub fn create_mask(&self, layer: H) -> Result<H, Problem> {
        const BLACK: c_int = 1;
        // SAFETY: GIMP checks the handle.
        let mask = unsafe { (self.core.gimp_layer_create_mask)(layer, BLACK) };
        if mask == H::NONE { Err(self.refused(&tr("make a layer mask"))) } else { Ok(mask) }
    }

    /// Gives a layer the mask that was made for it.
    pub fn add_mask(&self, layer: H, mask: H) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_layer_add_mask)(layer, mask) };
        self.done(done, &tr("add a layer mask"))
    }

    /// A channel of the image's size, black, that stands in no list of channels yet.
    pub fn new_channel(&self, image: H, name: &str) -> Result<H, Problem> {
        const OPACITY: f64 = 50.0;
        // `GimpRGB`: red, green, blue, alpha.
        const RED: [f64; 4] = [1.0, 0.0, 0.25, 1.0];
        let (width, height) = self.image_size(image);
        let (name, width, height) = (c_text(name), width as c_int, height as c_int);
        // SAFETY: GIMP checks the handle and copies name and colour; a colour is what each generation has for it.
        let channel = unsafe {
            let new = self.core.gimp_channel_new;
            match H::GENERATION {
                Generation::Two => new(image, name.as_ptr(), width, height, OPACITY, RED.as_ptr().cast()),
                Generation::Three => {
                    let colour = (self.gegl.gegl_color_new)(c"rgb(1.0, 0.0, 0.25)".as_ptr());
                    let channel = new(image, name.as_ptr(), width, height, OPACITY, colour);
                    (self.glib.g_object_unref)(colour);
                    channel
                }
            }
        };
        if channel == H::NONE { Err(self.refused(&tr("make a channel"))) } else { Ok(channel) }
    }

    /// Puts a channel that was made for the image on top of its channels.
    pub fn insert_channel(&self, image: H, channel: H) -> Result<(), Problem> {
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_image_insert_channel)(image, channel, H::NONE, 0) };
        self.done(done, &tr("insert a channel"))
    }

    /// Replaces the selection by a channel of the image.
    pub fn select(&self, image: H, channel: H) -> Result<(), Problem> {
        const REPLACE: c_int = 2;
        // SAFETY: GIMP checks the handles.
        let done = unsafe { (self.core.gimp_image_select_item)(image, REPLACE, channel) };
        self.done(done, &tr("change the selection"))
    }

    /// Takes a channel out of the image.
    pub fn remove_channel(&self, image: H, channel: H) {
        // SAFETY: GIMP checks the handles.
        unsafe { (self.core.gimp_image_remove_channel)(image, channel) };
    }

    /// The pixels of a drawable.
    pub fn buffer(&self, drawable: H) -> Result<Buffer<'_, H>, Problem> {
        // SAFETY: GIMP checks the handle.
        self.wrap(unsafe { (self.core.gimp_drawable_get_buffer)(drawable) }, &tr("read the layer"))
    }

    /// The pixels that replace those of a drawable in [`Gimp::merge_shadow`].
    pub fn shadow(&self, drawable: H) -> Result<Buffer<'_, H>, Problem> {
        // SAFETY: GIMP checks the handle.
        self.wrap(unsafe { (self.core.gimp_drawable_get_shadow_buffer)(drawable) }, &tr("change the layer"))
    }

    fn wrap(&self, pointer: Pointer, what: &str) -> Result<Buffer<'_, H>, Problem> {
        if pointer.is_null() { Err(self.refused(what)) } else { Ok(Buffer { gimp: self, pointer }) }
    }

    /// Lets the shadow buffer replace what is selected of the drawable. Buffers of it must be gone.
    pub fn merge_shadow(&self, drawable: H) -> Result<(), Problem> {
        const WITH_UNDO: c_int = 1;
        // SAFETY: GIMP checks the handle.
        let done = unsafe { (self.core.gimp_drawable_merge_shadow)(drawable, WITH_UNDO) };
        self.done(done, &tr("change the layer"))
    }

    /// Says that pixels of the drawable have changed.
    pub fn changed(&self, drawable: H, at: Rectangle) {
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

    /// How the pixels of a drawable are stored.
    pub fn encoding(&self, drawable: H) -> Result<Encoding, Problem> {
        let unknown = || Problem::new(tr("GIMP does not say how the pixels of this layer are stored"));
        // SAFETY: GIMP checks the handle.
        let format = unsafe { (self.core.gimp_drawable_get_format)(drawable) };
        if format.is_null() {
            return Err(unknown());
        }
        // SAFETY: babl's formats, spaces and texts live as long as the process.
        let (name, is_srgb, bytes) = unsafe {
            let name = CStr::from_ptr((self.gegl.babl_format_get_encoding)(format));
            let space = (self.gegl.babl_format_get_space)(format);
            let srgb = (self.gegl.babl_space)(c"sRGB".as_ptr());
            (name, space.is_null() || space == srgb, (self.gegl.babl_format_get_bytes_per_pixel)(format))
        };
        let name = name.to_str().map_err(|_| unknown())?;
        Encoding::new(name, is_srgb, bytes.max(0) as usize)
            .ok_or_else(|| Problem::new(tr("Pixels stored as “{0}” are not supported.").replace("{0}", name)))
    }

    /// Reads all pixels of a drawable, as sRGB colours.
    pub fn picture(&self, drawable: H) -> Result<Picture, Problem> {
        let encoding = self.encoding(drawable)?;
        let (width, height) = self.size(drawable);
        let mut picture = Picture::new(encoding.working, width, height)?;
        let area = Rectangle { x: 0, y: 0, width, height };
        self.buffer(drawable)?.read(area, &c_text(&encoding.working.name()), &mut picture.data);
        Ok(picture)
    }

    /// Writes pixels of an area to the same place in a buffer. `rows` are those of a picture from its first one on, so many
    /// bytes apart; the last one of the area is among them.
    pub fn write_rows(
        &self,
        target: &Buffer<'_, H>,
        format: Format,
        (rows, row_bytes): (&[u8], usize),
        area: Rectangle,
    ) {
        let first = area.y as usize * row_bytes + area.x as usize * format.pixel_bytes();
        let length = (area.height as usize - 1) * row_bytes + area.width as usize * format.pixel_bytes();
        let pixels = &rows[first..first + length];
        // SAFETY: a slice from the first pixel of the area to its last one.
        unsafe { target.write_rows(area, &c_text(&format.name()), pixels, row_bytes) };
    }

    /// Writes the pixels of `result` in `area` to `target`, a buffer of the drawable's format. Those that are in
    /// `result` what they were in `before` stay bit for bit what they are in `source`, whatever the conversion between
    /// the drawable's colours and sRGB would make of them.
    pub fn write_result(
        &self,
        drawable: H,
        (source, target): (&Buffer<'_, H>, &Buffer<'_, H>),
        (before, result): (&Picture, &Picture),
        area: Rectangle,
    ) -> Result<(), Problem> {
        const ROWS: u32 = 64;
        let encoding = self.encoding(drawable)?;
        if encoding.is_exact() {
            self.write_rows(target, result.format, (&result.data, result.row_bytes()), area);
            return Ok(());
        }
        // SAFETY: formats live as long as the process.
        let (native, fish) = unsafe {
            let native = (self.core.gimp_drawable_get_format)(drawable);
            let working = (self.gegl.babl_format)(c_text(&encoding.working.name()).as_ptr());
            (native, (self.gegl.babl_fish)(working, native))
        };
        let (native_bytes, working_bytes) = (encoding.native_bytes, encoding.working.pixel_bytes());
        for first in (0..area.height).step_by(ROWS as usize) {
            let band = Rectangle { y: area.y + first as i32, height: ROWS.min(area.height - first), ..area };
            let row = area.width as usize;
            let mut pixels = vec![0u8; row * band.height as usize * native_bytes];
            let mut converted = vec![0u8; row * native_bytes];
            source.read_as(band, native, &mut pixels);
            for (y, pixels) in pixels.chunks_exact_mut(row * native_bytes).enumerate() {
                let before = before.pixels(area.x, band.y + y as i32, area.width);
                let result = result.pixels(area.x, band.y + y as i32, area.width);
                // SAFETY: both rows have `row` pixels of the fish's formats.
                unsafe {
                    let from = result.as_ptr().cast();
                    (self.gegl.babl_process)(
                        fish,
                        from,
                        converted.as_mut_ptr().cast(),
                        row as std::ffi::c_long,
                    )
                };
                let both = before.chunks_exact(working_bytes).zip(result.chunks_exact(working_bytes));
                let natives = pixels.chunks_exact_mut(native_bytes).zip(converted.chunks_exact(native_bytes));
                for ((before, result), (pixel, converted)) in both.zip(natives) {
                    if before != result {
                        pixel.copy_from_slice(converted);
                    }
                }
            }
            target.write_as(band, native, &pixels);
        }
        Ok(())
    }

    /// Writes a plane to a mask or a channel, with its upper left corner at `at`; what lies outside is left out.
    pub fn write_plane(&self, drawable: H, plane: &Plane, at: (i32, i32)) -> Result<(), Problem> {
        let gray = self.encoding(drawable)?.coverage();
        let (width, height) = self.size(drawable);
        // GIMP 3 does not survive pixels outside of a buffer.
        let (Some((x, from_x, columns)), Some((y, from_y, rows))) =
            (overlap(at.0, plane.width, width), overlap(at.1, plane.height, height))
        else {
            return Ok(());
        };
        let area = Rectangle { x: x as i32, y: y as i32, width: columns, height: rows };
        let stride = plane.width as usize;
        let first = from_y as usize * stride + from_x as usize;
        // SAFETY: the area lies in both, and `first` is its first pixel in the plane.
        unsafe { self.buffer(drawable)?.write_rows(area, gray, &plane.values[first..], stride) };
        Ok(())
    }

    fn done(&self, answer: c_int, what: &str) -> Result<(), Problem> {
        if answer != 0 { Ok(()) } else { Err(self.refused(what)) }
    }

    /// What GIMP says about the last call that failed.
    fn refused(&self, what: &str) -> Problem {
        // SAFETY: the text is GIMP's and is copied at once.
        let said = unsafe {
            let text = match &self.own {
                Own::Two(two) => (two.gimp_get_pdb_error)(),
                Own::Three(three) => (three.gimp_pdb_get_last_error)((three.gimp_get_pdb)()),
            };
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        let start = tr("GIMP could not {0}").replace("{0}", what);
        Problem::new(if said.is_empty() { start } else { format!("{start}: {said}") })
    }
}

/// What of `length` pixels that begin at `at` lies within `limit`: where, from which one of them on, and how many.
fn overlap(at: i32, length: u32, limit: u32) -> Option<(u32, u32, u32)> {
    let (at, limit) = (i64::from(at), i64::from(limit));
    let (from, to) = (at.max(0), (at + i64::from(length)).min(limit));
    (from < to).then_some((from as u32, (from - at) as u32, (to - from) as u32))
}

impl<H: Handle> Buffer<'_, H> {
    /// Reads an area in a format of babl's; what lies outside of the buffer is zero.
    fn read(&self, area: Rectangle, format: &CStr, to: &mut [u8]) {
        // SAFETY: a format lives as long as the process.
        let format = unsafe { (self.gimp.gegl.babl_format)(format.as_ptr()) };
        self.read_as(area, format, to);
    }

    fn read_as(&self, area: Rectangle, format: Pointer, to: &mut [u8]) {
        const AUTOMATIC_STRIDE: c_int = 0;
        const ABYSS_NONE: c_int = 0;
        // SAFETY: a format lives as long as the process.
        let bytes = unsafe { (self.gimp.gegl.babl_format_get_bytes_per_pixel)(format) };
        assert_eq!(to.len(), area.width as usize * area.height as usize * bytes.max(0) as usize);
        // SAFETY: `to` has the bytes that are written.
        unsafe {
            let (area, to) = (GeglRectangle::from(area), to.as_mut_ptr().cast());
            (self.gimp.gegl.gegl_buffer_get)(
                self.pointer,
                &area,
                1.0,
                format,
                to,
                AUTOMATIC_STRIDE,
                ABYSS_NONE,
            );
        }
    }

    fn write_as(&self, area: Rectangle, format: Pointer, from: &[u8]) {
        // SAFETY: a format lives as long as the process.
        let bytes = unsafe { (self.gimp.gegl.babl_format_get_bytes_per_pixel)(format) };
        assert_eq!(from.len(), area.width as usize * area.height as usize * bytes.max(0) as usize);
        // SAFETY: `from` has the bytes that are read.
        unsafe {
            let (area, from) = (GeglRectangle::from(area), from.as_ptr().cast());
            (self.gimp.gegl.gegl_buffer_set)(self.pointer, &area, 0, format, from, 0);
        }
    }

    /// Writes an area from rows that lie `stride` bytes apart.
    ///
    /// # Safety
    /// `from` begins with the first pixel of the area and reaches to its last one.
    unsafe fn write_rows(&self, area: Rectangle, format: &CStr, from: &[u8], stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let format = (self.gimp.gegl.babl_format)(format.as_ptr());
            let (area, from) = (GeglRectangle::from(area), from.as_ptr().cast());
            (self.gimp.gegl.gegl_buffer_set)(self.pointer, &area, 0, format, from, stride as c_int);
        }
    }
}

impl<H: Handle> Drop for Buffer<'_, H> {
    fn drop(&mut self) {
        // SAFETY: the one reference that GIMP handed out.
        unsafe { (self.gimp.glib.g_object_unref)(self.pointer) };
    }
}

impl From<Rectangle> for GeglRectangle {
    fn from(area: Rectangle) -> Self {
        let [width, height] = [area.width, area.height].map(|side| side as c_int);
        GeglRectangle { x: area.x, y: area.y, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn only_what_lies_within_is_written() {
        assert_eq!(overlap(0, 10, 10), Some((0, 0, 10)));
        assert_eq!(overlap(-13, 20, 10), Some((0, 13, 7)));
        assert_eq!(overlap(9, 20, 10), Some((9, 0, 1)));
        assert_eq!(overlap(-5, 50, 10), Some((0, 5, 10)));
        assert_eq!((overlap(10, 5, 10), overlap(-5, 5, 10)), (None, None));
    }
}
