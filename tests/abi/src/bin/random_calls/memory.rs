//! Memory that is exactly as large as the calls are told, so that AddressSanitizer sees where it ends.

use std::ffi::c_void;

use crate::dice::Dice;
use crate::pictures::{Picture, places};

/// A block from malloc; at its end begins what must not be touched.
pub struct Block {
    start: *mut u8,
    size: usize,
    before: Vec<u8>,
}

impl Block {
    pub fn new(bytes: &[u8]) -> Self {
        let start = Box::into_raw(Box::<[u8]>::from(bytes)).cast();
        Block { start, size: bytes.len(), before: bytes.to_vec() }
    }

    /// A struct whose first field says its size: as many bytes of it as `size`, which goes into that field, and
    /// `filler` behind what is known of it.
    pub fn sized<T: Copy>(value: &T, size: u32, filler: u8) -> Self {
        /// Sizes beyond are refused before anything behind the size is read.
        const LARGEST: usize = 4096;
        // SAFETY: the structs of the interface have no padding, so every byte of a value is set.
        let known = unsafe { std::slice::from_raw_parts((&raw const *value).cast::<u8>(), size_of::<T>()) };
        let mut bytes = known.to_vec();
        bytes[..4].copy_from_slice(&size.to_ne_bytes());
        let length = if size as usize > LARGEST { 4 } else { (size as usize).max(4) };
        bytes.resize(length, filler);
        Block::new(&bytes)
    }

    pub fn pointer<T>(&self) -> *mut T {
        self.start.cast()
    }

    pub fn size(&self) -> usize {
        self.size
    }

    pub fn now(&self) -> &[u8] {
        // SAFETY: the block is this program's, `size` bytes large, and no call is in flight.
        unsafe { std::slice::from_raw_parts(self.start, self.size) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: `new` made it of such a box, and gave it to no one who keeps it.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.start, self.size)) });
    }
}

/// All that one call borrows.
#[derive(Default)]
pub struct Lent {
    /// Pixels.
    pub buffers: Vec<Block>,
    /// Structs, texts and lists, which calls only read.
    read_only: Vec<Block>,
}

impl Lent {
    pub fn bytes<T>(&mut self, bytes: &[u8]) -> *const T {
        self.read_only.push(Block::new(bytes));
        self.read_only[self.read_only.len() - 1].pointer()
    }

    pub fn pointers<T>(&mut self, list: &[*const T]) -> *const *const T {
        let bytes: Vec<u8> = list.iter().flat_map(|pointer| pointer.addr().to_ne_bytes()).collect();
        // The blocks came from this program's allocator, which has exposed them by their making.
        list.iter().for_each(|pointer| _ = pointer.expose_provenance());
        self.bytes(&bytes)
    }

    /// A struct in a block as large as it says: nearly always right.
    pub fn sized<T: Copy>(&mut self, dice: &mut Dice, value: &T) -> *mut T {
        self.read_only.push(sized(dice, value));
        self.read_only[self.read_only.len() - 1].pointer()
    }

    /// Compares with how it was before the call, other than pixels of what could be `written`.
    pub fn check(&self, written: &[&Picture]) -> Result<(), String> {
        if self.read_only.iter().any(|block| block.now() != block.before) {
            return Err("something was written to a struct, text or list that is only read".into());
        }
        for (i, block) in self.buffers.iter().enumerate() {
            if block.now() == block.before {
                continue;
            }
            let mut allowed = vec![false; block.size];
            for picture in written.iter().filter(|picture| picture.buffer == Some(i)) {
                for place in places(&picture.image).into_iter().flatten() {
                    allowed[place].fill(true);
                }
            }
            let changed = |at: &usize| block.now()[*at] != block.before[*at];
            if let Some(at) = (0..block.size).filter(changed).find(|at| !allowed[*at]) {
                return Err(format!("byte {at} of buffer {i} was written, which is no pixel of an output"));
            }
        }
        Ok(())
    }
}

pub fn sized<T: Copy>(dice: &mut Dice, value: &T) -> Block {
    let known = size_of::<T>() as u32;
    match dice.below(60) {
        0 => Block::sized(value, dice.edge() as u32, 0),
        1 => Block::sized(value, dice.between(0, known + 8), 0),
        2 => Block::sized(value, known + dice.between(1, 64), 0),
        3 => Block::sized(value, known + dice.between(1, 64), dice.bits() as u8),
        _ => Block::sized(value, known, 0),
    }
}

/// Bytes that this process has allocated and not freed.
pub fn in_use() -> usize {
    // SAFETY: the function has this type in every sanitizer's runtime, and takes nothing.
    unsafe {
        let counter = libc::dlsym(libc::RTLD_DEFAULT, c"__sanitizer_get_current_allocated_bytes".as_ptr());
        if !counter.is_null() {
            return std::mem::transmute::<*mut c_void, extern "C" fn() -> usize>(counter)();
        }
    }
    // SAFETY: it only reads malloc's own numbers.
    let numbers = unsafe { libc::mallinfo2() };
    numbers.uordblks + numbers.hblkhd
}

/// How much memory was in use after so many calls.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub calls: u64,
    pub bytes: usize,
}

/// Whether memory is used more and more, as a few looks tell; none if there were too few calls to tell.
pub fn grows(looks: &[Look]) -> Option<bool> {
    /// Calls after which ONNX Runtime's caches have nearly all that they will have.
    const WARM: u64 = 2000;
    /// Bytes for each call that they may still take.
    const NOTHING: u64 = 32;
    const FEWEST_LOOKS: usize = 4;
    let grew = |pair: &[Look]| {
        let [before, after] = [pair[0], pair[1]];
        after.bytes as u64 > before.bytes as u64 + NOTHING * (after.calls - before.calls)
    };
    // Caches grow in steps and come to an end; what is forgotten grows at every look.
    let warm = &looks[looks.partition_point(|look| look.calls < WARM)..];
    (warm.len() >= FEWEST_LOOKS).then(|| warm.windows(2).all(grew))
}
