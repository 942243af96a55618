//! libderust, safe to call: finding it, an engine, analyses and what is composed from them.

mod analysis;
mod canvas;
mod library;

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

use derust_interface::*;

use crate::gimp::c_text;
use crate::messages::tr;
use crate::pixels::{Depth, Format, Picture};
use crate::problem::Problem;
use crate::procedures::Filter;
use crate::settings::Device;
use analysis::Found;
pub use analysis::{Removal, Segmentation, Summary};
pub use canvas::Canvas;
use library::Loaded;

/// Told what part of the work is done, 0 to 1; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

/// Finds rust in pictures and takes it away.
pub struct Engine {
    loaded: Loaded,
    pointer: *mut derust_interface::Engine,
    /// What it was asked to run on.
    pub device: Device,
}

// SAFETY: libderust's engines serve any number of threads at once.
unsafe impl Send for Engine {}
// SAFETY: see above.
unsafe impl Sync for Engine {}

/// A model that can be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is used when none is named.
    pub serves: bool,
    /// Where it runs, how much of it, and why not elsewhere; empty before it ran.
    pub placement: String,
}

/// A device that libderust knows.
struct KnownDevice {
    constant: i32,
    name: String,
    reason: String,
    in_use: bool,
}

impl Engine {
    /// Loads the libderust that lies in `folder` with the plug-in, and makes an engine that looks for models in
    /// `folder`'s `models`, too.
    ///
    /// # Errors
    /// When the library or ONNX Runtime is missing or does not fit, or the device cannot be used.
    pub fn new(folder: &Path, device: Device) -> Result<Self, Problem> {
        let loaded = Loaded::beside(folder)?;
        let models = c_text(&folder.join("models").to_string_lossy());
        let folders = [models.as_ptr()];
        let options = EngineOptions {
            device: match device {
                Device::Automatic => DERUST_DEVICE_AUTOMATIC,
                Device::Cpu => DERUST_DEVICE_CPU,
                Device::Gpu => DERUST_DEVICE_CUDA,
            },
            model_folder_count: 1,
            model_folders: folders.as_ptr(),
            // A filter lives too short a time to see model files come and go.
            watch_milliseconds: u32::MAX,
            ..EngineOptions::default()
        };
        let mut pointer = null_mut();
        // SAFETY: the options and what they point to live until the call is over.
        let made =
            loaded.call(|library, error| unsafe { library.engine_create()(&options, &mut pointer, error) });
        match made {
            Ok(()) => Ok(Engine { loaded, pointer, device }),
            Err(problem) if device == Device::Gpu => Err(Self::why_no_gpu(folder).unwrap_or(problem)),
            Err(problem) => Err(problem),
        }
    }

    /// Why a GPU cannot be used, as an engine for any device says.
    fn why_no_gpu(folder: &Path) -> Option<Problem> {
        let devices = Engine::new(folder, Device::Automatic).and_then(|engine| engine.devices()).ok()?;
        let gpu = devices.into_iter().find(|device| device.constant == DERUST_DEVICE_CUDA)?;
        let text = tr(
            "No GPU can be used: {0}\nChoose the device “automatic” or “cpu”, or install what is missing.",
        );
        Some(Problem::new(text.replace("{0}", &gpu.reason)))
    }

    /// The models for a filter that can be named, the serving one first.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub fn models(&self, filter: Filter) -> Result<Vec<Model>, Problem> {
        let wanted = match filter {
            Filter::Derust => DERUST_FILTER_DERUST,
            Filter::SegmentRust => DERUST_FILTER_SEGMENT_RUST,
        };
        let mut list = null_mut();
        let loaded = self.loaded;
        // SAFETY: the engine lives, and `list` is where the list goes.
        loaded.call(|library, error| unsafe { library.engine_models()(self.pointer, &mut list, error) })?;
        let list = Listed { loaded: self.loaded, list, free: self.loaded.library.models_free() };
        // SAFETY: the list lives.
        let count = unsafe { self.loaded.library.models_count()(list.list) };
        let mut models: Vec<Model> = Vec::new();
        for index in 0..count {
            let mut model = derust_interface::Model::default();
            // SAFETY: the list lives, and the struct says its size.
            list.loaded.call(|library, error| unsafe {
                library.models_get()(list.list, index, &mut model, error)
            })?;
            // SAFETY: texts of the list, which lives.
            let [name, version, placement] =
                unsafe { [owned(model.name), owned(model.version), owned(model.placement)] };
            if model.filter == wanted && !models.iter().any(|known| known.name == name) {
                models.push(Model { name, version, serves: model.serves != 0, placement });
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
        let mut runtime = Runtime::default();
        let (loaded, engine) = (self.loaded, self.pointer);
        // SAFETY: the engine lives, and the struct says its size.
        loaded.call(|library, error| unsafe { library.engine_runtime()(engine, &mut runtime, error) })?;
        let names: Vec<_> =
            self.devices()?.into_iter().filter(|device| device.in_use).map(|device| device.name).collect();
        // SAFETY: the engine's text.
        let version = unsafe { owned(runtime.version) };
        let text = tr("Runs on {0} (ONNX Runtime {1})");
        Ok(text.replace("{0}", &names.join(", ")).replace("{1}", &version))
    }

    fn devices(&self) -> Result<Vec<KnownDevice>, Problem> {
        let mut list = null_mut();
        let loaded = self.loaded;
        // SAFETY: the engine lives, and `list` is where the list goes.
        loaded.call(|library, error| unsafe { library.engine_devices()(self.pointer, &mut list, error) })?;
        let list = Listed { loaded: self.loaded, list, free: self.loaded.library.devices_free() };
        // SAFETY: the list lives.
        let count = unsafe { self.loaded.library.devices_count()(list.list) };
        let mut devices = Vec::new();
        for index in 0..count {
            let mut device = derust_interface::Device::default();
            // SAFETY: the list lives, and the struct says its size.
            list.loaded.call(|library, error| unsafe {
                library.devices_get()(list.list, index, &mut device, error)
            })?;
            // SAFETY: texts of the list, which lives.
            let (name, reason) = unsafe { (owned(device.name), owned(device.reason)) };
            devices.push(KnownDevice { constant: device.device, name, reason, in_use: device.in_use != 0 });
        }
        Ok(devices)
    }

    /// Looks for rust, and for what takes its place.
    ///
    /// # Errors
    /// When no model serves, the network fails, or `progress` says that it is enough.
    pub fn analyse_removal(
        &self,
        picture: &Picture,
        model: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Removal, Problem> {
        let model = model.map(c_text);
        let mut found = null_mut();
        let mut progress = progress;
        let options = RemoveOptions {
            model: text_or_null(&model),
            progress: Some(tell),
            progress_user_data: (&raw mut progress).cast(),
            ..RemoveOptions::default()
        };
        let image = picture.image();
        // SAFETY: the engine lives; the picture, the options and what they point to live until the call is over.
        self.loaded.call(|library, error| unsafe {
            library.analyse_remove()(self.pointer, &image, &options, &mut found, error)
        })?;
        Ok(Removal(Found::new(self.loaded, found)))
    }

    /// Loads the network that a filter will run, while other things are done. What is wrong with it shows when it runs.
    pub fn warm_up(&self, filter: Filter, model: Option<&str>) {
        const SIDE: u32 = 32;
        let format = Format { gray: false, alpha: false, linear: false, depth: Depth::U8 };
        let Ok(picture) = Picture::new(format, SIDE, SIDE) else { return };
        let progress: Progress<'_> = &mut |_| true;
        let _ = match filter {
            Filter::Derust => self.analyse_removal(&picture, model, progress).map(drop),
            Filter::SegmentRust => self.analyse_rust(&picture, model, progress).map(drop),
        };
    }

    /// Looks for rust.
    ///
    /// # Errors
    /// See [`Engine::analyse_removal`].
    pub fn analyse_rust(
        &self,
        picture: &Picture,
        model: Option<&str>,
        progress: Progress<'_>,
    ) -> Result<Segmentation, Problem> {
        let model = model.map(c_text);
        let mut found = null_mut();
        let mut progress = progress;
        let options = SegmentOptions {
            model: text_or_null(&model),
            progress: Some(tell),
            progress_user_data: (&raw mut progress).cast(),
            ..SegmentOptions::default()
        };
        let image = picture.image();
        // SAFETY: the engine lives; the picture, the options and what they point to live until the call is over.
        self.loaded.call(|library, error| unsafe {
            library.analyse_segment()(self.pointer, &image, &options, &mut found, error)
        })?;
        Ok(Segmentation(Found::new(self.loaded, found)))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: no call uses the engine any more.
        unsafe { self.loaded.library.engine_free()(self.pointer) };
    }
}

/// A list of libderust's, freed when it goes.
struct Listed<T> {
    loaded: Loaded,
    list: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Drop for Listed<T> {
    fn drop(&mut self) {
        // SAFETY: the list is this struct's own.
        unsafe { (self.free)(self.list) };
    }
}

fn text_or_null(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// Hands progress on to the [`Progress`] that `user_data` points to.
unsafe extern "C" fn tell(user_data: *mut c_void, done: f32) -> i32 {
    // SAFETY: `user_data` is the address of a `Progress` that lives as long as the call that tells.
    let progress = unsafe { &mut *user_data.cast::<Progress<'_>>() };
    let goes_on = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| progress(done)));
    i32::from(!goes_on.unwrap_or(false))
}

/// # Safety
/// `text` is NULL or a C text.
unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
