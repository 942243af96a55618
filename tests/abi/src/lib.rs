//! Proofs that libderust's C ABI is safe, and that it lasts.
//!
//! - `tests/programs.rs`: an old program, and one of the future, with the library of today;
//! - `tests/deep`, for `cargo xtask verify`: the programs of `tests/c` and `tests/opencv` under valgrind; the same and random
//!   calls (`src/bin/random_calls`) under AddressSanitizer, with libderust itself instrumented; the binary interface compared
//!   with the one on record.
//!
//! `examples/throughput.rs` measures what many threads get out of one engine.
