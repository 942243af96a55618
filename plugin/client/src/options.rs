//! How engines and calls are asked. Begin with `Default::default()`.

use std::ffi::{CString, c_void};
use std::path::{Path, PathBuf};
use std::ptr::null;
use std::time::Duration;

use derust_interface as c;

use crate::callbacks::{Building, Callbacks, Log, Progress};
use crate::cancel::Cancel;
use crate::error::Error;
use crate::image::Image;
use crate::library::{c_path, c_text};

/// What networks run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum Device {
    /// The first of TensorRT, CUDA and the processor that runs the network.
    #[default]
    Automatic = c::DERUST_DEVICE_AUTOMATIC,
    /// The processor.
    Cpu = c::DERUST_DEVICE_CPU,
    /// An NVIDIA GPU through CUDA.
    Cuda = c::DERUST_DEVICE_CUDA,
    /// An NVIDIA GPU through TensorRT; what TensorRT does not know runs through CUDA.
    TensorRt = c::DERUST_DEVICE_TENSORRT,
}

/// The scale at which a picture is analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Scale {
    /// The one that the network knows: larger pictures are reduced, results enlarged along the picture's own edges.
    #[default]
    Model = c::DERUST_SCALE_MODEL,
    /// The picture's own.
    Native = c::DERUST_SCALE_NATIVE,
}

/// What a mask does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum MaskMode {
    /// It limits what the network finds.
    #[default]
    Limit = c::DERUST_MASK_LIMIT,
    /// It stands in for what the network finds.
    Replace = c::DERUST_MASK_REPLACE,
}

/// What the fill, which takes the place of rust, is painted in; paint keeps the light and shadow of what it covers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Colour {
    /// Its own colours.
    #[default]
    Own,
    /// Red, green and blue, sRGB-encoded, 0 to 1.
    Given([f32; 3]),
    /// The colour of the image around a place, its column and row in the region.
    FromImage(u32, u32),
}

impl Colour {
    /// What the library is told: the source, the colour, and the place.
    fn c(self) -> (i32, [f32; 3], (u32, u32)) {
        match self {
            Colour::Own => (c::DERUST_COLOUR_OWN, [0.0; 3], (0, 0)),
            Colour::Given(colour) => (c::DERUST_COLOUR_GIVEN, colour, (0, 0)),
            Colour::FromImage(x, y) => (c::DERUST_COLOUR_FROM_IMAGE, [0.0; 3], (x, y)),
        }
    }
}

/// How an engine is set up.
pub struct EngineOptions {
    /// What networks run on. One that is named and cannot be used is an error.
    pub device: Device,
    /// Which of several such devices, as CUDA counts them; 0 is the first one.
    pub device_id: u32,
    /// Threads that compute one network, at most 1024; 0: the processors that this process may use.
    pub threads: u32,
    /// Calls that one network serves at once, at most 1024; 0: 1. Further callers wait.
    pub sessions: u32,
    /// Folders of models, searched before all others.
    pub model_folders: Vec<PathBuf>,
    /// Look for models nowhere else, not even among the built-in ones.
    pub only_these_folders: bool,
    /// Pace at which the model folders are looked at for new, changed and gone files, at least a millisecond; `None`: never,
    /// other than by [`Engine::refresh`](crate::Engine::refresh).
    pub watch: Option<Duration>,
    /// The ONNX Runtime library. `None`: the one that this process uses already; else `$ORT_DYLIB_PATH`; else the one beside
    /// libderust, beside the program, or in the system's library folders. A process uses one; naming another is an error.
    pub runtime_library: Option<PathBuf>,
    /// Bytes that calls may use beside the caller's pictures, above 0; `None`: no limit.
    pub memory_limit: Option<u64>,
    /// Given messages that would be lost otherwise.
    pub log: Option<Log>,
    /// Whether a GPU may compute with the precision of float16, which is faster.
    pub half_precision: bool,
    /// Bytes of a GPU's memory that ONNX Runtime may hold for each network and session, above 0; `None`: no limit.
    pub gpu_memory_limit: Option<u64>,
    /// Told when a call waits for TensorRT.
    pub building: Option<Building>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            device: Device::Automatic,
            device_id: 0,
            threads: 0,
            sessions: 0,
            model_folders: vec![],
            only_these_folders: false,
            watch: Some(Duration::from_secs(2)),
            runtime_library: None,
            memory_limit: None,
            log: None,
            half_precision: false,
            gpu_memory_limit: None,
            building: None,
        }
    }
}

/// How to look for rust.
#[derive(Default)]
pub struct SegmentOptions<'a> {
    /// The scale at which the picture is analysed.
    pub scale: Scale,
    /// Name of the model; `None`: the one that serves.
    pub model: Option<&'a str>,
    /// Probability from which on a pixel counts as rust, above 0 and below 1; `None`: the model's own.
    pub threshold: Option<f32>,
    /// Whether the report holds the outline of every region.
    pub contours: bool,
    /// Told what part is done.
    pub progress: Option<Progress<'a>>,
    /// Stops the call.
    pub cancel: Option<&'a Cancel>,
    /// Whether a picture that cannot be judged is looked at all the same; what is said of it may mean nothing. It is refused as
    /// [`Unjudgeable`](crate::ErrorKind::Unjudgeable) otherwise.
    pub judge_anyway: bool,
    /// How long the call may take, with what it waits for, before it ends as [`Timeout`](crate::ErrorKind::Timeout) within one
    /// tile; a batch as a whole.
    pub timeout: Option<Duration>,
}

/// How to remove rust.
pub struct RemoveOptions<'a> {
    /// The scale at which the picture is analysed.
    pub scale: Scale,
    /// Name of the model; `None`: the one that serves.
    pub model: Option<&'a str>,
    /// Where to treat: gray, of the size of the image's region, white is treated; `None`: no mask.
    pub mask: Option<Image<'a>>,
    /// What the mask does.
    pub mask_mode: MaskMode,
    /// How much of the rust goes, 0 to 1.
    pub strength: f32,
    /// How much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left.
    pub shape: f32,
    /// What the fill is painted in.
    pub colour: Colour,
    /// Whether the fill is left as the network made it, without texture from clean parts of the image.
    pub plain_fill: bool,
    /// Told what part is done.
    pub progress: Option<Progress<'a>>,
    /// Stops the call.
    pub cancel: Option<&'a Cancel>,
    /// Whether a picture that cannot be judged is looked at all the same. It is refused as
    /// [`Unjudgeable`](crate::ErrorKind::Unjudgeable) otherwise, unless a mask stands in for what the network finds.
    pub judge_anyway: bool,
    /// How long the call may take, with what it waits for, before it ends as [`Timeout`](crate::ErrorKind::Timeout) within one
    /// tile; a batch as a whole.
    pub timeout: Option<Duration>,
}

impl Default for RemoveOptions<'_> {
    fn default() -> Self {
        RemoveOptions {
            scale: Scale::Model,
            model: None,
            mask: None,
            mask_mode: MaskMode::Limit,
            strength: 1.0,
            shape: 1.0,
            colour: Colour::Own,
            plain_fill: false,
            progress: None,
            cancel: None,
            judge_anyway: false,
            timeout: None,
        }
    }
}

/// What to make of an [`Analysis`](crate::Analysis) or a [`Removal`](crate::Removal).
pub struct ComposeOptions<'a> {
    /// Of a removal: how much of the rust goes, 0 to 1.
    pub strength: f32,
    /// Of a removal: how much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left.
    pub shape: f32,
    /// What the fill is painted in.
    pub colour: Colour,
    /// Of an analysis, for mask and overlay: probability from which on a pixel counts as rust, above 0 and below 1; `None`:
    /// that of the analysis.
    pub threshold: Option<f32>,
    /// Of a removal: the mask that it was analysed with, or another one of its size; `None`: no mask.
    pub mask: Option<Image<'a>>,
    /// Told what part is done.
    pub progress: Option<Progress<'a>>,
    /// Stops the call.
    pub cancel: Option<&'a Cancel>,
    /// How long the call may take before it ends as [`Timeout`](crate::ErrorKind::Timeout).
    pub timeout: Option<Duration>,
}

impl Default for ComposeOptions<'_> {
    fn default() -> Self {
        ComposeOptions {
            strength: 1.0,
            shape: 1.0,
            colour: Colour::Own,
            threshold: None,
            mask: None,
            progress: None,
            cancel: None,
            timeout: None,
        }
    }
}

/// Options as C has them, and the texts and images that they point to.
pub(crate) struct Lent<O> {
    /// May be used as long as this lives and stays where it is.
    pub(crate) c: O,
    _texts: Vec<CString>,
    _mask: Option<Box<c::Image>>,
}

impl EngineOptions {
    /// Calls `make` with the options as C has them, and answers with the callbacks that the engine has from then on, too.
    pub(crate) fn lend<R>(
        self,
        make: impl FnOnce(&c::EngineOptions) -> Result<R, Error>,
    ) -> Result<(R, Box<Callbacks>), Error> {
        let folder = |folder: &PathBuf| c_path(folder, "options.model_folders");
        let folders = self.model_folders.iter().map(folder).collect::<Result<Vec<_>, _>>()?;
        let pointers: Vec<_> = folders.iter().map(|folder| folder.as_ptr()).collect();
        let runtime = |path: &Path| c_path(path, "options.runtime_library");
        let runtime = self.runtime_library.as_deref().map(runtime).transpose()?;
        let mut options = c::EngineOptions {
            device: self.device as i32,
            device_id: self.device_id,
            threads: self.threads,
            sessions: self.sessions,
            model_folder_count: u32::try_from(pointers.len()).unwrap_or(u32::MAX),
            model_folders: if pointers.is_empty() { null() } else { pointers.as_ptr() },
            only_these_folders: self.only_these_folders.into(),
            watch_milliseconds: self.watch.map_or(u32::MAX, milliseconds),
            runtime_library: runtime.as_ref().map_or(null(), |path| path.as_ptr()),
            memory_limit: limit(self.memory_limit, "memory_limit")?,
            half_precision: self.half_precision.into(),
            gpu_memory_limit: limit(self.gpu_memory_limit, "gpu_memory_limit")?,
            ..c::EngineOptions::default()
        };
        let callbacks = Callbacks::new(self.log, self.building);
        callbacks.put_into(&mut options);
        Ok((make(&options)?, callbacks))
    }
}

impl SegmentOptions<'_> {
    pub(crate) fn lend(
        &self,
        (progress, user_data): (c::ProgressCallback, *mut c_void),
    ) -> Result<Lent<c::SegmentOptions>, Error> {
        let model = model(self.model)?;
        let c = c::SegmentOptions {
            scale: self.scale as i32,
            model: model.first().map_or(null(), |text| text.as_ptr()),
            threshold: threshold(self.threshold)?,
            contours: self.contours.into(),
            progress,
            progress_user_data: user_data,
            cancel: self.cancel.map_or(null(), Cancel::c),
            judge_anyway: self.judge_anyway.into(),
            timeout_ms: self.timeout.map_or(0, milliseconds),
            ..c::SegmentOptions::default()
        };
        Ok(Lent { c, _texts: model, _mask: None })
    }
}

impl RemoveOptions<'_> {
    pub(crate) fn lend(
        &self,
        (progress, user_data): (c::ProgressCallback, *mut c_void),
    ) -> Result<Lent<c::RemoveOptions>, Error> {
        let (model, mask) = (model(self.model)?, mask(&self.mask)?);
        let (colour_source, colour, (colour_x, colour_y)) = self.colour.c();
        let c = c::RemoveOptions {
            scale: self.scale as i32,
            model: model.first().map_or(null(), |text| text.as_ptr()),
            mask: mask.as_deref().map_or(null(), std::ptr::from_ref),
            mask_mode: self.mask_mode as i32,
            strength: self.strength,
            shape: self.shape,
            colour_source,
            colour,
            colour_x,
            colour_y,
            progress,
            progress_user_data: user_data,
            cancel: self.cancel.map_or(null(), Cancel::c),
            plain_fill: self.plain_fill.into(),
            judge_anyway: self.judge_anyway.into(),
            timeout_ms: self.timeout.map_or(0, milliseconds),
            ..c::RemoveOptions::default()
        };
        Ok(Lent { c, _texts: model, _mask: mask })
    }
}

impl ComposeOptions<'_> {
    pub(crate) fn lend(
        &self,
        output: i32,
        (progress, user_data): (c::ProgressCallback, *mut c_void),
    ) -> Result<Lent<c::ComposeOptions>, Error> {
        let mask = mask(&self.mask)?;
        let (colour_source, colour, (colour_x, colour_y)) = self.colour.c();
        let c = c::ComposeOptions {
            output,
            strength: self.strength,
            shape: self.shape,
            colour_source,
            colour,
            colour_x,
            colour_y,
            threshold: threshold(self.threshold)?,
            mask: mask.as_deref().map_or(null(), std::ptr::from_ref),
            progress,
            progress_user_data: user_data,
            cancel: self.cancel.map_or(null(), Cancel::c),
            timeout_ms: self.timeout.map_or(0, milliseconds),
            ..c::ComposeOptions::default()
        };
        Ok(Lent { c, _texts: vec![], _mask: mask })
    }
}

fn model(name: Option<&str>) -> Result<Vec<CString>, Error> {
    name.map(|name| c_text(name, "options.model")).into_iter().collect()
}

/// In a box: its address is part of the options.
fn mask(mask: &Option<Image<'_>>) -> Result<Option<Box<c::Image>>, Error> {
    mask.as_ref().map(|mask| mask.c("options.mask").map(Box::new)).transpose()
}

/// 0 stands for none in C.
fn threshold(threshold: Option<f32>) -> Result<f32, Error> {
    match threshold {
        Some(0.0) => Err(Error::argument("options.threshold is 0; it lies between 0 and 1".into())),
        other => Ok(other.unwrap_or(0.0)),
    }
}

fn limit(bytes: Option<u64>, name: &str) -> Result<u64, Error> {
    match bytes {
        Some(0) => Err(Error::argument(format!("options.{name} is 0 bytes; nothing could be done in them"))),
        other => Ok(other.unwrap_or(0)),
    }
}

/// 0 and the largest number mean something else.
pub(crate) fn milliseconds(pace: Duration) -> u32 {
    u32::try_from(pace.as_millis()).unwrap_or(u32::MAX).clamp(1, u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let nothing = (None, std::ptr::null_mut());
        let default = c::EngineOptions::default();
        let (options, _) = EngineOptions::default().lend(|options| Ok(*options)).unwrap();
        // 0 is two seconds there.
        assert_eq!((options.watch_milliseconds, default.watch_milliseconds), (2000, 0));
        let same = c::EngineOptions { watch_milliseconds: 0, ..options };
        assert_eq!(format!("{same:?}"), format!("{default:?}"));
        let same = |ours: String, default: String| assert_eq!(ours, default);
        let segment = SegmentOptions::default().lend(nothing).unwrap();
        same(format!("{:?}", segment.c), format!("{:?}", c::SegmentOptions::default()));
        let remove = RemoveOptions::default().lend(nothing).unwrap();
        same(format!("{:?}", remove.c), format!("{:?}", c::RemoveOptions::default()));
        let compose = ComposeOptions::default().lend(c::DERUST_OUTPUT_RESULT, nothing).unwrap();
        same(format!("{:?}", compose.c), format!("{:?}", c::ComposeOptions::default()));
    }

    #[test]
    fn numbers_that_mean_something_else_in_c_are_refused_or_kept_apart() {
        for (options, text) in [
            (EngineOptions { memory_limit: Some(0), ..Default::default() }, "options.memory_limit is 0"),
            (EngineOptions { gpu_memory_limit: Some(0), ..Default::default() }, "options.gpu_memory_limit"),
            (EngineOptions { model_folders: vec!["a\0b".into()], ..Default::default() }, "a zero byte at 1"),
        ] {
            let error = options.lend(|_| Ok(())).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert!(threshold(Some(0.0)).is_err());
        assert_eq!(milliseconds(Duration::ZERO), 1);
        assert_eq!(milliseconds(Duration::MAX), u32::MAX - 1);
        assert_eq!(milliseconds(Duration::from_secs(3)), 3000);
    }
}
