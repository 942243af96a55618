//! The segmentation network beside which a generator learns.

use anyhow::{Result, ensure};
use tch::{Device, Tensor, nn};

use crate::networks::architectures::{AlphaRamp, alpha, finder};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::network::{Mode, Network};

/// A trained segmentation network that learns no more.
pub struct FrozenFinder {
    network: Network,
    encoder: Network,
    alpha: Network,
    /// Its width.
    pub width: f64,
    stem: Tensor,
}

/// What was found in a batch of pictures.
pub struct Found {
    /// Probability of rust, `[n, 1, h, w]`.
    pub probability: Tensor,
    /// The alpha that a derust network makes of it, `[n, 1, h, w]`.
    pub alpha: Tensor,
    /// The [`FEATURES`](crate::networks::backbone::FEATURES).
    pub features: Vec<Tensor>,
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
        let encoder = network.showing(network.graph.outputs[1..].iter().map(|(_, id)| *id));
        let alpha = Network::new(&store.root(), alpha(AlphaRamp::USUAL));
        Ok(FrozenFinder { network, encoder, alpha, width, stem: segmentation.get("weights", STEM)? })
    }

    /// What it finds in a picture `[n, 3, h, w]` in 0 to 1.
    pub fn find(&self, picture: &Tensor) -> Found {
        let _no_grad = tch::no_grad_guard();
        let mut found = self.network.forward(&[picture], Mode::Evaluate);
        let features = found.split_off(1);
        let probability = found.remove(0);
        let alpha = self.alpha.forward(&[&probability], Mode::Evaluate).remove(0);
        Found { probability, alpha, features }
    }

    /// The features alone of what [`find`](Self::find) finds, at less cost.
    pub fn features(&self, picture: &Tensor) -> Vec<Tensor> {
        let _no_grad = tch::no_grad_guard();
        self.encoder.forward(&[picture], Mode::Evaluate)
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
