//! The `derust` command as people run it, with real ONNX Runtime and tiny networks.

mod adopt;
mod check;
mod contract;
mod desk;
mod devices;
mod failures;
mod formats;
mod further;
mod habits;
mod judging;
mod libtiff;
mod masks;
mod models;
mod seams;
mod tiles;
mod treated;
mod verbs;
