//! Proofs that libderust's C ABI is safe, and that it lasts.
//!
//! - `tests/valgrind.rs`: the programs of `tests/c` and `tests/opencv` under valgrind;
//! - `tests/sanitizer.rs`: the same, and random calls (`src/bin/random_calls`), under AddressSanitizer, with libderust
//!   itself instrumented;
//! - `tests/lasting.rs`: the binary interface compared with the first version's, an old program, and one of the future.
//!
//! `examples/throughput.rs` measures what many threads get out of one engine.
