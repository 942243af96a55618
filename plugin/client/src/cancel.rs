//! Stopping calls from other threads.

use std::ptr::null_mut;

use derust_interface as c;

use crate::error::Error;
use crate::handle::Handle;
use crate::library::{self, Library};

/// Stops calls from any thread: give it to them in their options, and [`request`](Cancel::request) from anywhere. A request
/// holds for every later call, until [`reset`](Cancel::reset).
#[derive(Debug)]
pub struct Cancel {
    library: Library,
    handle: Handle<c::Cancel>,
}

impl Cancel {
    /// One that nobody has requested.
    ///
    /// # Errors
    /// When there is no libderust that this program can use.
    #[doc(alias = "derust_cancel_create")]
    pub fn new() -> Result<Self, Error> {
        let library = library::library()?;
        let mut made = null_mut();
        // SAFETY: `made` is where the handle goes.
        library.call(|functions, error| unsafe { functions.cancel_create()(&mut made, error) })?;
        // SAFETY: the handle is this function's own, and of this kind.
        let handle = unsafe { Handle::new(made, library.functions().cancel_free()) };
        Ok(Cancel { library, handle })
    }

    /// Ends the calls that have it, each within one tile, and every later one.
    #[doc(alias = "derust_cancel_request")]
    pub fn request(&self) {
        // SAFETY: the handle lives.
        unsafe { self.library.functions().cancel_request()(self.handle.pointer()) }
    }

    /// Makes it as new, for calls to come.
    #[doc(alias = "derust_cancel_reset")]
    pub fn reset(&self) {
        // SAFETY: the handle lives.
        unsafe { self.library.functions().cancel_reset()(self.handle.pointer()) }
    }

    /// For the options of a call that ends before this goes.
    pub(crate) fn c(&self) -> *const c::Cancel {
        self.handle.pointer()
    }
}
