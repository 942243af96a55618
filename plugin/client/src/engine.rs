//! The engine: what finds rust and takes it away.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::{from_ref, null, null_mut};
use std::time::Duration;

use derust_interface as c;

use crate::analysis::{Analysis, Removal};
use crate::callbacks::{Callbacks, Watch};
use crate::error::Error;
use crate::handle::Handle;
use crate::image::{Image, ImageMut};
use crate::info::{CallInfo, Told};
use crate::inventory::{self, DeviceInfo, Filter, Health, ModelInfo, RuntimeInfo};
use crate::library::{self, Library, c_text};
use crate::options::{EngineOptions, RemoveOptions, SegmentOptions, milliseconds};
use crate::report::Report;

/// Finds rust in pictures and takes it away. One engine serves any number of threads; networks are loaded when they are
/// first needed, and kept.
pub struct Engine {
    library: Library,
    handle: ManuallyDrop<Handle<c::Engine>>,
    callbacks: ManuallyDrop<Box<Callbacks>>,
}

/// Where [`Engine::segment`] writes, where anywhere: gray of any depth, of the size of the image's region.
#[derive(Debug, Default)]
pub struct SegmentOutputs<'a> {
    /// White where there is rust, black elsewhere.
    pub mask: Option<ImageMut<'a>>,
    /// How probable rust is, black for 0 and white for 1.
    pub probability: Option<ImageMut<'a>>,
}

impl SegmentOutputs<'_> {
    /// Mask and probability as the library is told; `which` of a batch they are.
    pub(crate) fn c(&mut self, which: &str) -> Result<[Option<c::Image>; 2], Error> {
        let [mask, probability] =
            if which.is_empty() { ["mask", "probability"] } else { ["masks", "probabilities"] }
                .map(|name| format!("{name}{which}"));
        let mask = self.mask.as_mut().map(|image| image.c(&mask)).transpose()?;
        let probability = self.probability.as_mut().map(|image| image.c(&probability)).transpose()?;
        Ok([mask, probability])
    }
}

impl Engine {
    /// An engine of the library that this process uses; it is searched for if none was loaded: the file that
    /// `$DERUST_LIBRARY` names; else the one beside the program, or in `lib` beside the program's folder; else what the
    /// system's loader finds.
    ///
    /// # Errors
    /// When there is no library that this program can use, or an option is out of range or names a device or a runtime that
    /// cannot be used. A missing ONNX Runtime shows when it is first needed; see [`Engine::runtime`].
    #[doc(alias = "derust_engine_create")]
    pub fn new(options: EngineOptions) -> Result<Self, Error> {
        let library = library::library()?;
        let (handle, callbacks) = options.lend(|options| {
            let mut made = null_mut();
            // SAFETY: the options and what they point to live until the call is over, the callbacks as long as the engine.
            let create = |functions: c::Library, error| unsafe {
                functions.engine_create()(options, &mut made, error)
            };
            library.call(create)?;
            // SAFETY: the engine is this function's own, and of this kind.
            Ok(unsafe { Handle::new(made, library.functions().engine_free()) })
        })?;
        Ok(Engine { library, handle: ManuallyDrop::new(handle), callbacks: ManuallyDrop::new(callbacks) })
    }

    /// Finds the rust in a picture, writes where it is into the outputs, and says how much there is.
    ///
    /// # Errors
    /// When the picture cannot be judged, no model serves, the network fails, the images do not go together, memory is short,
    /// or the call is stopped.
    #[doc(alias = "derust_segment")]
    pub fn segment(
        &self,
        image: &Image<'_>,
        mut outputs: SegmentOutputs<'_>,
        mut options: SegmentOptions<'_>,
    ) -> Result<Report, Error> {
        let image = image.c("image")?;
        let [mask, probability] = outputs.c("")?;
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(self.library, 1);
        lent.c.info = told.pointer();
        let mut made = null_mut();
        // SAFETY: the engine lives; the pixels are borrowed, and the options and what they point to live, until the call is
        // over.
        let called = self.library.call(|functions, error| unsafe {
            let (mask, probability) = (pointer(&mask), pointer(&probability));
            functions.segment()(self.c(), &image, &lent.c, mask, probability, &mut made, error)
        });
        // SAFETY: made by this call, and nobody else's.
        let report = called.and_then(|()| unsafe { Report::new(self.library, made, told.info(0)) });
        watch.end();
        report
    }

    /// Takes the rust out of a picture. `output` has the size and the format of `image`; where there is no rust, its pixels
    /// are bit for bit the same.
    ///
    /// # Errors
    /// See [`Engine::segment`].
    #[doc(alias = "derust_remove")]
    pub fn remove(
        &self,
        image: &Image<'_>,
        output: &mut ImageMut<'_>,
        options: RemoveOptions<'_>,
    ) -> Result<CallInfo, Error> {
        let (image, output) = (image.c("image")?, output.c("output")?);
        // SAFETY: the pixels are borrowed for this call, those of the output to be written.
        unsafe { self.remove_from(&image, &output, options) }
    }

    /// [`Engine::remove`] from the picture itself.
    ///
    /// # Errors
    /// See [`Engine::segment`].
    pub fn remove_in_place(
        &self,
        image: &mut ImageMut<'_>,
        options: RemoveOptions<'_>,
    ) -> Result<CallInfo, Error> {
        let image = image.c("image")?;
        // SAFETY: the pixels are borrowed for this call, to be written.
        unsafe { self.remove_from(&image, &image, options) }
    }

    /// # Safety
    /// The images describe memory of which the output's may be written to and the other's be read until the call is over.
    unsafe fn remove_from(
        &self,
        image: &c::Image,
        output: &c::Image,
        mut options: RemoveOptions<'_>,
    ) -> Result<CallInfo, Error> {
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(self.library, 1);
        lent.c.info = told.pointer();
        // SAFETY: the engine lives; options and what they point to live until the call is over, and the caller's promise.
        let removed = self
            .library
            .call(|functions, error| unsafe { functions.remove()(self.c(), image, &lent.c, output, error) });
        watch.end();
        removed.map(|()| told.info(0))
    }

    /// Runs the network that finds rust; what follows from it is asked of the analysis.
    ///
    /// # Errors
    /// See [`Engine::segment`].
    #[doc(alias = "derust_analyse_segment")]
    pub fn analyse(&self, image: &Image<'_>, mut options: SegmentOptions<'_>) -> Result<Analysis, Error> {
        let image = image.c("image")?;
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(self.library, 1);
        lent.c.info = told.pointer();
        let mut made = null_mut();
        // SAFETY: the engine lives; the pixels are borrowed, and the options and what they point to live, until the call is
        // over.
        let called = self.library.call(|functions, error| unsafe {
            functions.analyse_segment()(self.c(), &image, &lent.c, &mut made, error)
        });
        // SAFETY: made by this call, and nobody else's.
        let analysis = called.map(|()| unsafe { Analysis::new(self.library, made, told.info(0)) });
        watch.end();
        analysis
    }

    /// Runs the network that takes rust away; results are composed from the removal. The options' strength has no meaning
    /// here.
    ///
    /// # Errors
    /// See [`Engine::segment`].
    #[doc(alias = "derust_analyse_remove")]
    pub fn analyse_removal(
        &self,
        image: &Image<'_>,
        mut options: RemoveOptions<'_>,
    ) -> Result<Removal, Error> {
        let image = image.c("image")?;
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(self.library, 1);
        lent.c.info = told.pointer();
        let mut made = null_mut();
        // SAFETY: the engine lives; the pixels are borrowed, and the options and what they point to live, until the call is
        // over.
        let called = self.library.call(|functions, error| unsafe {
            functions.analyse_remove()(self.c(), &image, &lent.c, &mut made, error)
        });
        // SAFETY: made by this call, and nobody else's.
        let removal = called.map(|()| unsafe { Removal::new(self.library, made, told.info(0)) });
        watch.end();
        removal
    }

    /// Gets ready for a filter's calls, or for both filters' where it is `None`, so that the first one is as quick as those
    /// after it: loads ONNX Runtime and the network, and runs it once. `model` is a name; `None`: the one that serves.
    ///
    /// # Errors
    /// When no model serves or is named so, ONNX Runtime or the device cannot be used, memory or time is short, or the library
    /// is one that cannot do it.
    #[doc(alias = "derust_engine_warm_up")]
    pub fn warm_up(
        &self,
        filter: Option<Filter>,
        model: Option<&str>,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let number = match filter {
            None => 0,
            Some(Filter::Derust) => c::DERUST_FILTER_DERUST,
            Some(Filter::SegmentRust) => c::DERUST_FILTER_SEGMENT_RUST,
            Some(Filter::Unknown) => {
                return Err(Error::argument("filter is unknown; a filter has a network".into()));
            }
        };
        let model = model.map(|model| c_text(model, "model")).transpose()?;
        let name = model.as_ref().map_or(null(), |text| text.as_ptr());
        let warm_up = self.library.functions().engine_warm_up();
        let Some(warm_up) = warm_up else {
            return Err(Error::argument("this libderust is too old to warm up; install a newer one".into()));
        };
        let limit = timeout.map_or(0, milliseconds);
        // SAFETY: the engine lives, and so does the text until the call is over.
        self.library.call(|_, error| unsafe { warm_up(self.c(), number, name, limit, error) })
    }

    /// What has become of the calls. It waits for nothing and looks at no file.
    ///
    /// # Errors
    /// When the library is one that does not tell.
    #[doc(alias = "derust_engine_health")]
    pub fn health(&self) -> Result<Health, Error> {
        // SAFETY: the engine lives.
        unsafe { inventory::health(self.library, self.c()) }
    }

    /// The networks in use now, without a look at any file: those that serve, and those that calls have named.
    ///
    /// # Errors
    /// When the library is one that does not tell.
    #[doc(alias = "derust_engine_serving")]
    pub fn serving(&self) -> Result<Vec<ModelInfo>, Error> {
        // SAFETY: the engine lives.
        unsafe { inventory::serving(self.library, self.c()) }
    }

    /// Looks at the model folders again. What serves better now takes over once it has been tried out; calls in flight end
    /// with the models that they began with.
    ///
    /// # Errors
    /// When a folder cannot be read.
    #[doc(alias = "derust_engine_refresh")]
    pub fn refresh(&self) -> Result<(), Error> {
        // SAFETY: the engine lives.
        self.library.call(|functions, error| unsafe { functions.engine_refresh()(self.c(), error) })
    }

    /// Every model file that was found, and whether it serves.
    ///
    /// # Errors
    /// When a folder cannot be read.
    #[doc(alias = "derust_engine_models")]
    pub fn models(&self) -> Result<Vec<ModelInfo>, Error> {
        // SAFETY: the engine lives.
        unsafe { inventory::models(self.library, self.c()) }
    }

    /// Every kind of device, and whether it can be used.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be loaded.
    #[doc(alias = "derust_engine_devices")]
    pub fn devices(&self) -> Result<Vec<DeviceInfo>, Error> {
        // SAFETY: the engine lives.
        unsafe { inventory::devices(self.library, self.c()) }
    }

    /// ONNX Runtime, loaded now if it was not.
    ///
    /// # Errors
    /// When it is missing or cannot be used.
    #[doc(alias = "derust_engine_runtime")]
    pub fn runtime(&self) -> Result<RuntimeInfo, Error> {
        // SAFETY: the engine lives.
        unsafe { inventory::runtime(self.library, self.c()) }
    }

    /// The library that it is of.
    pub(crate) fn library(&self) -> Library {
        self.library
    }

    /// For calls, as long as the engine lives.
    pub(crate) fn c(&self) -> *mut c::Engine {
        self.handle.pointer()
    }
}

impl Drop for Engine {
    #[doc(alias = "derust_engine_free")]
    fn drop(&mut self) {
        let inside = self.callbacks.are_running_here();
        // SAFETY: nobody has the engine any more. Callbacks that run on other threads end before it is freed; one that frees
        // it itself is still needed by the thread that it is on.
        unsafe {
            ManuallyDrop::drop(&mut self.handle);
            if !inside {
                ManuallyDrop::drop(&mut self.callbacks);
            }
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("library", &self.library).finish_non_exhaustive()
    }
}

/// An image, or NULL.
pub(crate) fn pointer(image: &Option<c::Image>) -> *const c::Image {
    image.as_ref().map_or(null(), from_ref)
}
