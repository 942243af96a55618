//! A look at a library file before it is loaded: a wrong one is told from a broken one, in words.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::one_line;

/// ELF's number for the processor that this program was built for (`e_machine`, System V ABI), where it is known.
const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(62)
} else if cfg!(target_arch = "aarch64") {
    Some(183)
} else {
    None
};

/// Checks that `path` is a file and, on systems with ELF libraries, one for this processor.
///
/// # Errors
/// Says what is wrong.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no file".into());
    }
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    let mut header = [0; 20];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut header))
        .map_err(|_| "it is no library (not even a header can be read)".to_owned())?;
    check_elf(&header)
}

/// What the system's loader says about a library that it did not load, on one line.
pub(super) fn loader_problem(error: &libloading::Error) -> String {
    let inner = std::error::Error::source(error).map(ToString::to_string);
    one_line(&inner.filter(|text| !text.is_empty()).unwrap_or_else(|| error.to_string()))
}

fn check_elf(header: &[u8; 20]) -> Result<(), String> {
    if &header[..4] != b"\x7fELF" {
        return Err("it is no Linux library (not an ELF file)".into());
    }
    let class = if header[4] == 2 { 64 } else { 32 };
    if class != usize::BITS {
        return Err(format!("it is for {class}-bit programs, this one has {} bits", usize::BITS));
    }
    let number = [header[18], header[19]];
    let machine = if header[5] == 2 { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) };
    match MACHINE {
        Some(own) if own != machine => Err(format!(
            "it is for another processor ({}), this program needs one for {}",
            machine_name(machine),
            std::env::consts::ARCH
        )),
        _ => Ok(()),
    }
}

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "x86".into(),
        40 => "arm".into(),
        62 => "x86_64".into(),
        183 => "aarch64".into(),
        243 => "riscv".into(),
        other => format!("ELF machine {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_missing_is_named() {
        // SAFETY: there is no such library.
        let error = unsafe { libloading::Library::new("libthat-nobody-has.so.1") }.unwrap_err();
        let problem = loader_problem(&error);
        assert!(problem.starts_with("libthat-nobody-has.so.1: cannot open"), "{problem}");
    }

    #[test]
    fn wrong_files_are_told_apart() {
        let mut header = [0; 20];
        assert!(check_elf(&header).unwrap_err().contains("ELF"));
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        header[18..].copy_from_slice(&MACHINE.unwrap().to_le_bytes());
        assert_eq!(check_elf(&header), Ok(()));
        header[18..].copy_from_slice(&243_u16.to_le_bytes());
        assert!(check_elf(&header).unwrap_err().contains("riscv"));
        header[4] = 1;
        assert!(check_elf(&header).unwrap_err().contains("32-bit"));
        assert!(check(Path::new("/")).unwrap_err().contains("no file"));
    }
}
