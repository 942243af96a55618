//! What a run of a filter knows: the pixels, and what was found in them. Settings that need nothing new from a network
//! are served from what was found before.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use derust_client::{Analysis, Caution, Progress, Removal, Summary};

use super::{Canvas, Device, Engine, Filter, Settings};
use crate::pixels::{Picture, Plane, Rectangle};
use crate::text::Problem;

/// Part of the work at which the networks have run; what follows is composed.
pub const ANALYSED: f32 = 0.8;

/// Pixels that a filter works on.
#[derive(Clone)]
pub struct Source {
    /// The pixels.
    pub picture: Arc<Picture>,
    /// What of them is selected; none: everything.
    pub selection: Option<Arc<Plane>>,
    /// The bounding box of that.
    pub area: Rectangle,
    /// Where the upper left pixel lies relative to that of the layer.
    pub origin: (i32, i32),
}

/// The pixels of a layer.
pub struct Sources {
    /// As they are stored.
    pub stored: Source,
    /// As filters on the layer show them, if there are any and they are asked for.
    pub visible: Option<Source>,
}

/// What a filter works on, and what it has found so far.
pub struct Work {
    sources: Sources,
    filter: Filter,
    folder: PathBuf,
    engine: Option<Engine>,
    removal: Option<(Asked, Removal)>,
    rust: Option<(Asked, Analysis)>,
}

/// What an analysis was made with.
#[derive(PartialEq)]
struct Asked {
    model: Option<String>,
    visible: bool,
    judge_anyway: bool,
}

/// What a filter made of a picture.
#[derive(Clone)]
pub struct Made {
    /// What it was made of.
    pub source: Source,
    /// The picture without rust, or with rust coloured, if the output asked for needs one.
    pub picture: Option<Arc<Picture>>,
    /// Where rust is, if the output asked for needs it.
    pub mask: Option<Arc<Plane>>,
    /// How much rust there is, if that was asked for.
    pub summary: Option<Summary>,
    /// What makes it less sure, if anything.
    pub caution: Option<Caution>,
}

impl Asked {
    fn new(model: Option<&str>, settings: &Settings) -> Self {
        Asked {
            model: model.map(str::to_owned),
            visible: settings.use_visible,
            judge_anyway: settings.judge_anyway,
        }
    }
}

impl Work {
    /// Nothing has been found yet. libderust, ONNX Runtime and models lie in `folder`; `engine` may have been made before.
    pub fn new(filter: Filter, folder: &Path, engine: Option<Engine>, sources: Sources) -> Self {
        Work { sources, filter, folder: folder.to_owned(), engine, removal: None, rust: None }
    }

    /// The pixels that count with these settings.
    pub fn source(&self, settings: &Settings) -> &Source {
        let visible = self.sources.visible.as_ref().filter(|_| settings.use_visible);
        visible.unwrap_or(self.stored())
    }

    /// The pixels as they are stored.
    pub fn stored(&self) -> &Source {
        &self.sources.stored
    }

    /// Whether filters on the layer can count as part of it.
    pub fn has_visible(&self) -> bool {
        self.sources.visible.is_some()
    }

    /// The filter that it is for.
    pub fn filter(&self) -> Filter {
        self.filter
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
        let asked = Asked::new(settings.model.as_deref(), settings);
        let known = self.removal.take().filter(|(known, _)| *known == asked);
        let removal = match known {
            Some((_, removal)) => removal,
            None => {
                let picture = self.source(settings).picture.clone();
                let engine = self.engine(settings.device)?;
                engine.analyse_removal(
                    &picture,
                    settings.model.as_deref(),
                    settings.judge_anyway,
                    progress,
                )?
            }
        };
        Ok(&self.removal.insert((asked, removal)).1)
    }

    /// Where rust is, from the network only if it was not asked before. `model` is one for segmentation.
    ///
    /// # Errors
    /// See [`Engine::analyse`].
    pub fn rust(
        &mut self,
        model: Option<&str>,
        settings: &Settings,
        progress: Progress<'_>,
    ) -> Result<&Analysis, Problem> {
        self.engine(settings.device)?;
        let asked = Asked::new(model, settings);
        let known = self.rust.take().filter(|(known, _)| *known == asked);
        let rust = match known {
            Some((_, rust)) => rust,
            None => {
                let picture = self.source(settings).picture.clone();
                self.engine(settings.device)?.analyse(&picture, model, settings.judge_anyway, progress)?
            }
        };
        Ok(&self.rust.insert((asked, rust)).1)
    }
}

impl Made {
    /// The same with the picture that was composed for it, if there is one.
    pub fn with(self, canvas: OnceLock<Canvas>) -> Self {
        let composed = canvas.into_inner().map(|canvas| Arc::new(canvas.into_picture()));
        Made { picture: composed.or(self.picture), ..self }
    }
}

/// Shows others a canvas that is about to be composed on; it is the first one in its place.
pub fn begin(place: &OnceLock<Canvas>, canvas: Canvas) -> &Canvas {
    place.get_or_init(|| canvas)
}

/// The part of a progress from `from` to `to`.
pub fn part<'a>(progress: Progress<'a>, from: f32, to: f32) -> impl FnMut(f32) -> bool + 'a {
    move |done| progress(from + (to - from) * done)
}
