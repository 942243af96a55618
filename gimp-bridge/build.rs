//! Compiles the catalogues of `po/` to the form that gettext reads.

use std::path::{Path, PathBuf};

const LANGUAGES: [&str; 2] = ["en", "zh_CN"];

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for language in LANGUAGES {
        let source = Path::new("po").join(format!("{language}.po"));
        println!("cargo::rerun-if-changed={}", source.display());
        let catalogue = polib::po_file::parse(&source)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", source.display()));
        let compiled = out.join(format!("{language}.mo"));
        polib::mo_file::write(&catalogue, &compiled)
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", compiled.display()));
    }
}
