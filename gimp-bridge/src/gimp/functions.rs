//! Tables of C functions that are found by name in the libraries of the GIMP that started the plug-in. Those that both
//! generations have alike stand here, under GIMP 3's names; they are generic over the [`Handle`](Generation::Handle).

use std::ffi::{CStr, c_char, c_double, c_int, c_uint, c_void};

use libloading::Library;

use super::Generation;

/// A pointer whose inside belongs to GIMP's libraries.
pub type Pointer = *mut c_void;
/// A NUL-terminated text in UTF-8.
pub type Text = *const c_char;

/// What a generation calls a function of the tables.
pub(super) fn name_in<G: Generation>(name: &'static CStr) -> &'static CStr {
    G::RENAMED.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, its)| its)
}

/// What an error of the system's loader says.
pub(super) fn in_full(error: &libloading::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// Declares a table. `field(argument types) -> type;` is a function of that name. A `; variadic` argument list ends in `...`.
macro_rules! table {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $table:ident $(<$handle:ident>)? {
            $($field:ident ($($type:ty),* $(; $variadic:tt)?) $(-> $answer:ty)?;)*
        }
    ) => {
        $(#[$attribute])*
        #[allow(missing_docs, reason = "GIMP, GTK and GLib document them")]
        $visibility struct $table $(<$handle>)? {
            $($visibility $field: unsafe extern "C" fn($($type,)* $($variadic)?) $(-> $answer)?,)*
        }

        impl $(<$handle>)? $table $(<$handle>)? {
            /// Finds every function, or says which one is missing.
            $visibility fn find<G: Generation>(library: &'static Library) -> Result<Self, String> {
                Ok(Self {$($field: {
                    let name = name_in::<G>(c_name!($field));
                    // SAFETY: the type is that of the function's declaration in the headers of its library.
                    let found = unsafe { library.get(name.to_bytes_with_nul()) };
                    *found.map_err(|error| {
                        format!("{} has no function {}: {}", G::NAME, name.to_string_lossy(), in_full(&error))
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
        g_signal_handler_disconnect(Pointer, u64);
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
        gimp_image_get_width(H) -> c_int;
        gimp_image_get_height(H) -> c_int;
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
        gimp_drawable_get_width(H) -> c_int;
        gimp_drawable_get_height(H) -> c_int;
        gimp_drawable_get_offsets(H, *mut c_int, *mut c_int) -> c_int;
        gimp_drawable_is_indexed(H) -> c_int;
        gimp_drawable_mask_intersect(H, *mut c_int, *mut c_int, *mut c_int, *mut c_int) -> c_int;
        gimp_drawable_merge_shadow(H, c_int) -> c_int;
        gimp_drawable_update(H, c_int, c_int, c_int, c_int) -> c_int;
        gimp_progress_init(Text) -> c_int;
        gimp_progress_update(c_double) -> c_int;
        gimp_progress_end() -> c_int;
        gimp_displays_flush() -> c_int;
        gimp_message(Text) -> c_int;
    }
}

table! {
    /// GTK and GIMP's widgets, as far as GTK 2 and GTK 3 have them alike.
    pub struct Widgets<H> {
        gimp_zoom_preview_new_from_drawable(H) -> Pointer;
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

pub(super) use {c_name, table};
