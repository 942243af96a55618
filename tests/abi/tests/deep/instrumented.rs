//! libderust and the random calls, built with AddressSanitizer.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use derust_test_support::{build_folder, checkout, prefix, program, run};

use crate::common::{compile, own};

/// How a program ends in which AddressSanitizer found something; no program of the tests ends so by itself.
pub const FOUND: i32 = 99;

/// The only system for which it is built.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What was built.
pub struct Instrumented {
    /// Headers, instrumented library, and the runtime of the prefix that is tested.
    pub prefix: PathBuf,
    /// The program that throws random calls.
    pub random_calls: PathBuf,
}

/// Builds them, the first time for some minutes; into a folder of their own, so that what was compiled is kept.
pub fn instrumented() -> &'static Instrumented {
    static BUILT: OnceLock<Instrumented> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> Instrumented {
    let folder = build_folder().join("asan");
    fs::create_dir_all(&folder).unwrap();
    // Two test programs may come here at the same time.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(checkout());
    cargo.args(["build", "--quiet", "--locked", "--profile", "asan", "--target", TARGET]);
    // Models come from folders; compiling them in would only take time.
    cargo.args(["--no-default-features", "--package", "derust-capi", "--lib"]);
    cargo.args(["--package", "derust-tests-abi", "--bin", "random_calls"]).arg("--target-dir").arg(&folder);
    // Sanitizers are not stable in Rust: this lets the compiler at hand use them.
    cargo.env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // The runtime lies in the programs, and the library finds it there.
    cargo.env("RUSTFLAGS", "-Zsanitizer=address -Clink-arg=-rdynamic");
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let built = folder.join(TARGET).join("asan");
    let made = Instrumented { prefix: folder.join("prefix"), random_calls: built.join("random_calls") };
    let lib = made.prefix.join("lib");
    fs::create_dir_all(&lib).unwrap();
    put(|file| fs::copy(built.join("libderust.so"), file).map(drop), &lib.join("libderust.so.1"));
    put(|file| symlink("libderust.so.1", file), &lib.join("libderust.so"));
    put(|file| symlink(prefix().join("lib/onnxruntime"), file), &lib.join("onnxruntime"));
    put(|file| symlink(prefix().join("include"), file), &made.prefix.join("include"));
    made
}

/// Makes a file in place of one that may be there, and that a running program may use.
fn put(make: impl Fn(&Path) -> std::io::Result<()>, file: &Path) {
    let fresh = file.with_extension("fresh");
    _ = fs::remove_file(&fresh);
    make(&fresh).and_then(|()| fs::rename(&fresh, file)).unwrap();
}

/// Compiles sources with AddressSanitizer, against the instrumented library.
///
/// Instrumented by clang, linked with the runtime that comes with Rust: a process can only have one, and clang's own is
/// in a package that not every machine with clang has.
pub fn compile_instrumented(compiler: &str, flags: &[&str], sources: &[PathBuf], output: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let prefix = &instrumented().prefix;
    let objects: Vec<PathBuf> = sources
        .iter()
        .map(|source| {
            let object = folder.path().join(source.file_name().unwrap()).with_extension("o");
            let mut command = program(compiler);
            command.arg(if compiler == "clang" { "-std=c11" } else { "-std=c++17" });
            command.args(["-D_POSIX_C_SOURCE=200809L", "-g", "-O1", "-fsanitize=address", "-pthread"]);
            command.args(["-fno-omit-frame-pointer"]);
            command.args(flags.iter().filter(|flag| !flag.starts_with("-l")));
            command.arg("-I").arg(prefix.join("include"));
            run(command.arg("-c").arg(source).arg("-o").arg(&object));
            object
        })
        .collect();
    let runtime = sanitizer_runtime();
    let linking = ["-Wl,--whole-archive", runtime.to_str().unwrap(), "-Wl,--no-whole-archive", "-rdynamic"];
    let libraries = flags.iter().filter(|flag| flag.starts_with("-l")).copied();
    let flags: Vec<&str> =
        linking.into_iter().chain(libraries).chain(["-ldl", "-lrt", "-lpthread"]).collect();
    compile(compiler, &flags, &objects, prefix, output);
}

/// The archive with AddressSanitizer's runtime that comes with the Rust compiler.
fn sanitizer_runtime() -> PathBuf {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let folder = run(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    let is_it = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("librustc") && name.ends_with("_rt.asan.a")
    };
    let mut files = fs::read_dir(folder.trim()).unwrap().map(|file| file.unwrap().path());
    files.find(is_it).unwrap_or_else(|| panic!("there is no AddressSanitizer in {folder}"))
}

/// A command whose leaks and wrong accesses are found.
pub fn watched(path: &Path) -> Command {
    let mut command = program(path);
    command.env("ASAN_OPTIONS", format!("detect_leaks=1:strict_string_checks=1:exitcode={FOUND}"));
    let suppressions = own("leaks.supp");
    command.env("LSAN_OPTIONS", format!("suppressions={}:print_suppressions=0", suppressions.display()));
    command
}
