//! Proofs that take too long for every change: `cargo xtask verify` runs them.

#[path = "../common/mod.rs"]
mod common;
mod description;
mod instrumented;
mod interface;
mod sanitizer;
mod valgrind;
