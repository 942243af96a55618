//! The `derust` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    derust_command::run()
}
