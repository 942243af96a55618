//! Programs that the tasks call, and installing them where that is ours to do.

use std::process::Command;

use anyhow::Result;

use crate::process;

/// A program, or a set of them, that comes as one package.
pub struct Tool {
    name: &'static str,
    probe: (&'static str, &'static [&'static str]),
    package: &'static str,
}

/// Fetches wheels.
pub const PIP: Tool =
    Tool { name: "pip", probe: ("python3", &["-m", "pip", "--version"]), package: "python3-pip" };

/// Compiles the trainer's bridge to libtorch, and programs that use the library.
pub const CXX: Tool = Tool { name: "a C++ compiler", probe: ("c++", &["--version"]), package: "g++" };

/// The other compiler that programs have to build with.
pub const CLANG: Tool = Tool { name: "clang", probe: ("clang++", &["--version"]), package: "clang" };

/// Watches the memory of test programs.
pub const VALGRIND: Tool =
    Tool { name: "valgrind", probe: ("valgrind", &["--version"]), package: "valgrind" };

/// Compares the library's binary interface with the one on record.
pub const ABIGAIL: Tool =
    Tool { name: "abidiff", probe: ("abidiff", &["--version"]), package: "abigail-tools" };

/// Builds programs that use the library.
pub const CMAKE: Tool = Tool { name: "CMake", probe: ("cmake", &["--version"]), package: "cmake" };

/// Tells compilers where libraries are.
pub const PKG_CONFIG: Tool =
    Tool { name: "pkg-config", probe: ("pkg-config", &["--version"]), package: "pkg-config" };

/// What inspection programs in C++ are written with. Its parts alone would not do: Debian keeps the CMake package and
/// the pkg-config file in the package of the whole.
pub const OPENCV: Tool = Tool {
    name: "OpenCV for C++",
    probe: ("pkg-config", &["--exists", "opencv4"]),
    package: "libopencv-dev",
};

/// Makes environments for Python packages.
pub const VENV: Tool = Tool {
    name: "Python's venv",
    probe: ("python3", &["-c", "import venv, ensurepip"]),
    package: "python3-venv",
};

/// Reads back what belongs to a picture, in the tests of the command.
pub const EXIFTOOL: Tool =
    Tool { name: "exiftool", probe: ("exiftool", &["-ver"]), package: "libimage-exiftool-perl" };

/// Writes and reads the TIFF files that the command is compared by.
pub const LIBTIFF: Tool =
    Tool { name: "libtiff for C", probe: ("pkg-config", &["--exists", "libtiff-4"]), package: "libtiff-dev" };

/// GIMP, with the console that needs no screen.
pub const GIMP: Tool = Tool { name: "GIMP", probe: ("gimp-console", &["--version"]), package: "gimp" };

/// A screen for programs with windows.
pub const XVFB: Tool = Tool { name: "Xvfb", probe: ("sh", &["-c", "command -v Xvfb"]), package: "xvfb" };

/// Presses keys and mouse buttons.
pub const XDOTOOL: Tool = Tool { name: "xdotool", probe: ("xdotool", &["--version"]), package: "xdotool" };

/// Takes pictures of the screen.
pub const IMAGEMAGICK: Tool =
    Tool { name: "ImageMagick", probe: ("import", &["-version"]), package: "imagemagick" };

/// Makes a Debian in a folder.
pub const MMDEBSTRAP: Tool =
    Tool { name: "mmdebstrap", probe: ("mmdebstrap", &["--version"]), package: "mmdebstrap" };

/// Packs and unpacks that Debian.
pub const ZSTD: Tool = Tool { name: "zstd", probe: ("zstd", &["--version"]), package: "zstd" };

impl Tool {
    /// Whether the machine has it.
    pub fn is_there(&self) -> bool {
        process::succeeds(self.probe.0, self.probe.1)
    }

    /// An error that says how to get the tool, unless it is there.
    pub fn require(&self) -> Result<()> {
        anyhow::ensure!(
            self.is_there(),
            "{} is missing; on Debian and Ubuntu: apt-get install {}",
            self.name,
            self.package
        );
        Ok(())
    }
}

/// Installs those of `tools` that are missing, where this is root on Debian or Ubuntu.
/// Returns whether anything was installed.
pub fn install_missing(tools: &[Tool]) -> Result<bool> {
    let packages: Vec<_> = tools.iter().filter(|tool| !tool.is_there()).map(|tool| tool.package).collect();
    if packages.is_empty() || !is_root() || !process::succeeds("apt-get", &["--version"]) {
        return Ok(false);
    }
    println!("installing {}", packages.join(" "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet=2");
        command
    };
    process::run_quietly(apt().arg("update"), "reading the lists of Debian packages")?;
    let what = format!("installing {}", packages.join(" "));
    process::run_quietly(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages), &what)?;
    Ok(true)
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_how_to_get_it() {
        let tool = Tool { name: "a sieve", probe: ("no-such-program-of-derust", &[]), package: "sieves" };
        let error = tool.require().unwrap_err().to_string();
        assert!(error.contains("a sieve is missing") && error.contains("apt-get install sieves"), "{error}");
        assert!(Tool { name: "a shell", probe: ("sh", &["-c", "true"]), package: "" }.require().is_ok());
    }
}
