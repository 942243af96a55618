//! Networks: graphs of layers, what computes them, and the weights that they are kept as.

pub mod architectures;
pub mod backbone;
pub mod checkpoint;
pub mod description;
pub mod finder;
pub mod fold;
pub mod graph;
pub mod layers;
pub mod network;
