//! Bakes the place of libtorch into the binary, so that it runs without `LD_LIBRARY_PATH`, and the commit that it was
//! built from, which a run's folder names.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB")
        && cfg!(target_os = "linux")
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
        println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/libtorch/lib");
    }
    println!("cargo:rustc-env=DERUST_COMMIT={}", commit().unwrap_or_default());
}

/// ` (commit …)` in a released program; while one works on it, it would say nothing that stays true.
fn commit() -> Option<String> {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").ok()? != "release" {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    let log = git(&["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])?;
    println!("cargo:rerun-if-changed={log}");
    Some(format!(" (commit {})", git(&["rev-parse", "--short=12", "HEAD"])?))
}
