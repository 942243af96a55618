//! What the networks are asked to make small.

pub mod adversarial;
pub mod cures;
pub mod pool;
mod reconstruction;
mod segmentation;
pub mod variational;

#[cfg(test)]
pub mod reference;

pub use adversarial::{AdversarialLoss, Scores, gradient_penalty};
pub use cures::CureOptions;
pub use pool::ImagePool;
pub use reconstruction::{
    coarse_difference, feature_matching, feature_means, gradient_difference, log_squared_error, weighted_mean,
};
pub use segmentation::{class_segmentation, cross_entropy, segmentation};
