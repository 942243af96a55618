//! The same functions for Rust programs; see `derust_interface::load`.

use abi_stable::prefix_type::PrefixTypeTrait;
use derust_interface::{Functions, Library};

use crate::analysis::*;
use crate::batch::*;
use crate::cancel::*;
use crate::devices::*;
use crate::engine::*;
use crate::error::*;
use crate::health::*;
use crate::info::*;
use crate::models::*;
use crate::remove::*;
use crate::report::*;
use crate::runtime::*;
use crate::segment::*;
use crate::status::*;
use crate::warm_up::*;

#[abi_stable::export_root_module]
fn table() -> Library {
    Functions {
        abi_version: derust_abi_version,
        version: derust_version,
        status_name: derust_status_name,
        error_status: derust_error_status,
        error_message: derust_error_message,
        error_free: derust_error_free,
        engine_create: derust_engine_create,
        engine_free: derust_engine_free,
        engine_refresh: derust_engine_refresh,
        engine_models: derust_engine_models,
        models_count: derust_models_count,
        models_get: derust_models_get,
        models_free: derust_models_free,
        engine_devices: derust_engine_devices,
        devices_count: derust_devices_count,
        devices_get: derust_devices_get,
        devices_free: derust_devices_free,
        engine_runtime: derust_engine_runtime,
        cancel_create: derust_cancel_create,
        cancel_request: derust_cancel_request,
        cancel_reset: derust_cancel_reset,
        cancel_free: derust_cancel_free,
        segment: derust_segment,
        remove: derust_remove,
        segment_batch: derust_segment_batch,
        remove_batch: derust_remove_batch,
        analyse_segment: derust_analyse_segment,
        analyse_remove: derust_analyse_remove,
        compose: derust_compose,
        analysis_report: derust_analysis_report,
        analysis_free: derust_analysis_free,
        report_summary: derust_report_summary,
        report_region: derust_report_region,
        report_contour: derust_report_contour,
        report_free: derust_report_free,
        caution_text: derust_caution_text,
        engine_warm_up: derust_engine_warm_up,
        engine_health: derust_engine_health,
        engine_serving: derust_engine_serving,
    }
    .leak_into_prefix()
}
