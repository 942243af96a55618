//! Ctrl-C: the work ends within a tile, and nothing is left half-written.

use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use derust_engine::Cancelled;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that Ctrl-C ended (128 + SIGINT), by the habit of shells.
pub const EXIT_CODE: u8 = 130;

/// From here on Ctrl-C, and the wish of the system that this program ends, only set [`flag`].
///
/// # Errors
/// When the system refuses to tell.
pub fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| REQUESTED.store(true, Ordering::Relaxed)).context("Ctrl-C cannot be listened for")
}

/// Set when the work is to end.
pub fn flag() -> &'static AtomicBool {
    &REQUESTED
}

/// Whether the work is to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Whether it was for this that something failed.
pub fn caused(error: &anyhow::Error) -> bool {
    // Codecs hand the error of [`Stoppable`] on as text.
    requested() && format!("{error:#}").contains(&Cancelled.to_string())
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
    if requested() { Err(io::Error::other(Cancelled)) } else { Ok(()) }
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
