//! Tiny networks whose answers are exact and follow from the colours of single pixels.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use derust_engine::fixtures::{Convolution, Network};

/// The one that removes when no other is named.
pub const REMOVING: &str = "test-removing";

/// One that only serves when it is named: it paints everything blue.
pub const PAINTING: &str = "test-painting";

/// The one that segments.
pub const FINDING: &str = "test-finding";

/// Writes one alone into a new `folder` that takes half a minute for 24 megapixels, and is asked at every tile whether
/// to go on.
pub fn write_slow(folder: &Path) {
    let blue = Convolution::pointwise(&[&[0.0; 3], &[0.0; 3], &[0.0; 3]], &[0.0, 0.0, 1.0]);
    let slow = Network::derust("test-slow", blue, Convolution::mean(41), false);
    fs::create_dir_all(folder).expect("a folder for models");
    fs::write(folder.join("test-slow.onnx"), slow.to_onnx()).expect("a model file");
}

/// Writes them all into a new `folder`.
pub fn write(folder: &Path) {
    let fill =
        Convolution::pointwise(&[&[0.0, -0.6, 0.0], &[-0.7, 0.0, 0.0], &[0.2, 0.0, 0.7]], &[0.8, 0.9, 0.0]);
    let alpha = Convolution::pointwise(&[&[1.4, 0.2, -0.4]], &[-0.2]);
    let removing = Network::derust(REMOVING, fill, alpha, false);
    let blue = Convolution::pointwise(&[&[0.0; 3], &[0.0; 3], &[0.0; 3]], &[0.0, 0.0, 1.0]);
    let everywhere = Convolution::pointwise(&[&[0.0; 3]], &[1.0]);
    let painting = Network::derust(PAINTING, blue, everywhere, false);
    let finding = Network::segment(FINDING, Convolution::pointwise(&[&[0.9, 0.3, -0.3]], &[0.0]));

    fs::create_dir_all(folder).expect("a folder for models");
    // Of several models the one that was added last serves.
    for (age, network) in [(3600, painting), (0, removing), (0, finding)] {
        let path = folder.join(format!("{}.onnx", network.manifest.name));
        fs::write(&path, network.to_onnx()).expect("a model file");
        let file = File::options().append(true).open(path).expect("the model file");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("a date");
    }
}
