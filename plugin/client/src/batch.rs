//! Many pictures in one call.

use std::ptr::{from_ref, null, null_mut};

use derust_interface as c;

use crate::callbacks::Watch;
use crate::engine::{Engine, SegmentOutputs, pointer};
use crate::error::{Error, ErrorKind};
use crate::image::{Image, ImageMut};
use crate::info::{CallInfo, Told};
use crate::options::{RemoveOptions, SegmentOptions};
use crate::report::Report;

/// A picture of [`Engine::segment_batch`].
#[derive(Debug)]
pub struct SegmentJob<'a> {
    /// The picture.
    pub input: Image<'a>,
    /// Where to write, where anywhere.
    pub outputs: SegmentOutputs<'a>,
}

/// A picture of [`Engine::remove_batch`].
#[derive(Debug)]
pub struct RemoveJob<'a> {
    /// The picture.
    pub input: Image<'a>,
    /// Where the one without rust goes; of its size and format.
    pub output: ImageMut<'a>,
}

/// What became of the pictures of a batch. One that fails lets the others be.
#[derive(Debug)]
pub struct Batch<T> {
    /// One for each picture: what was made, or what kind of failure it met.
    pub results: Vec<Result<T, ErrorKind>>,
    /// The failure of the first picture that failed; none: all is well.
    pub error: Option<Error>,
}

impl Engine {
    /// [`Engine::segment`] for many pictures, [`sessions`](crate::EngineOptions::sessions) of them at a time.
    ///
    /// # Errors
    /// When an option or the description of a picture cannot be handed over. All other failures are in the answer, those of the
    /// whole call as every picture's.
    #[doc(alias = "derust_segment_batch")]
    pub fn segment_batch(
        &self,
        jobs: &mut [SegmentJob<'_>],
        mut options: SegmentOptions<'_>,
    ) -> Result<Batch<Report>, Error> {
        let count = count(jobs.len())?;
        let mut images = Vec::with_capacity(jobs.len());
        let mut outputs = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.iter_mut().enumerate() {
            images.push(job.input.c(&format!("images[{index}]"))?);
            outputs.push(job.outputs.c(&format!("[{index}]"))?);
        }
        let images: Vec<_> = images.iter().map(from_ref).collect();
        let [masks, probabilities] =
            [0, 1].map(|which| outputs.iter().map(|outputs| pointer(&outputs[which])).collect::<Vec<_>>());
        let mut reports = vec![null_mut(); jobs.len()];
        let mut statuses = vec![c::DERUST_OK; jobs.len()];
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(self.library(), jobs.len());
        lent.c.info = told.pointer();
        // SAFETY: the engine lives; the arrays have `count` entries; the pixels are borrowed, and the options and what they
        // point to live, until the call is over.
        let called = self.library().call(|functions, error| unsafe {
            functions.segment_batch()(
                self.c(),
                count,
                start(&images),
                &lent.c,
                start(&masks),
                start(&probabilities),
                reports.as_mut_ptr(),
                statuses.as_mut_ptr(),
                error,
            )
        });
        let made = reports.into_iter().zip(statuses).enumerate().map(|(i, (report, status))| match status {
            c::DERUST_OK => {
                // SAFETY: made by this call, and nobody else's.
                unsafe { Report::new(self.library(), report, told.info(i)) }.map_err(|error| error.kind())
            }
            other => Err(ErrorKind::from_status(other)),
        });
        let results = made.collect();
        watch.end();
        Ok(Batch { results, error: called.err() })
    }

    /// [`Engine::remove`] for many pictures, [`sessions`](crate::EngineOptions::sessions) of them at a time. A mask in the
    /// options is every picture's.
    ///
    /// # Errors
    /// See [`Engine::segment_batch`].
    #[doc(alias = "derust_remove_batch")]
    pub fn remove_batch(
        &self,
        jobs: &mut [RemoveJob<'_>],
        mut options: RemoveOptions<'_>,
    ) -> Result<Batch<CallInfo>, Error> {
        let count = count(jobs.len())?;
        let mut images = Vec::with_capacity(jobs.len());
        let mut outputs = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.iter_mut().enumerate() {
            images.push(job.input.c(&format!("images[{index}]"))?);
            outputs.push(job.output.c(&format!("outputs[{index}]"))?);
        }
        let images: Vec<_> = images.iter().map(from_ref).collect();
        let outputs: Vec<_> = outputs.iter().map(from_ref).collect();
        let mut statuses = vec![c::DERUST_OK; jobs.len()];
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(self.library(), jobs.len());
        lent.c.info = told.pointer();
        // SAFETY: see `segment_batch`.
        let called = self.library().call(|functions, error| unsafe {
            functions.remove_batch()(
                self.c(),
                count,
                start(&images),
                &lent.c,
                start(&outputs),
                statuses.as_mut_ptr(),
                error,
            )
        });
        watch.end();
        let result = |(i, status)| match status {
            c::DERUST_OK => Ok(told.info(i)),
            other => Err(ErrorKind::from_status(other)),
        };
        Ok(Batch { results: statuses.into_iter().enumerate().map(result).collect(), error: called.err() })
    }
}

fn count(jobs: usize) -> Result<u32, Error> {
    u32::try_from(jobs)
        .map_err(|_| Error::argument(format!("a batch of {jobs} pictures; at most {} fit", u32::MAX)))
}

fn start(images: &[*const c::Image]) -> *const *const c::Image {
    if images.is_empty() { null() } else { images.as_ptr() }
}
