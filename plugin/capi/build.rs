//! What the linker is told about libderust.so.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        // The number is `DERUST_ABI`: programs that were built for another one do not start with this library.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libderust.so.1");
        // ONNX Runtime's threads and this library's thread-local data outlive a dlclose().
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
