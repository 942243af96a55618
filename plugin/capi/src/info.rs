//! What a call says of itself.

use std::ffi::c_char;
use std::time::Duration;

use derust_engine::{Caution, Spent};
use derust_interface::*;

use crate::failure::Failure;
use crate::{guard, sized};

/// What a call has learned of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Info {
    pub(crate) caution: Option<Caution>,
    pub(crate) spent: Spent,
}

// SAFETY: this code only passes the pointer on; it is used on the thread of the call, and nowhere else (`tell`).
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

/// A caution as the header numbers it.
pub(crate) fn caution(caution: Option<Caution>) -> i32 {
    match caution {
        None => DERUST_CAUTION_NONE,
        // Whatever comes later gets a number of its own here.
        Some(_) => DERUST_CAUTION_DARK,
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Where the caller wants to be told.
#[derive(Clone, Copy)]
pub(crate) struct Place(*mut CallInfo);

impl Place {
    /// `info` is NULL where the caller does not want to be told.
    ///
    /// # Errors
    /// When the struct cannot be one.
    ///
    /// # Safety
    /// `info` is NULL or structs that say their size, as many as the call has images, for the call.
    pub(crate) unsafe fn new(info: *mut CallInfo) -> Result<Self, Failure> {
        if !info.is_null() {
            // SAFETY: the caller's promise.
            unsafe { sized::checked_size(info, "options.info") }?;
        }
        Ok(Place(info))
    }

    /// Tells of the image with this number.
    ///
    /// # Errors
    /// When the struct cannot be one.
    ///
    /// # Safety
    /// What was promised to [`Place::new`], whose call goes on and has this thread; it has more than `index` images.
    pub(crate) unsafe fn tell(self, index: usize, info: Info) -> Result<(), Failure> {
        if self.0.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's promise: the structs lie one behind the other and are all of one size.
        let place = unsafe {
            let size = sized::checked_size(self.0, "options.info")?;
            self.0.byte_add(index * size)
        };
        let Spent { wait, reduce, network, compose } = info.spent;
        let [wait_ns, reduce_ns, network_ns, compose_ns] = [wait, reduce, network, compose].map(nanoseconds);
        let caution = caution(info.caution);
        let value = CallInfo { caution, wait_ns, reduce_ns, network_ns, compose_ns, ..CallInfo::default() };
        let name = if index == 0 { "options.info".to_owned() } else { format!("options.info[{index}]") };
        // SAFETY: the caller's promise.
        unsafe { sized::write(place, &value, &name) }
    }
}

/// What a caution means, in a line: "the picture is dark; rust in it is easily missed"; "" for DERUST_CAUTION_NONE and for
/// numbers that this version does not know. Static, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn derust_caution_text(caution: i32) -> *const c_char {
    // The engine's words; a test holds them to it.
    let text = match caution {
        DERUST_CAUTION_DARK => c"the picture is dark; rust in it is easily missed",
        _ => c"",
    };
    guard::quietly(c"".as_ptr(), || text.as_ptr())
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn a_caution_is_told_in_the_engines_words() {
        let told = |number| {
            // SAFETY: a static text.
            unsafe { CStr::from_ptr(derust_caution_text(number)) }.to_str().unwrap()
        };
        assert_eq!(told(caution(Some(Caution::Dark))), Caution::Dark.to_string());
        assert_eq!((caution(None), told(DERUST_CAUTION_NONE), told(77)), (0, "", ""));
    }
}
