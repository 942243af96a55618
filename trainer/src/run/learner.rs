//! A network that learns: weights, their optimiser, and their average.

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor, nn};

use super::collapse;
use super::fit::Moment;
use super::statistics::restore_statistics;
use crate::networks::checkpoint::Checkpoint;
use crate::networks::graph::Graph;
use crate::networks::network::{Mode, Network};
use crate::run::average::WeightAverage;
use crate::run::optimiser::{Optimiser, OptimiserOptions};

/// A network in training.
pub struct Learner {
    /// What it is called in checkpoints and messages.
    pub name: &'static str,
    /// With the weights of the last step.
    pub network: Network,
    /// The variables of [`network`](Self::network).
    pub store: nn::VarStore,
    /// Factor on the learning rate.
    pub rate: f64,
    optimiser: Optimiser,
    average: Option<Average>,
}

struct Average {
    running: WeightAverage,
    network: Network,
    store: nn::VarStore,
}

/// How a [`Learner`] is made.
#[derive(Clone, Copy)]
pub struct LearnerOptions<'a> {
    /// Name in checkpoints and messages.
    pub name: &'static str,
    /// Where it computes.
    pub device: Device,
    /// In which numbers its convolutions train.
    pub kind: Kind,
    /// Its optimiser.
    pub optimiser: &'a OptimiserOptions,
    /// Whether it learns against another network.
    pub adversarial: bool,
    /// Whether its weights are averaged: those of a network that is measured and exported.
    pub averaged: bool,
    /// Whether it normalises by the statistics that it begins with.
    pub fixed_statistics: bool,
}

impl Learner {
    /// With fresh weights.
    pub fn new(graph: Graph, options: &LearnerOptions) -> Self {
        let store = nn::VarStore::new(options.device);
        let network = Network::new(&store.root(), graph).training_in(options.kind);
        Learner::with_network(network, store, options, |_| 1.0)
    }

    /// With weights as they are; `rate` says by a variable's name the factor on its learning rate.
    pub fn with_network(
        network: Network,
        store: nn::VarStore,
        options: &LearnerOptions,
        rate: impl Fn(&str) -> f64,
    ) -> Self {
        let network = if options.fixed_statistics { network.with_fixed_statistics() } else { network };
        let decay = options.optimiser.average_decay;
        let average = (options.averaged && decay > 0.0).then(|| {
            let averaged_store = nn::VarStore::new(options.device);
            let averaged = Network::new(&averaged_store.root(), network.graph.clone());
            Average { running: WeightAverage::new(&store, decay), network: averaged, store: averaged_store }
        });
        Learner {
            name: options.name,
            optimiser: Optimiser::new(&store, options.optimiser.settings(options.adversarial), rate),
            network,
            store,
            rate: 1.0,
            average,
        }
    }

    /// Runs the network as it learns.
    pub fn forward(&self, inputs: &[&Tensor]) -> Vec<Tensor> {
        self.network.forward(inputs, Mode::Train)
    }

    /// Follows the gradients that lie ready, and forgets them.
    ///
    /// # Errors
    /// When they are not finite; the weights stay as they are.
    pub fn update(&mut self, moment: &Moment) -> Result<()> {
        let finite = self.optimiser.step(moment.learning_rate * self.rate);
        ensure!(finite, "{}", collapse::not_finite(self.name, moment.step));
        if let Some(average) = &mut self.average {
            average.running.update(moment.step);
        }
        Ok(())
    }

    /// Forgets gradients that another network's loss left behind.
    pub fn clear_gradients(&mut self) {
        self.optimiser.clear_gradients();
    }

    /// Brings the averaged network up to the last step.
    ///
    /// # Errors
    /// When the networks differ.
    pub fn refresh_average(&mut self) -> Result<()> {
        self.average.as_ref().map_or(Ok(()), |average| average.running.copy_to(&average.store))
    }

    /// The network to measure and export: with averaged weights, as of the last [`refresh_average`](Self::refresh_average).
    pub fn averaged(&self) -> &Network {
        self.average.as_ref().map_or(&self.network, |average| &average.network)
    }

    /// Adds the weights that are measured and exported to a checkpoint, under `section`.
    pub fn put_weights(&self, checkpoint: &mut Checkpoint, section: &str) {
        checkpoint.put_store(section, self.average.as_ref().map_or(&self.store, |average| &average.store));
    }

    /// Begins with the weights of another run, those of a section of its best ones.
    ///
    /// # Errors
    /// When they are another network's.
    pub fn start_from(&mut self, weights: &Checkpoint, section: &str) -> Result<()> {
        weights.restore_store(section, &self.store)?;
        if let Some(average) = &mut self.average {
            average.running.restart();
        }
        Ok(())
    }

    /// Begins with weights that `restore` copies into the network, its normalisations folded away, as a model file has them;
    /// `batches` are what the network's inputs see in training.
    ///
    /// # Errors
    /// When `restore` fails.
    pub fn start_from_folded(
        &mut self,
        restore: impl FnOnce(&Network) -> Result<()>,
        batches: &[Vec<Tensor>],
    ) -> Result<()> {
        restore(&self.network)?;
        restore_statistics(&self.network, batches);
        if let Some(average) = &mut self.average {
            average.running.restart();
        }
        Ok(())
    }

    /// Adds everything needed to go on to a checkpoint.
    pub fn save(&self, checkpoint: &mut Checkpoint) {
        let section = |part: &str| format!("{}.{part}", self.name);
        checkpoint.put_store(&section("weights"), &self.store);
        checkpoint.put(&section("optimiser"), self.optimiser.state());
        if let Some(average) = &self.average {
            checkpoint.put(&section("average"), average.running.state());
        }
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    /// When it is another network's or another optimiser's.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let section = |part: &str| format!("{}.{part}", self.name);
        checkpoint.restore_store(&section("weights"), &self.store)?;
        self.optimiser.restore(|name| checkpoint.get(&section("optimiser"), name))?;
        if let Some(average) = &mut self.average {
            average.running.restore(|name| checkpoint.get(&section("average"), name))?;
        }
        Ok(())
    }
}
