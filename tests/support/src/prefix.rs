//! An installed derust that tests use.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Names the prefix that `cargo xtask test` made for the whole run.
const VARIABLE: &str = "DERUST_PREFIX";

/// The prefix to test: `$DERUST_PREFIX`, else one that `cargo xtask install --debug` makes in the build folder, once
/// per process and by one process at a time.
///
/// # Panics
/// When derust cannot be installed; the text says what is missing.
pub fn prefix() -> &'static Path {
    // A failure is kept too: each test of a process would meet it after the same wait.
    static PREFIX: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let prefix = PREFIX.get_or_init(|| match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) if Path::new(&path).is_absolute() => Ok(path.into()),
        Some(path) => Err(format!("{VARIABLE} is {}, but has to be an absolute path", path.display())),
        None => install(&build_folder().join("test-prefix")),
    });
    prefix.as_deref().unwrap_or_else(|problem| panic!("{problem}"))
}

fn install(prefix: &Path) -> Result<PathBuf, String> {
    let lock_path = prefix.with_extension("lock");
    let lock = File::create(&lock_path).unwrap_or_else(|error| panic!("{}: {error}", lock_path.display()));
    lock.lock().unwrap_or_else(|error| panic!("{}: {error}", lock_path.display()));
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(checkout())
        // The tests may have been built into another folder than the one that is set.
        .env("CARGO_TARGET_DIR", build_folder())
        .args(["run", "--quiet", "--package", "xtask", "--", "install", "--debug", "--prefix"])
        .arg(prefix)
        .output()
        .expect("cargo starts");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("derust cannot be installed for the tests:\n{said}"));
    }
    Ok(prefix.to_path_buf())
}

/// The root of the checkout.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies in tests/support")
}

/// Cargo's build folder: the one above this program that cargo tagged as a cache.
pub fn build_folder() -> PathBuf {
    let program = env::current_exe().expect("the system says where this program lies");
    let tagged = |above: &&Path| above.join("CACHEDIR.TAG").is_file() || above.ends_with("target");
    program.ancestors().skip(1).find(tagged).expect("tests lie in cargo's build folder").to_path_buf()
}
