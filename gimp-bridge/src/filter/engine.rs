//! The engine as the filters use it: libderust from beside the plug-in, and models that were dropped in there.

use std::path::Path;

use derust_client::{
    Analysis, DeviceInfo, EngineOptions, ErrorKind, LibraryError, ModelInfo, Progress, Removal,
    RemoveOptions, SegmentOptions,
};

use super::{Device, Filter};
use crate::pixels::{Depth, Format, Picture};
use crate::text::{Problem, tr};

/// Finds rust in pictures and takes it away.
pub struct Engine {
    engine: derust_client::Engine,
    /// What it was asked to run on.
    pub device: Device,
}

impl Engine {
    /// Loads the libderust that lies in `folder` with the plug-in, and makes an engine that looks for models in
    /// `folder`'s `models`, too.
    ///
    /// # Errors
    /// When the library or ONNX Runtime is missing or does not fit, or the device cannot be used.
    pub fn new(folder: &Path, device: Device) -> Result<Self, Problem> {
        load(folder)?;
        let options = EngineOptions {
            device: match device {
                Device::Automatic => derust_client::Device::Automatic,
                Device::Cpu => derust_client::Device::Cpu,
                Device::Gpu => derust_client::Device::Cuda,
            },
            model_folders: vec![folder.join("models")],
            // A filter lives too short a time to see model files come and go.
            watch: None,
            ..EngineOptions::default()
        };
        match derust_client::Engine::new(options) {
            Ok(engine) => Ok(Engine { engine, device }),
            Err(error) if device == Device::Gpu => {
                Err(Self::why_no_gpu(folder).unwrap_or_else(|| error.into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Why a GPU cannot be used, as an engine for any device says.
    fn why_no_gpu(folder: &Path) -> Option<Problem> {
        let devices = Engine::new(folder, Device::Automatic).ok()?.engine.devices().ok()?;
        let is_gpu = |device: &DeviceInfo| device.device == Some(derust_client::Device::Cuda);
        let gpu = devices.into_iter().find(is_gpu)?;
        let text = tr(
            "No GPU can be used: {0}\nChoose the device “automatic” or “cpu”, or install what is missing.",
        );
        Some(Problem::new(text.replace("{0}", &gpu.reason)))
    }

    /// The models for a filter that can be named, the serving one first.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn models(&self, filter: Filter) -> Result<Vec<ModelInfo>, Problem> {
        let wanted = match filter {
            Filter::Derust => derust_client::Filter::Derust,
            Filter::SegmentRust => derust_client::Filter::SegmentRust,
        };
        let mut models: Vec<ModelInfo> = Vec::new();
        for model in self.engine.models()? {
            if model.filter == wanted && !models.iter().any(|known| known.name == model.name) {
                models.push(model);
            }
        }
        models.sort_by_key(|model| !model.serves);
        Ok(models)
    }

    /// Where the networks that ran are, how much of each, and why not elsewhere: a line for each.
    pub fn placements(&self) -> String {
        let models =
            [Filter::Derust, Filter::SegmentRust].map(|filter| self.models(filter).unwrap_or_default());
        let ran = models.iter().flatten().filter(|model| !model.placement.is_empty());
        ran.map(|model| format!("{}: {}", model.name, model.placement)).collect::<Vec<_>>().join("\n")
    }

    /// The names of the devices that this engine runs on, and the version of ONNX Runtime.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded.
    pub fn runs_on(&self) -> Result<String, Problem> {
        let runtime = self.engine.runtime()?;
        let devices = self.engine.devices()?;
        let used = devices.into_iter().filter(|device| device.in_use);
        let names: Vec<_> = used.map(|device| device.name).collect();
        let text = tr("Runs on {0} (ONNX Runtime {1})");
        Ok(text.replace("{0}", &names.join(", ")).replace("{1}", &runtime.version))
    }

    /// Looks for rust, and for what takes its place; `judge_anyway`: in a picture that cannot be judged, too.
    ///
    /// # Errors
    /// When the picture cannot be judged, no model serves, the network fails, or `progress` says that it is enough.
    pub fn analyse_removal(
        &self,
        picture: &Picture,
        model: Option<&str>,
        judge_anyway: bool,
        progress: Progress<'_>,
    ) -> Result<Removal, Problem> {
        let options =
            RemoveOptions { model, judge_anyway, progress: Some(progress), ..RemoveOptions::default() };
        Ok(self.engine.analyse_removal(&picture.image(), options)?)
    }

    /// Looks for rust; `judge_anyway`: in a picture that cannot be judged, too.
    ///
    /// # Errors
    /// See [`Engine::analyse_removal`].
    pub fn analyse(
        &self,
        picture: &Picture,
        model: Option<&str>,
        judge_anyway: bool,
        progress: Progress<'_>,
    ) -> Result<Analysis, Problem> {
        let options =
            SegmentOptions { model, judge_anyway, progress: Some(progress), ..SegmentOptions::default() };
        Ok(self.engine.analyse(&picture.image(), options)?)
    }

    /// Loads the network that a filter will run, while other things are done. What is wrong with it shows when it runs.
    pub fn warm_up(&self, filter: Filter, model: Option<&str>) {
        const SIDE: u32 = 32;
        let format = Format { gray: false, alpha: false, linear: false, depth: Depth::U8 };
        let Ok(picture) = Picture::new(format, SIDE, SIDE) else { return };
        let _ = match filter {
            Filter::Derust => self.analyse_removal(&picture, model, true, &mut |_| true).map(drop),
            Filter::SegmentRust => self.analyse(&picture, model, true, &mut |_| true).map(drop),
        };
    }
}

/// Loads the library from the plug-in's folder, once per process.
fn load(folder: &Path) -> Result<(), Problem> {
    derust_client::load_from(folder).map_err(|error| {
        let (text, what) = match error {
            LibraryError::Missing { looked_at } => {
                let wanted = looked_at.first().map(|file| file.display().to_string());
                (tr("{0} is missing. Install the plug-in again."), wanted.unwrap_or_default())
            }
            other => (tr("libderust cannot be used: {0}. Install the plug-in again."), other.to_string()),
        };
        Problem::new(text.replace("{0}", &what))
    })
}

impl From<derust_client::Error> for Problem {
    fn from(error: derust_client::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::Cancelled => return Problem::cancelled(),
            ErrorKind::Model => {
                tr("ONNX files with models belong into the folder “models” beside the plug-in.")
            }
            ErrorKind::Unjudgeable => {
                tr("That is not the same as no rust. “Judge anyway” looks all the same.")
            }
            ErrorKind::Runtime => tr("ONNX Runtime comes with the plug-in: install it again."),
            _ => return Problem::new(error.to_string()),
        };
        Problem::new(format!("{error}\n{hint}"))
    }
}
