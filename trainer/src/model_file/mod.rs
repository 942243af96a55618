//! Model files: what a run becomes, and what a training can begin with.

pub mod detector;
pub mod export;
pub mod import;
pub mod onnx;
pub mod parity;
pub mod precision;
