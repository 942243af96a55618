//! The engine with real ONNX Runtime.

mod bad_models;
mod filters;
mod foreign;
mod serving;
