//! Sizes and offsets: what Rust lays out is what a C compiler lays out.

use std::fmt::Write;
use std::fs;
use std::mem::offset_of;

use derust_interface::*;
use derust_test_support::{prefix, program, run};

macro_rules! layouts {
    ($($type:ident = $c_type:literal { $($field:ident),* };)*) => {{
        let mut text = String::new();
        $(
            // Naming every field here keeps the list complete: a new one does not compile.
            #[allow(unused_variables)]
            let $type { $($field),* } = $type::default();
            writeln!(text, "SAME(sizeof({}), {});", $c_type, size_of::<$type>()).unwrap();
            $(
                let place = offset_of!($type, $field);
                writeln!(text, "SAME(offsetof({}, {}), {place});", $c_type, stringify!($field)).unwrap();
            )*
        )*
        text
    }};
}

#[test]
fn a_c_compiler_puts_every_field_where_rust_does() {
    let checks = layouts! {
        Image = "derust_image" {
            struct_size, format, data, data_size, offset, width, height, row_stride, pixel_stride, transfer, alpha,
            region_x, region_y, region_width, region_height, reserved, region_mask, icc_profile, icc_profile_size,
            white_level, primaries, chroma_offset, chroma_stride, matrix, range
        };
        EngineOptions = "derust_engine_options" {
            struct_size, device, device_id, threads, sessions, model_folder_count, model_folders, only_these_folders,
            watch_milliseconds, runtime_library, memory_limit, log, log_user_data, half_precision, reserved,
            gpu_memory_limit, building, building_user_data
        };
        Model = "derust_model" {
            struct_size, filter, serves, reserved, name, version, origin, reason, device, placement, tried, reserved_2,
            digest
        };
        Device = "derust_device" { struct_size, device, usable, in_use, name, reason, product };
        Runtime = "derust_runtime" { struct_size, reserved, version, path };
        SegmentOptions = "derust_segment_options" {
            struct_size, scale, model, threshold, contours, progress, progress_user_data, cancel, judge_anyway,
            timeout_ms, info
        };
        RemoveOptions = "derust_remove_options" {
            struct_size, scale, model, mask, mask_mode, strength, progress, progress_user_data, cancel, plain_fill,
            reserved, judge_anyway, timeout_ms, info, shape, colour_source, colour, colour_x, colour_y, reserved_2
        };
        ComposeOptions = "derust_compose_options" {
            struct_size, output, strength, threshold, mask, progress, progress_user_data, cancel, timeout_ms, reserved,
            shape, colour_source, colour, colour_x, colour_y, reserved_2
        };
        Summary = "derust_summary" {
            struct_size, iso_4628_3, astm_d610, reserved, pixels, rust_pixels, fraction, region_count, threshold,
            reserved_2, caution, reserved_3
        };
        Health = "derust_health" { struct_size, reserved, calls, failures, waiting };
        CallInfo = "derust_call_info" { struct_size, caution, wait_ns, reduce_ns, network_ns, compose_ns };
        Region = "derust_region" { struct_size, x, y, width, height, mean_probability, area };
    };
    assert!(checks.lines().count() > 80, "{checks}");
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("layout.c");
    let head = "#include <derust.h>\n#include <stddef.h>\n#ifdef __cplusplus\n#define SAME(a, b) static_assert((a) == \
                (b), #a)\n#else\n#define SAME(a, b) _Static_assert((a) == (b), #a)\n#endif\n";
    let compile = |checks: &str, compiler: [&str; 3]| {
        fs::write(&source, format!("{head}{checks}")).unwrap();
        let [compiler, language, standard] = compiler;
        let mut command = program(compiler);
        command.args([
            "-x",
            language,
            standard,
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Wshadow",
            "-Wconversion",
            "-Werror",
            "-fsyntax-only",
            "-I",
        ]);
        command.arg(prefix().join("include")).arg(&source);
        command
    };
    for compiler in [
        ["gcc", "c", "-std=c11"],
        ["clang", "c", "-std=c11"],
        ["g++", "c++", "-std=c++17"],
        ["clang++", "c++", "-std=c++17"],
    ] {
        run(&mut compile(&checks, compiler));
    }
    let wrong = checks.replace("offsetof(derust_image, alpha), 56", "offsetof(derust_image, alpha), 57");
    assert_ne!(wrong, checks);
    let outcome = derust_test_support::run_to_end(&mut compile(&wrong, ["gcc", "c", "-std=c11"]));
    assert!(!outcome.status.success() && outcome.stderr.contains("alpha"), "{}", outcome.stderr);
}
