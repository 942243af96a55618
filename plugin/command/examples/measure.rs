//! Time and peak memory of the `derust` command at 24 and 96 megapixels.
//!
//! ```sh
//! cargo xtask bench command
//! ```
//!
//! Memory may be bytes(input) + bytes(output) + 400 MB, counted in decoded pixels; time per megapixel at 96 may be
//! 1.15 of that at 24. Linux only: the peak is read from `/proc`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};

/// Working memory that is allowed beside the pixels.
const ALLOWED: u64 = 400_000_000;

/// Width and height, and how many megapixels that is called.
const SIZES: [(u32, u32, u32); 2] = [(6000, 4000, 24), (12_000, 8000, 96)];

fn main() {
    let program = std::env::current_exe().expect("the path of this program");
    let derust = program.parent().and_then(Path::parent).expect("a build folder").join("derust");
    assert!(derust.is_file(), "{} is not there; build it too", derust.display());
    let folder = tempfile::tempdir().expect("a folder for the pictures");
    println!("| verb | format | megapixels | seconds | s / MP | peak MB | allowed MB |");
    println!("|---|---|---|---|---|---|---|");
    for extension in ["jpg", "png", "tif"] {
        for (width, height, megapixels) in SIZES {
            let picture = folder.path().join(format!("{megapixels}.{extension}"));
            rust_on_metal(width, height).save(&picture).expect("a picture to work on");
            for verb in ["segment", "remove"] {
                let mut command = Command::new(&derust);
                let result = folder.path().join(if verb == "remove" { "out" } else { "mask" });
                let result = result.with_extension(if verb == "remove" { extension } else { "png" });
                command.args([verb, "--force", "-o"]).arg(&result).arg(&picture).stdout(Stdio::null());
                let begin = Instant::now();
                let peak = peak_memory(command.spawn().expect("the derust command"));
                let seconds = begin.elapsed().as_secs_f64();
                let pixels = u64::from(width) * u64::from(height);
                let allowed = pixels * 3 + pixels * if verb == "remove" { 3 } else { 1 } + ALLOWED;
                println!(
                    "| {verb} | {extension} | {megapixels} | {seconds:.1} | {:.3} | {} | {} |",
                    seconds / f64::from(megapixels),
                    peak / 1_000_000,
                    allowed / 1_000_000
                );
            }
        }
    }
}

/// Gray with grain and brown patches: nothing that packs well, something to find.
fn rust_on_metal(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain =
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_mul(3_266_489_917);
        let grain = (grain >> 27) as u8;
        let patch = (x / 700 + y / 500) % 3 == 0;
        if patch { Rgb([120 + grain, 60 + grain / 2, 30 + grain / 3]) } else { Rgb([128 + grain; 3]) }
    })
}

/// The most memory that a program ever held, in bytes; waits until it ends.
fn peak_memory(mut child: Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        if let Some(status) = child.try_wait().expect("the program's end") {
            assert!(status.success(), "the command failed");
            return peak;
        }
        thread::sleep(Duration::from_millis(5));
    }
}
