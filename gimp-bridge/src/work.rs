//! What a run of a filter knows: the pixels, and what was found in them. Settings that need nothing new from a network
//! are served from what was found before.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{Engine, Progress, Removal, Segmentation, Summary};
use crate::pixels::{Picture, Plane};
use crate::problem::Problem;
use crate::procedures::Filter;
use crate::settings::{Device, Settings};
use crate::{remove, segment};

/// Part of the work at which the networks have run; what follows is composed.
pub const ANALYSED: f32 = 0.8;

/// What a filter works on, and what it has found so far.
pub struct Work {
    /// The layer.
    pub picture: Arc<Picture>,
    /// What of the layer is selected; none: everything.
    pub selection: Option<Arc<Plane>>,
    filter: Filter,
    folder: PathBuf,
    engine: Option<Engine>,
    removal: Option<(Option<String>, Removal)>,
    rust: Option<(Option<String>, Segmentation)>,
}

/// What a filter made of a picture.
#[derive(Clone)]
pub struct Made {
    /// The picture without rust, or with rust coloured, if the output asked for needs one.
    pub picture: Option<Arc<Picture>>,
    /// Where rust is, if the output asked for needs it.
    pub mask: Option<Arc<Plane>>,
    /// How much rust there is, if that was asked for.
    pub summary: Option<Summary>,
}

impl Work {
    /// Nothing has been found yet. libderust, ONNX Runtime and models lie in `folder`; `engine` may have been made before.
    pub fn new(
        filter: Filter,
        folder: &Path,
        engine: Option<Engine>,
        (picture, selection): (Picture, Option<Plane>),
    ) -> Self {
        Work {
            picture: Arc::new(picture),
            selection: selection.map(Arc::new),
            filter,
            folder: folder.to_owned(),
            engine,
            removal: None,
            rust: None,
        }
    }

    /// Makes what the settings ask for.
    ///
    /// # Errors
    /// When libderust, ONNX Runtime or a model is missing or fails, memory is short, or `progress` says that it is
    /// enough.
    pub fn make(&mut self, settings: &Settings, progress: Progress<'_>) -> Result<Made, Problem> {
        match self.filter {
            Filter::Derust => remove::make(self, settings, progress),
            Filter::SegmentRust => segment::make(self, settings, progress),
        }
    }

    /// The engine for a device, made when it is first needed. Another device forgets what was found.
    ///
    /// # Errors
    /// See [`Engine::new`].
    pub fn engine(&mut self, device: Device) -> Result<&Engine, Problem> {
        if self.engine.as_ref().is_none_or(|engine| engine.device != device) {
            (self.removal, self.rust, self.engine) = (None, None, None);
            self.engine = Some(Engine::new(&self.folder, device)?);
        }
        self.engine.as_ref().ok_or_else(Problem::cancelled)
    }

    /// What is to be removed, from the network only if it was not asked before.
    ///
    /// # Errors
    /// See [`Engine::analyse_removal`].
    pub fn removal(&mut self, settings: &Settings, progress: Progress<'_>) -> Result<&Removal, Problem> {
        self.engine(settings.device)?;
        let known = self.removal.take().filter(|(model, _)| *model == settings.model);
        let removal = match known {
            Some((_, removal)) => removal,
            None => {
                let picture = self.picture.clone();
                self.engine(settings.device)?.analyse_removal(
                    &picture,
                    settings.model.as_deref(),
                    progress,
                )?
            }
        };
        Ok(&self.removal.insert((settings.model.clone(), removal)).1)
    }

    /// Where rust is, from the network only if it was not asked before. `model` is one for segmentation.
    ///
    /// # Errors
    /// See [`Engine::analyse_rust`].
    pub fn rust(
        &mut self,
        model: Option<&str>,
        device: Device,
        progress: Progress<'_>,
    ) -> Result<&Segmentation, Problem> {
        self.engine(device)?;
        let known = self.rust.take().filter(|(known, _)| known.as_deref() == model);
        let rust = match known {
            Some((_, rust)) => rust,
            None => {
                let picture = self.picture.clone();
                self.engine(device)?.analyse_rust(&picture, model, progress)?
            }
        };
        Ok(&self.rust.insert((model.map(str::to_owned), rust)).1)
    }
}

/// The part of a progress from `from` to `to`.
pub fn part<'a>(progress: Progress<'a>, from: f32, to: f32) -> impl FnMut(f32) -> bool + 'a {
    move |done| progress(from + (to - from) * done)
}
