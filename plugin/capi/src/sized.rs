//! Structs that say their own size, so that programs and libraries of different age understand one another.
//!
//! A program that is older than the library hands over less than the library knows; what it does not say has its
//! default. A program that is newer hands over more; that is fine as long as it is all zero, which means that the
//! program does not use what this library does not know.

use derust_interface::*;

use crate::failure::Failure;

/// No struct of this interface will ever be larger; a `struct_size` beyond is a variable that was never set.
const LARGEST: usize = 4096;

/// A struct that begins with `struct_size`.
///
/// # Safety
/// It is `repr(C)`, its first field is the `u32` `struct_size`, it has no padding, any bytes are a value of it, and
/// its first published version had `FIRST_SIZE` bytes.
pub(crate) unsafe trait SizedStruct: Copy + Default {
    /// Its name in C.
    const NAME: &'static str;
    /// Bytes of the version that was published first.
    const FIRST_SIZE: usize;
}

macro_rules! sized_structs {
    ($($type:ty, $name:literal, $first:literal;)*) => {$(
        // SAFETY: see the definitions in derust-interface, whose sizes and offsets tests/c compares with C's; the
        // sum of the fields is the size, so nothing is padding. They hold numbers, pointers and optional functions.
        unsafe impl SizedStruct for $type {
            const NAME: &'static str = $name;
            const FIRST_SIZE: usize = $first;
        }
        const _: () = assert!(size_of::<usize>() != 8 || (size_of::<$type>() >= $first && size_of::<$type>() <= LARGEST));
    )*};
}

// The sizes never change: they are those of the version that was published first, on 64-bit machines.
sized_structs! {
    Image, "derust_image", 80;
    EngineOptions, "derust_engine_options", 72;
    SegmentOptions, "derust_segment_options", 48;
    RemoveOptions, "derust_remove_options", 56;
    ComposeOptions, "derust_compose_options", 48;
    Model, "derust_model", 56;
    Device, "derust_device", 32;
    Summary, "derust_summary", 56;
    Region, "derust_region", 32;
    CallInfo, "derust_call_info", 8;
    Runtime, "derust_runtime", 24;
    Health, "derust_health", 32;
}

/// The size that a struct says it has, checked to be possible.
///
/// # Safety
/// `place` is NULL or may be read for four bytes.
pub(crate) unsafe fn checked_size<T: SizedStruct>(place: *const T, argument: &str) -> Result<usize, Failure> {
    if place.is_null() {
        return Err(Failure::argument(format!("{argument} is NULL; it has to point to a {}", T::NAME)));
    }
    // SAFETY: the first field is a `u32`; nothing is known about its alignment.
    let size = unsafe { place.cast::<u32>().read_unaligned() } as usize;
    if !(T::FIRST_SIZE..=LARGEST).contains(&size) {
        return Err(Failure::argument(format!(
            "{argument}.struct_size is {size}; set it to sizeof({}), which is {} in this version",
            T::NAME,
            size_of::<T>()
        )));
    }
    Ok(size)
}

/// Reads a struct of the caller.
///
/// # Safety
/// `place` is NULL or may be read for as many bytes as its `struct_size` says.
pub(crate) unsafe fn read<T: SizedStruct>(place: *const T, argument: &str) -> Result<T, Failure> {
    // SAFETY: the caller's promise.
    let size = unsafe { checked_size(place, argument) }?;
    let bytes = place.cast::<u8>();
    for i in size_of::<T>()..size {
        // SAFETY: `i` is less than the size that the struct says it has.
        let byte = unsafe { bytes.add(i).read() };
        if byte != 0 {
            return Err(Failure::argument(format!(
                "{argument} comes from a newer version of derust: byte {i} of it is set, and this version ({}) knows \
                 {} bytes of a {}; leave what is new at zero or use a newer library",
                env!("CARGO_PKG_VERSION"),
                size_of::<T>(),
                T::NAME
            )));
        }
    }
    let mut value = T::default();
    // No version ended within a field; half of a pointer would lead anywhere.
    let known = size.min(size_of::<T>());
    let whole = known - known % align_of::<T>();
    // SAFETY: both have at least that many bytes, they do not overlap, and any bytes are a value of `T`.
    unsafe { bytes.copy_to_nonoverlapping((&raw mut value).cast(), whole) };
    Ok(value)
}

/// [`read`] where NULL means: every default.
///
/// # Safety
/// See [`read`].
pub(crate) unsafe fn read_or_default<T: SizedStruct>(place: *const T, argument: &str) -> Result<T, Failure> {
    // SAFETY: the caller's promise.
    if place.is_null() { Ok(T::default()) } else { unsafe { read(place, argument) } }
}

/// Writes a struct of the caller, as much of it as the caller knows; its `struct_size` stays.
///
/// # Safety
/// `place` is NULL or may be read and written for as many bytes as its `struct_size` says.
pub(crate) unsafe fn write<T: SizedStruct>(place: *mut T, value: &T, argument: &str) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    let size = unsafe { checked_size(place, argument) }?;
    const HEAD: usize = size_of::<u32>();
    let length = size.min(size_of::<T>()) - HEAD;
    // SAFETY: both have at least that many bytes behind the `struct_size`, and `value` is not the caller's.
    unsafe {
        let from = std::ptr::from_ref(value).cast::<u8>().add(HEAD);
        from.copy_to_nonoverlapping(place.cast::<u8>().add(HEAD), length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A struct that has grown since it was published.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        struct_size: u32,
        first: u32,
        added: u64,
    }

    impl Default for Grown {
        fn default() -> Self {
            Grown { struct_size: 16, first: 1, added: 2 }
        }
    }

    // SAFETY: `repr(C)`, numbers only, 4 + 4 + 8 bytes.
    unsafe impl SizedStruct for Grown {
        const NAME: &'static str = "grown";
        const FIRST_SIZE: usize = 8;
    }

    fn read_words(words: &[u32]) -> Result<Grown, Failure> {
        let mut words = words.to_vec();
        words[0] = if words[0] == 0 { 4 * words.len() as u32 } else { words[0] };
        // SAFETY: `struct_size` is the length of the words, or refused.
        unsafe { read(words.as_ptr().cast::<Grown>(), "it") }
    }

    #[test]
    fn an_older_program_gets_the_defaults_of_what_it_does_not_know() {
        assert_eq!(read_words(&[0, 5]).unwrap(), Grown { struct_size: 8, first: 5, added: 2 });
        assert_eq!(read_words(&[0, 5, 6]).unwrap().added, 2, "half of a field is none");
        assert_eq!(read_words(&[0, 5, 6, 0]).unwrap().added, 6);
    }

    #[test]
    fn a_newer_program_may_leave_what_is_new_at_zero_only() {
        assert_eq!(read_words(&[0, 5, 6, 0, 0, 0]).unwrap().added, 6);
        for last in [1_u32, 0x0100_0000] {
            let failure = read_words(&[0, 5, 6, 0, 0, last]).unwrap_err();
            assert_eq!(failure.status, DERUST_ERROR_ARGUMENT);
            assert!(failure.message.contains("newer"), "{}", failure.message);
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for size in [1, 4, 7, 4097, u32::MAX] {
            let failure = read_words(&[size, 5, 6, 0]).unwrap_err();
            assert!(failure.message.contains(&format!("it.struct_size is {size};")), "{}", failure.message);
        }
        // SAFETY: NULL is allowed.
        assert!(unsafe { read(std::ptr::null::<Grown>(), "it") }.unwrap_err().message.contains("NULL"));
    }

    #[test]
    fn only_what_the_caller_knows_is_written() {
        let value = Grown { struct_size: 0, first: 7, added: 8 };
        for (size, expected) in [(8, [8, 7, 9, 9, 9]), (16, [16, 7, 8, 0, 9]), (20, [20, 7, 8, 0, 9])] {
            let mut words = [size, 9_u32, 9, 9, 9];
            // SAFETY: the words have at least `size` bytes.
            unsafe { write(words.as_mut_ptr().cast::<Grown>(), &value, "it") }.unwrap();
            assert_eq!(words, expected);
        }
    }
}
