//! The library file, looked at with binutils.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use derust_interface::DERUST_ABI;
use derust_test_support::{prefix, program, run};

#[test]
fn it_has_its_name_and_stays_loaded() {
    let file = prefix().join("lib/libderust.so");
    let said = run(program("readelf").args(["--dynamic", "--wide"]).arg(&file));
    assert!(said.contains(&format!("Library soname: [libderust.so.{DERUST_ABI}]")), "{said}");
    let flags = said.lines().find(|line| line.contains("FLAGS_1")).unwrap_or_default();
    assert!(flags.contains("NODELETE"), "{said}");
    // It needs nothing but the system's own libraries; ONNX Runtime is loaded when it is needed.
    let needed: BTreeSet<&str> = said
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1)?.split(".so").next())
        .collect();
    let known = BTreeSet::from(["ld-linux-x86-64", "libc", "libgcc_s", "libm", "libdl", "libpthread"]);
    assert!(needed.is_subset(&known), "{needed:?}");
    let target = fs::read_link(&file).unwrap();
    assert_eq!(target, Path::new(&format!("libderust.so.{DERUST_ABI}")));
}

#[test]
fn it_exports_what_is_listed_and_nothing_else() {
    let file = prefix().join("lib/libderust.so");
    let said = run(program("nm").args(["--dynamic", "--defined-only", "--format=posix"]).arg(file));
    let exported: BTreeSet<&str> = said.lines().filter_map(|line| line.split(' ').next()).collect();
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("exported-symbols.txt");
    let list = fs::read_to_string(list).unwrap();
    let listed: BTreeSet<&str> =
        list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(
        exported == listed,
        "missing: {:?}, not listed: {:?}",
        listed.difference(&exported).collect::<Vec<_>>(),
        exported.difference(&listed).collect::<Vec<_>>()
    );
}
