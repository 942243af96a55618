//! Ctrl-C: the work ends within a tile, and nothing is left half-written.

use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use derust_engine::{Control, Stopped};

use crate::console::complain;
use crate::whole_file;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that Ctrl-C ended (128 + SIGINT), by the habit of shells.
pub const EXIT_CODE: u8 = 130;

/// What the work gets to end by itself. ONNX Runtime computes what is constant in a network without ever looking whether
/// to stop; all else ends far sooner.
const PATIENCE: Duration = Duration::from_secs(5);

/// From here on Ctrl-C, and the wish of the system that this program ends, set [`flag`]; the program ends without the
/// work where that does not end.
///
/// # Errors
/// When the system refuses to tell.
pub fn listen() -> anyhow::Result<()> {
    let heard = || {
        if !REQUESTED.swap(true, Ordering::Relaxed) {
            thread::spawn(end_without_the_work);
        }
    };
    ctrlc::set_handler(heard).context("Ctrl-C cannot be listened for")
}

fn end_without_the_work() {
    thread::sleep(PATIENCE);
    while whole_file::any_unfinished() {
        // Nothing can be written to them any more, so they are about to be removed.
        thread::sleep(Duration::from_millis(10));
    }
    complain("stopped, without waiting for a network that does not end");
    std::process::exit(EXIT_CODE.into());
}

/// Set when the work is to end.
pub fn flag() -> &'static AtomicBool {
    &REQUESTED
}

/// Ends what waits or runs once the work is to end.
pub fn control() -> Control<'static> {
    Control::new(None, Some(flag()))
}

/// Whether the work is to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Whether it was for this that something failed.
pub fn caused(error: &anyhow::Error) -> bool {
    // Codecs hand the error of [`Stoppable`] on as text.
    requested() && format!("{error:#}").contains(&Stopped::Cancelled.to_string())
}

/// The exit code of a stopped call.
pub fn exit_code() -> ExitCode {
    ExitCode::from(EXIT_CODE)
}

/// A file that cannot be read or written any more once the work is to end; so codecs stop in the middle.
#[derive(Debug)]
pub struct Stoppable<T>(pub T);

fn go_on() -> io::Result<()> {
    // Not `ErrorKind::Interrupted`, after which readers try again.
    if requested() { Err(io::Error::other(Stopped::Cancelled)) } else { Ok(()) }
}

impl<T: Read> Read for Stoppable<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        go_on()?;
        self.0.read(buffer)
    }
}

impl<T: BufRead> BufRead for Stoppable<T> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        go_on()?;
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

impl<T: Write> Write for Stoppable<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        go_on()?;
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<T: Seek> Seek for Stoppable<T> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.seek(position)
    }
}
