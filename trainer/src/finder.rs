//! The segmentation network beside which a generator learns.

use anyhow::{Result, ensure};
use tch::{Device, Tensor, nn};

use crate::architectures::{AlphaRamp, alpha, finder};
use crate::checkpoint::Checkpoint;
use crate::network::{Mode, Network};

/// A trained segmentation network that learns no more.
pub struct FrozenFinder {
    network: Network,
    alpha: Network,
    /// Its width.
    pub width: f64,
    stem: Tensor,
}

/// Section of a generator's weights that says beside which segmentation network it learned.
const SECTION: &str = "backbone";
/// The variable by which a segmentation network is known.
const STEM: &str = "backbone/stem.weight";

impl FrozenFinder {
    /// Takes the network out of a segmentation run's weights.
    ///
    /// # Errors
    /// When the weights are another network's.
    pub fn new(segmentation: &Checkpoint, device: Device) -> Result<Self> {
        let store = nn::VarStore::new(device);
        let width = segmentation.get("run", "width")?.double_value(&[0]);
        let network = Network::new(&store.root(), finder(width));
        segmentation.restore_store("weights", &store)?;
        let alpha = Network::new(&store.root(), alpha(AlphaRamp::USUAL));
        Ok(FrozenFinder { network, alpha, width, stem: segmentation.get("weights", STEM)? })
    }

    /// What it finds in a picture `[n, 3, h, w]` in 0 to 1: the probability of rust `[n, 1, h, w]`, and the
    /// [`FEATURES`](crate::backbone::FEATURES).
    pub fn find(&self, picture: &Tensor) -> Vec<Tensor> {
        let _no_grad = tch::no_grad_guard();
        self.network.forward(&[picture], Mode::Evaluate)
    }

    /// The alpha that a derust network makes of a probability `[n, 1, h, w]`.
    pub fn alpha(&self, probability: &Tensor) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        self.alpha.forward(&[probability], Mode::Evaluate).remove(0)
    }

    /// Notes in a generator's weights beside which network it learned.
    pub fn sign(&self, weights: &mut Checkpoint) {
        weights.put(SECTION, [("stem".into(), self.stem.shallow_clone())]);
    }
}

/// Sees to it that a generator comes together with the segmentation network beside which it learned.
///
/// # Errors
/// When it learned beside another one.
pub fn check_signature(generator: &Checkpoint, segmentation: &Checkpoint) -> Result<()> {
    let (own, other) = (generator.get(SECTION, "stem")?, segmentation.get("weights", STEM)?);
    ensure!(
        own.size() == other.size() && own == other,
        "the derust run learned beside another segmentation run; name that one, or train the derust run again"
    );
    Ok(())
}
