//! Batches, made on a thread of their own while the network learns from the one before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use tch::{Device, Tensor};

use crate::data::Plane;

/// Makes samples by number; the same number always gives the same sample.
pub trait Samples: Send + Sync + 'static {
    /// The planes of one sample; every sample has as many, of the same sizes.
    fn sample(&self, number: u64) -> Vec<Plane>;
}

/// Batches in order, made ahead.
pub struct Batches {
    receiver: Receiver<Vec<Tensor>>,
    device: Device,
}

/// Batches that wait ready.
const AHEAD: usize = 3;

impl Batches {
    /// Starts making the batches of step `first_step` and later; the thread ends with this value.
    pub fn start(samples: Arc<dyn Samples>, batch: usize, first_step: u64, device: Device) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        std::thread::spawn(move || {
            for step in first_step.. {
                let first = step * batch as u64;
                let planes = (0..batch as u64).map(|i| samples.sample(first + i)).collect();
                if sender.send(stack(planes)).is_err() {
                    return;
                }
            }
        });
        Batches { receiver, device }
    }

    /// The next batch: one tensor `[batch, channels, height, width]` per plane of a sample.
    ///
    /// # Errors
    /// When the thread that makes batches has died.
    pub fn next(&self) -> anyhow::Result<Vec<Tensor>> {
        let batch =
            self.receiver.recv().map_err(|_| anyhow::anyhow!("the thread that makes batches has died"))?;
        Ok(batch.into_iter().map(|tensor| tensor.to_device(self.device)).collect())
    }
}

/// Stacks samples into one tensor per plane.
pub fn stack(samples: Vec<Vec<Plane>>) -> Vec<Tensor> {
    let planes = samples.first().map_or(0, Vec::len);
    (0..planes)
        .map(|i| {
            let shape = &samples[0][i];
            let size = [samples.len(), shape.channels, shape.height, shape.width].map(|side| side as i64);
            let values: Vec<f32> =
                samples.iter().flat_map(|sample| sample[i].values.iter().copied()).collect();
            Tensor::from_slice(&values).view(size)
        })
        .collect()
}
