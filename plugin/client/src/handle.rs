//! Handles that the library makes and this side owns.

/// A handle, freed when it goes. NULL is no handle.
#[derive(Debug)]
pub(crate) struct Handle<T> {
    pointer: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

// SAFETY: the library's handles may be used by any number of threads at once (derust.h), and whoever owns one frees it when
// no call uses it any more.
unsafe impl<T> Send for Handle<T> {}
// SAFETY: see above.
unsafe impl<T> Sync for Handle<T> {}

impl<T> Handle<T> {
    /// # Safety
    /// `pointer` is NULL or a handle that nobody else frees, and `free` is the function that frees its kind.
    pub(crate) unsafe fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Self {
        Handle { pointer, free }
    }

    /// For calls, as long as this lives.
    pub(crate) fn pointer(&self) -> *mut T {
        self.pointer
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: what `new` was promised; freeing NULL does nothing.
        unsafe { (self.free)(self.pointer) }
    }
}
