//! Arbitrary bytes as picture files: reading and writing them again must end in a picture or in an error.
#![no_main]

use std::cell::RefCell;

use derust_command::picture_file::{Coding, PictureFile, Source, Target};
use libfuzzer_sys::fuzz_target;

/// Headers may promise more; setting that aside for every input would find nothing but the fuzzer's own limits.
const LARGEST: u64 = 512 << 20;

thread_local! {
    static FOLDER: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().expect("a folder"));
}

fuzz_target!(|bytes: &[u8]| {
    FOLDER.with_borrow(|folder| {
        let Ok(opened) = PictureFile::open(&Source::Memory(bytes.into())) else { return };
        if opened.memory() > LARGEST {
            return;
        }
        let Ok(picture) = opened.decode() else { return };
        let (width, height) = picture.size();
        assert!(picture.picture().is_ok_and(|pixels| pixels.size() == (width, height)));
        // What belongs to the picture comes from the input too, and is written again.
        let name = ["out.jpg", "out.png", "out.tif"][bytes.len() % 3];
        let _ = picture.write(&Target::File(folder.path().join(name)), &Coding::default());
    });
});
