//! Tables of C functions that are found by name in the libraries of the GIMP that started the plug-in.
//!
//! GIMP 2.10 passes images and drawables as numbers, GIMP 3 as pointers to objects; the tables are generic over that
//! ([`Handle`]), and name a function twice where the generations do.

use std::ffi::{CStr, c_char, c_double, c_int, c_uint, c_void};

use libloading::Library;

/// A pointer whose inside belongs to GIMP's libraries.
pub type Pointer = *mut c_void;
/// A NUL-terminated text in UTF-8.
pub type Text = *const c_char;

/// An image or an item in one generation of GIMP.
pub trait Handle: Copy + PartialEq + 'static {
    /// The generation that has such handles.
    const GENERATION: Generation;
    /// Stands for no image and no item.
    const NONE: Self;
}

/// Images and items of GIMP 2.10 are numbers.
impl Handle for i32 {
    const GENERATION: Generation = Generation::Two;
    const NONE: Self = -1;
}

/// Those of GIMP 3 are objects.
impl Handle for Pointer {
    const GENERATION: Generation = Generation::Three;
    const NONE: Self = std::ptr::null_mut();
}

/// GIMPs whose libraries have the same names and functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// GIMP 2.10.
    Two,
    /// GIMP 3.0 and 3.2.
    Three,
}

impl Generation {
    /// Opens a library of this generation for good. `stem` is `gimp` or `gimpui`.
    pub fn open(self, stem: &str) -> Result<&'static Library, String> {
        let series = match self {
            Generation::Two => "2.0",
            Generation::Three => "3.0",
        };
        let name = if cfg!(windows) {
            format!("lib{stem}-{series}-0.dll")
        } else if cfg!(target_os = "macos") {
            format!("lib{stem}-{series}.0.dylib")
        } else {
            format!("lib{stem}-{series}.so.0")
        };
        // SAFETY: GIMP's own library; what it does when it is loaded is what every plug-in lets it do.
        let library = unsafe { Library::new(&name) }
            .map_err(|error| format!("{name} cannot be loaded: {}", in_full(&error)))?;
        // Types and idle handlers of the library stay known to GLib, so it must not be unloaded.
        Ok(Box::leak(Box::new(library)))
    }
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Generation::Two => "GIMP 2.10",
            Generation::Three => "GIMP 3",
        })
    }
}

/// The names of a function in GIMP 2.10 and in GIMP 3; one name stands for both.
pub(crate) fn name_in(generation: Generation, two: &'static CStr, three: &'static CStr) -> &'static CStr {
    match generation {
        Generation::Two => two,
        Generation::Three => three,
    }
}

/// What an error of the system's loader says.
pub(crate) fn in_full(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Declares a table. `field(argument types) -> type;` is a function of that name, `field = two, three (…)` one that each
/// generation calls differently. A `; variadic` argument list ends in `...`.
macro_rules! table {
    (@name $generation:expr, $field:ident) => { name_in($generation, c_name!($field), c_name!($field)) };
    (@name $generation:expr, $field:ident, $two:ident, $three:ident) => {
        name_in($generation, c_name!($two), c_name!($three))
    };
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $table:ident $(<$handle:ident>)? {
            $($field:ident $(= $two:ident, $three:ident)? ($($type:ty),* $(; $variadic:tt)?) $(-> $answer:ty)?;)*
        }
    ) => {
        $(#[$attribute])*
        #[allow(missing_docs, reason = "GIMP, GTK and GLib document them")]
        $visibility struct $table $(<$handle>)? {
            $($visibility $field: unsafe extern "C" fn($($type,)* $($variadic)?) $(-> $answer)?,)*
        }

        impl $(<$handle: Handle>)? $table $(<$handle>)? {
            /// Finds every function, or says which one is missing.
            $visibility fn find(library: &'static Library, generation: Generation) -> Result<Self, String> {
                Ok(Self {$($field: {
                    let name = table!(@name generation, $field $(, $two, $three)?);
                    // SAFETY: the type is that of the function's declaration in the headers of its library.
                    let found = unsafe { library.get(name.to_bytes_with_nul()) };
                    *found.map_err(|error| {
                        format!("{generation} has no function {}: {}", name.to_string_lossy(), in_full(&error))
                    })?
                },)*})
            }

            /// How many functions the table has.
            $visibility const COUNT: usize = [$(stringify!($field)),*].len();
        }
    };
}

/// An identifier as a C text.
macro_rules! c_name {
    ($name:ident) => {
        const {
            match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("an identifier has no NUL in it"),
            }
        }
    };
}

/// `GeglRectangle`
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GeglRectangle {
    pub x: c_int,
    pub y: c_int,
    pub width: c_int,
    pub height: c_int,
}

table! {
    /// GLib and GObject, which both generations share.
    pub struct GLib {
        g_object_unref(Pointer);
        g_object_set(Pointer, Text; ...);
        g_signal_connect_data(Pointer, Text, Pointer, Pointer, Pointer, c_int) -> u64;
        g_timeout_add(c_uint, unsafe extern "C" fn(Pointer) -> c_int, Pointer) -> c_uint;
        g_source_remove(c_uint) -> c_int;
        g_dgettext(Text, Text) -> Text;
        bindtextdomain(Text, Text) -> Text;
        bind_textdomain_codeset(Text, Text) -> Text;
    }
}

table! {
    /// GEGL's buffers and babl's formats, which both generations share.
    pub struct Gegl {
        gegl_init(Pointer, Pointer);
        gegl_config() -> Pointer;
        gegl_buffer_get(Pointer, *const GeglRectangle, c_double, Pointer, Pointer, c_int, c_int);
        gegl_buffer_set(Pointer, *const GeglRectangle, c_int, Pointer, *const c_void, c_int);
        gegl_color_new(Text) -> Pointer;
        babl_format(Text) -> Pointer;
        babl_fish(Pointer, Pointer) -> Pointer;
        babl_process(Pointer, *const c_void, Pointer, std::ffi::c_long) -> std::ffi::c_long;
        babl_format_get_encoding(Pointer) -> Text;
        babl_format_get_space(Pointer) -> Pointer;
        babl_format_get_bytes_per_pixel(Pointer) -> c_int;
        babl_space(Text) -> Pointer;
    }
}

table! {
    /// Images, layers, channels, selections, progress. Answers of type `c_int` are 0 for failure unless they are a number.
    pub struct Core<H> {
        gimp_image_undo_group_start(H) -> c_int;
        gimp_image_undo_group_end(H) -> c_int;
        gimp_image_insert_layer(H, H, H, c_int) -> c_int;
        gimp_image_insert_channel(H, H, H, c_int) -> c_int;
        gimp_image_remove_channel(H, H) -> c_int;
        gimp_image_select_item(H, c_int, H) -> c_int;
        gimp_image_get_selection(H) -> H;
        gimp_image_get_item_position(H, H) -> c_int;
        gimp_image_width = gimp_image_width, gimp_image_get_width (H) -> c_int;
        gimp_image_height = gimp_image_height, gimp_image_get_height (H) -> c_int;
        gimp_selection_is_empty(H) -> c_int;
        gimp_item_get_parent(H) -> H;
        gimp_item_get_lock_content(H) -> c_int;
        gimp_item_set_lock_content(H, c_int) -> c_int;
        gimp_item_is_group(H) -> c_int;
        gimp_item_is_layer(H) -> c_int;
        gimp_item_set_name(H, Text) -> c_int;
        gimp_image_duplicate(H) -> H;
        gimp_image_delete(H) -> c_int;
        gimp_layer_new_from_drawable(H, H) -> H;
        gimp_layer_create_mask(H, c_int) -> H;
        gimp_layer_add_mask(H, H) -> c_int;
        gimp_layer_get_mask(H) -> H;
        gimp_channel_new(H, Text, c_int, c_int, c_double, *const c_void) -> H;
        gimp_drawable_get_buffer(H) -> Pointer;
        gimp_drawable_get_shadow_buffer(H) -> Pointer;
        gimp_drawable_get_format(H) -> Pointer;
        gimp_drawable_width = gimp_drawable_width, gimp_drawable_get_width (H) -> c_int;
        gimp_drawable_height = gimp_drawable_height, gimp_drawable_get_height (H) -> c_int;
        gimp_drawable_offsets = gimp_drawable_offsets, gimp_drawable_get_offsets (H, *mut c_int, *mut c_int) -> c_int;
        gimp_drawable_is_indexed(H) -> c_int;
        gimp_drawable_mask_intersect(H, *mut c_int, *mut c_int, *mut c_int, *mut c_int) -> c_int;
        gimp_drawable_merge_shadow(H, c_int) -> c_int;
        gimp_drawable_update(H, c_int, c_int, c_int, c_int) -> c_int;
        gimp_progress_init(Text) -> c_int;
        gimp_progress_update(c_double) -> c_int;
        gimp_progress_end() -> c_int;
        gimp_displays_flush() -> c_int;
    }
}

table! {
    /// What GIMP 2.10 does differently.
    pub struct Only2 {
        gimp_get_pdb_error() -> Text;
    }
}

table! {
    /// What GIMP 3 does differently, and the filters that lie on its layers.
    pub struct Only3<H> {
        gimp_get_pdb() -> Pointer;
        gimp_pdb_get_last_error(Pointer) -> Text;
        gimp_drawable_get_filters(H) -> *mut Pointer;
        gimp_drawable_filter_get_visible(Pointer) -> c_int;
        gimp_drawable_merge_filters(H) -> c_int;
        g_free(Pointer);
    }
}

table! {
    /// GTK and GIMP's widgets, as far as GTK 2 and GTK 3 have them alike.
    pub struct Widgets<H> {
        gimp_zoom_preview_new = gimp_zoom_preview_new_from_drawable_id, gimp_zoom_preview_new_from_drawable (H) -> Pointer;
        gimp_zoom_preview_get_factor(Pointer) -> c_double;
        gimp_preview_get_size(Pointer, *mut c_int, *mut c_int);
        gimp_preview_get_position(Pointer, *mut c_int, *mut c_int);
        gimp_preview_get_area(Pointer) -> Pointer;
        gimp_preview_invalidate(Pointer);
        gimp_preview_area_draw(Pointer, c_int, c_int, c_int, c_int, c_int, *const u8, c_int);
        gtk_dialog_get_content_area(Pointer) -> Pointer;
        gtk_box_pack_start(Pointer, Pointer, c_int, c_int, c_uint);
        gtk_label_new(Text) -> Pointer;
        gtk_label_set_text(Pointer, Text);
        gtk_widget_set_tooltip_text(Pointer, Text);
        gtk_label_set_line_wrap(Pointer, c_int);
        gtk_misc_set_alignment(Pointer, f32, f32);
        gtk_combo_box_text_new() -> Pointer;
        gtk_combo_box_text_append_text(Pointer, Text);
        gtk_combo_box_set_active(Pointer, c_int);
        gtk_combo_box_get_active(Pointer) -> c_int;
        gtk_container_set_border_width(Pointer, c_uint);
        gtk_dialog_set_response_sensitive(Pointer, c_int, c_int);
        gtk_widget_set_sensitive(Pointer, c_int);
        gtk_widget_set_size_request(Pointer, c_int, c_int);
        gtk_widget_show_all(Pointer);
        gtk_widget_destroy(Pointer);
    }
}

pub(crate) use {c_name, table};
