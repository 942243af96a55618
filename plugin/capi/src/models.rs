//! The model files that an engine found.

use std::ffi::CString;

use derust_engine::models::{Idle, ModelError, Origin};
use derust_engine::printable;
use derust_engine::runtime::Placement;
use derust_engine::{Kind, ModelEntry};
use derust_interface::*;

use crate::devices::entry;
use crate::handle::{self, Handle, Slot};
use crate::text::c_string;
use crate::{engine, guard, sized};

pub(crate) struct ListedModel {
    filter: i32,
    name: CString,
    version: CString,
    origin: CString,
    /// Empty where it serves.
    reason: CString,
    device: CString,
    /// Empty before it was used.
    placement: CString,
    tried: bool,
    /// Empty if it could not be read.
    digest: CString,
}

// SAFETY: `derust_models` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Models {
    type Inside = Vec<ListedModel>;
}

impl ListedModel {
    /// `device` is where networks are going to be tried that were not used yet.
    pub(crate) fn new(entry: ModelEntry, device: &str) -> Self {
        let (filter, name, version) = match &entry.candidate.model {
            Err(_) => (0, String::new(), String::new()),
            Ok(model) => {
                let manifest = &model.manifest;
                let filter = match manifest.kind {
                    Kind::Derust => DERUST_FILTER_DERUST,
                    Kind::SegmentRust => DERUST_FILTER_SEGMENT_RUST,
                    Kind::RustTexture | Kind::RustGrade => 0,
                };
                (filter, manifest.name.clone(), manifest.version.to_string())
            }
        };
        let origin = match &entry.candidate.origin {
            Origin::File(path) => path.display().to_string(),
            Origin::Embedded => "built in".into(),
        };
        let placement = entry.placement.as_deref();
        let digest = entry.candidate.model.as_ref().map(|model| model.digest);
        let digest: String = digest.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
        ListedModel {
            filter,
            name: c_string(&name),
            version: c_string(&version),
            origin: c_string(&origin),
            reason: c_string(&printable(&entry.idle_because.as_ref().map(reason).unwrap_or_default())),
            device: c_string(&placement.map_or_else(|| device.to_owned(), Placement::device)),
            placement: c_string(&placement.map(Placement::to_string).unwrap_or_default()),
            tried: entry.tried,
            digest: c_string(&digest),
        }
    }
}

/// Why a model does not serve, and what to do about it.
fn reason(because: &Idle) -> String {
    match because {
        Idle::Unusable(ModelError::NoManifest) => {
            format!("{because}; the program derust writes one to start from: derust models adopt FILE")
        }
        other => other.to_string(),
    }
}

/// Lists the model files that lie in the folders now, and the built-in ones; says which ones serve, and why the
/// others do not. Nothing is tried out for it; derust_engine_warm_up() tries out what serves.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `models` is where the list goes; `error` is NULL or where an
/// error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_models(
    engine: *mut Engine,
    models: *mut *mut Models,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(models, "models") }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        let device = entered.engine.first_device().unwrap_or_default();
        slot.fill(
            entered.engine.models().into_iter().map(|entry| ListedModel::new(entry, &device)).collect(),
        );
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// The number of models in a list; 0 for NULL.
///
/// # Safety
/// `models` is NULL or a list that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_models_count(models: *const Models) -> u64 {
    // SAFETY: the caller's promise.
    guard::quietly(0, || unsafe { handle::borrow(models) }.map_or(0, |list| list.len() as u64))
}

/// Reads one model of a list.
///
/// # Safety
/// `models` is NULL or a list that was not freed; `model` is NULL or a struct that says its size; `error` is NULL or
/// where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_models_get(
    models: *const Models,
    index: u64,
    model: *mut Model,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let list = unsafe { handle::required(models, "models") }?;
        let entry = entry(list, index, "models")?;
        let value = Model {
            filter: entry.filter,
            serves: u32::from(entry.reason.is_empty()),
            name: entry.name.as_ptr(),
            version: entry.version.as_ptr(),
            origin: entry.origin.as_ptr(),
            reason: entry.reason.as_ptr(),
            device: entry.device.as_ptr(),
            placement: entry.placement.as_ptr(),
            tried: u32::from(entry.tried),
            digest: entry.digest.as_ptr(),
            ..Model::default()
        };
        // SAFETY: the caller's promise.
        unsafe { sized::write(model, &value, "model") }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Frees a list of models; NULL is fine.
///
/// # Safety
/// `models` is NULL or a list that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_models_free(models: *mut Models) {
    // SAFETY: the caller's promise.
    guard::quietly((), || drop(unsafe { handle::take(models) }));
}
