//! `derust-trial`: tries out a model that nobody knows, so that what a bad one does happens to this process and not to
//! the program that derust lives in. It lies beside libderust, which starts it.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return derust_engine::trial::serve();
    #[cfg(not(target_os = "linux"))]
    {
        eprintln!("derust-trial: on this system models are tried out by the program that uses them");
        ExitCode::FAILURE
    }
}
