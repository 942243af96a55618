//! What a generation of GIMP is, and how the plug-in is served to one.

use std::ffi::{CStr, CString, OsString, c_char, c_int};

use libloading::Library;

use super::functions::{Text, in_full};
use super::{Gimp, Offer};

/// GIMPs whose libraries have the same names and functions; a value of it has the functions that it does not share with
/// others.
///
/// Images and items of GIMP 2.10 are numbers, those of GIMP 3 objects. GIMP checks the handles of all its functions and
/// answers with a failure for wrong ones.
pub trait Generation: Sized + 'static {
    /// An image or an item: a layer, a mask, a channel.
    type Handle: Copy + PartialEq + 'static;
    /// Stands for no image and no item.
    const NONE: Self::Handle;
    /// What people call it.
    const NAME: &'static str;
    /// What stands in the names of its library files.
    const SERIES: &'static str;
    /// Functions that it calls otherwise: the name in the tables, and its own.
    const RENAMED: &'static [(&'static CStr, &'static CStr)] = &[];
    /// Whether filters that can be taken off again lie on layers.
    const HAS_LAYER_FILTERS: bool;
    /// How many functions [`Generation::find`] finds.
    const COUNT: usize;

    /// Finds the functions that it does not share with others.
    ///
    /// # Errors
    /// When one is missing; the text names it.
    fn find(library: &'static Library) -> Result<Self, String>;

    /// What it says about the last call that failed; NULL or empty: nothing.
    fn last_error(&self) -> Text;

    /// A channel of this name and size in red, half transparent, that stands in no list of channels yet.
    fn new_channel(gimp: &Gimp<Self>, image: Self::Handle, name: &CStr, size: (c_int, c_int))
    -> Self::Handle;

    /// Whether filters change how a layer looks.
    fn has_visible_filters(&self, layer: Self::Handle) -> bool;

    /// Makes what the filters on a layer show its pixels; says whether that went well.
    fn merge_filters(&self, layer: Self::Handle) -> bool;

    /// Serves GIMP until it is done with this process; answers with the code with which the process ends.
    ///
    /// # Errors
    /// When a function is missing.
    ///
    /// # Safety
    /// `arguments` are `count` texts that live as long as the process, and NULL.
    unsafe fn run(offer: Offer<Self>, count: c_int, arguments: *mut *mut c_char) -> Result<c_int, String>;

    /// Finds every function that the plug-in calls, those of windows too, and says how many there are.
    ///
    /// # Errors
    /// When one is missing; the text names it.
    fn check() -> Result<usize, String>;
}

/// Whether this generation is installed.
///
/// # Errors
/// With the loader's reason, if it is not.
pub fn is_installed<G: Generation>() -> Result<(), String> {
    open::<G>("gimp").map(drop)
}

/// Serves the GIMP that started this process with these arguments until it is done with it.
///
/// # Errors
/// When a function is missing.
pub fn serve<G: Generation>(offer: Offer<G>, arguments: &[OsString]) -> Result<c_int, String> {
    let texts: Vec<CString> = arguments
        .iter()
        .map(|argument| CString::new(argument.as_encoded_bytes()).unwrap_or_default())
        .collect();
    let mut pointers: Vec<*mut c_char> = texts.iter().map(|text| text.as_ptr().cast_mut()).collect();
    let count = pointers.len() as c_int;
    pointers.push(std::ptr::null_mut());
    // The plug-in reads and writes GEGL's buffers and runs none of its operations: loading them takes longer than all the
    // rest of the start. So do the measurements that babl takes before it reads its list of the fastest conversions; it
    // finds the few that are needed here without.
    // SAFETY: the process has one thread yet.
    unsafe {
        std::env::set_var("GEGL_PATH", offer.folder.join("no-operations"));
        std::env::set_var("BABL_INHIBIT_CACHE", "1");
    }
    // SAFETY: the texts live until GIMP is done with this process.
    unsafe { G::run(offer, count, pointers.as_mut_ptr()) }
}

/// Opens a library of a generation for good. `stem` is `gimp` or `gimpui`.
pub(super) fn open<G: Generation>(stem: &str) -> Result<&'static Library, String> {
    let series = G::SERIES;
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
