//! The table of functions: the door for Rust programs.
//!
//! It holds the same functions that C programs link to. `abi_stable` compares the table of a library with the one that
//! the program was built with before the first call; see [`crate::load`].

use std::ffi::c_char;

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;

use crate::*;

/// Functions that were appended to the table since it was published. A program can use a library with fewer of them, as
/// long as it does not need the new ones.
pub const TABLE_REVISION: u32 = 1;

/// `DERUST_ABI`, [`TABLE_REVISION`] and a zero, as abi_stable writes and compares versions.
const VERSION: &str = "1.1.0";

macro_rules! table {
    (
        first { $($name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $answer:ty)?;)* }
        last $last:ident($($last_argument:ident: $last_type:ty),*) $(-> $last_answer:ty)?;
        appended { $($new:ident($($new_argument:ident: $new_type:ty),* $(,)?) $(-> $new_answer:ty)?;)* }
    ) => {
        /// The functions of `derust.h`, without the `derust_` before their names; what they do stands there.
        ///
        /// New ones come behind the last one and are `Option`s in [`Library`]: an older library does not have them.
        // Arguments are opaque to the comparison: they point to handles, and to structs that say their own size and
        // may grow.
        #[repr(C)]
        #[derive(Clone, Copy, StableAbi)]
        #[sabi(kind(Prefix(prefix_ref = Library)))]
        #[sabi(unsafe_opaque_fields)]
        #[allow(missing_docs, reason = "derust.h tells")]
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument: $type),*) $(-> $answer)?,)*
            #[sabi(last_prefix_field)]
            pub $last: unsafe extern "C" fn($($last_argument: $last_type),*) $(-> $last_answer)?,
            $(pub $new: unsafe extern "C" fn($($new_argument: $new_type),*) $(-> $new_answer)?,)*
        }
    };
}

table! {
    first {
        abi_version() -> u32;
        version() -> *const c_char;
        status_name(status: Status) -> *const c_char;
        error_status(error: *const Error) -> Status;
        error_message(error: *const Error) -> *const c_char;
        error_free(error: *mut Error);
        engine_create(options: *const EngineOptions, engine: *mut *mut Engine, error: *mut *mut Error) -> Status;
        engine_free(engine: *mut Engine);
        engine_refresh(engine: *mut Engine, error: *mut *mut Error) -> Status;
        engine_models(engine: *mut Engine, models: *mut *mut Models, error: *mut *mut Error) -> Status;
        models_count(models: *const Models) -> u64;
        models_get(models: *const Models, index: u64, model: *mut Model, error: *mut *mut Error) -> Status;
        models_free(models: *mut Models);
        engine_devices(engine: *mut Engine, devices: *mut *mut Devices, error: *mut *mut Error) -> Status;
        devices_count(devices: *const Devices) -> u64;
        devices_get(devices: *const Devices, index: u64, device: *mut Device, error: *mut *mut Error) -> Status;
        devices_free(devices: *mut Devices);
        engine_runtime(engine: *mut Engine, runtime: *mut Runtime, error: *mut *mut Error) -> Status;
        cancel_create(cancel: *mut *mut Cancel, error: *mut *mut Error) -> Status;
        cancel_request(cancel: *mut Cancel);
        cancel_reset(cancel: *mut Cancel);
        cancel_free(cancel: *mut Cancel);
        segment(
            engine: *mut Engine,
            image: *const Image,
            options: *const SegmentOptions,
            mask: *const Image,
            probability: *const Image,
            report: *mut *mut Report,
            error: *mut *mut Error,
        ) -> Status;
        remove(
            engine: *mut Engine,
            image: *const Image,
            options: *const RemoveOptions,
            output: *const Image,
            error: *mut *mut Error,
        ) -> Status;
        segment_batch(
            engine: *mut Engine,
            count: u32,
            images: *const *const Image,
            options: *const SegmentOptions,
            masks: *const *const Image,
            probabilities: *const *const Image,
            reports: *mut *mut Report,
            statuses: *mut Status,
            error: *mut *mut Error,
        ) -> Status;
        remove_batch(
            engine: *mut Engine,
            count: u32,
            images: *const *const Image,
            options: *const RemoveOptions,
            outputs: *const *const Image,
            statuses: *mut Status,
            error: *mut *mut Error,
        ) -> Status;
        analyse_segment(
            engine: *mut Engine,
            image: *const Image,
            options: *const SegmentOptions,
            analysis: *mut *mut Analysis,
            error: *mut *mut Error,
        ) -> Status;
        analyse_remove(
            engine: *mut Engine,
            image: *const Image,
            options: *const RemoveOptions,
            analysis: *mut *mut Analysis,
            error: *mut *mut Error,
        ) -> Status;
        compose(
            analysis: *const Analysis,
            image: *const Image,
            options: *const ComposeOptions,
            output: *const Image,
            error: *mut *mut Error,
        ) -> Status;
        analysis_report(
            analysis: *const Analysis,
            image: *const Image,
            options: *const SegmentOptions,
            report: *mut *mut Report,
            error: *mut *mut Error,
        ) -> Status;
        analysis_free(analysis: *mut Analysis);
        report_summary(report: *const Report, summary: *mut Summary, error: *mut *mut Error) -> Status;
        report_region(report: *const Report, index: u64, region: *mut Region, error: *mut *mut Error) -> Status;
        report_contour(
            report: *const Report,
            index: u64,
            points: *mut *const i32,
            count: *mut u64,
            error: *mut *mut Error,
        ) -> Status;
    }
    last report_free(report: *mut Report);
    appended {
        caution_text(caution: i32) -> *const c_char;
        engine_warm_up(
            engine: *mut Engine,
            filter: i32,
            model: *const c_char,
            timeout_ms: u32,
            error: *mut *mut Error,
        ) -> Status;
        engine_health(engine: *mut Engine, health: *mut Health, error: *mut *mut Error) -> Status;
        engine_serving(engine: *mut Engine, models: *mut *mut Models, error: *mut *mut Error) -> Status;
    }
}

impl RootModule for Library {
    abi_stable::declare_root_module_statics! {Library}

    const BASE_NAME: &'static str = "derust";
    const NAME: &'static str = "derust";
    const VERSION_STRINGS: VersionStrings = VersionStrings::new(VERSION);
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_made_of_the_abi_and_the_revision() {
        assert_eq!(VERSION, format!("{DERUST_ABI}.{TABLE_REVISION}.0"));
    }
}
