//! Whether ONNX Runtime computes from a model file what libtorch computes from the weights.

use anyhow::Result;
use tch::nn;

use crate::network::Network;
use crate::onnx::WeightStorage;

/// To come with the engine's runtime.
pub fn check(_: &Network, _: &nn::VarStore, _: &[u8], _: WeightStorage) -> Result<f64> {
    Ok(f64::NAN)
}
