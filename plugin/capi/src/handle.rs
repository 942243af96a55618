//! Who owns what lies behind an opaque handle.
//!
//! A handle is a boxed Rust value. The caller owns it from the call that made it to the `_free` call that takes it
//! back; in between the library borrows it for a call at a time.

use crate::failure::Failure;

/// An opaque type of the interface.
///
/// # Safety
/// Pointers to it come from [`give`] and from nowhere else.
pub(crate) unsafe trait Handle {
    /// What lies behind it; calls on several threads look at it at once.
    type Inside: Send + Sync;
}

/// Hands a value to the caller.
pub(crate) fn give<H: Handle>(inside: H::Inside) -> *mut H {
    Box::into_raw(Box::new(inside)).cast()
}

/// Looks at what lies behind a handle; nothing behind NULL.
///
/// # Safety
/// `handle` is NULL or came from [`give`] and is not taken back for `'a`.
pub(crate) unsafe fn borrow<'a, H: Handle>(handle: *const H) -> Option<&'a H::Inside> {
    // SAFETY: the caller's promise; the box is aligned for what is inside.
    unsafe { handle.cast::<H::Inside>().as_ref() }
}

/// [`borrow`] where NULL is an error.
///
/// # Safety
/// See [`borrow`].
pub(crate) unsafe fn required<'a, H: Handle>(
    handle: *const H,
    argument: &str,
) -> Result<&'a H::Inside, Failure> {
    // SAFETY: the caller's promise.
    unsafe { borrow(handle) }.ok_or_else(|| Failure::argument(format!("{argument} is NULL")))
}

/// Takes a value back from the caller; nothing behind NULL.
///
/// # Safety
/// `handle` is NULL or came from [`give`], was not taken back, and no other call uses it.
pub(crate) unsafe fn take<H: Handle>(handle: *mut H) -> Option<Box<H::Inside>> {
    // SAFETY: the caller's promise.
    (!handle.is_null()).then(|| unsafe { Box::from_raw(handle.cast()) })
}

/// Where a call puts the handle that it makes; NULL until then, so that a failed call leaves nothing to free.
pub(crate) struct Slot<H>(*mut *mut H);

impl<H: Handle> Slot<H> {
    /// # Safety
    /// `place` is NULL or may be written to as long as the slot lives.
    pub(crate) unsafe fn new(place: *mut *mut H, argument: &str) -> Result<Self, Failure> {
        // SAFETY: the caller's promise.
        unsafe { Slot::optional(place) }.ok_or_else(|| {
            Failure::argument(format!("{argument} is NULL; it has to point to where the new handle goes"))
        })
    }

    /// The same, but nothing where `place` is NULL.
    ///
    /// # Safety
    /// See [`Slot::new`].
    pub(crate) unsafe fn optional(place: *mut *mut H) -> Option<Self> {
        if place.is_null() {
            return None;
        }
        // SAFETY: not NULL, and the caller's promise; nothing is known about its alignment.
        unsafe { place.write_unaligned(std::ptr::null_mut()) };
        Some(Slot(place))
    }

    /// Gives the caller what was made.
    pub(crate) fn fill(self, inside: H::Inside) {
        // SAFETY: the promise made to `new`.
        unsafe { self.0.write_unaligned(give(inside)) };
    }
}
