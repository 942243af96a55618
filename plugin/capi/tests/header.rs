//! The committed `derust.h` is what the source says.
//!
//! `DERUST_WRITE_HEADER=1 cargo test -p derust-capi --test header` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config};
use derust_interface::*;

/// The files that the header is made of, in the order in which a reader wants them.
const TYPES: [&str; 6] = ["status", "image", "engine", "filters", "analysis", "report"];
const FUNCTIONS: [&str; 14] = [
    "status", "error", "engine", "models", "devices", "runtime", "cancel", "segment", "remove", "batch",
    "analysis", "info", "warm_up", "health",
];

fn source(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// What cbindgen does not write: initialisers, and sizes that the compiler of a C program checks.
fn trailer() -> String {
    let mut text =
        String::from("/* Initialisers with every default: derust_image image = DERUST_IMAGE_INIT; */\n\n");
    let initialisers: [(&str, &str, &str); 12] = [
        (
            "IMAGE",
            "image",
            "0, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0.0f, 0, 0, 0, 0, 0",
        ),
        (
            "ENGINE_OPTIONS",
            "engine_options",
            "0, 0, 0, 0, 0, NULL, 0, 0, NULL, 0, NULL, NULL, 0, 0, 0, NULL, NULL",
        ),
        ("MODEL", "model", "0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL"),
        ("DEVICE", "device", "0, 0, 0, NULL, NULL, NULL"),
        ("RUNTIME", "runtime", "0, NULL, NULL"),
        ("SEGMENT_OPTIONS", "segment_options", "0, NULL, 0.0f, 0, NULL, NULL, NULL, 0, 0, NULL"),
        (
            "REMOVE_OPTIONS",
            "remove_options",
            "0, NULL, NULL, 0, 1.0f, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 1.0f, 0, { 0.0f, 0.0f, 0.0f }, 0, 0, 0",
        ),
        (
            "COMPOSE_OPTIONS",
            "compose_options",
            "0, 1.0f, 0.0f, NULL, NULL, NULL, NULL, 0, 0, 1.0f, 0, { 0.0f, 0.0f, 0.0f }, 0, 0, 0",
        ),
        ("SUMMARY", "summary", "0, 0, 0, 0, 0, 0.0, 0, 0.0f, 0, 0, 0"),
        ("REGION", "region", "0, 0, 0, 0, 0.0f, 0"),
        ("HEALTH", "health", "0, 0, 0, 0"),
        ("CALL_INFO", "call_info", "0, 0, 0, 0, 0"),
    ];
    for (name, c_type, values) in initialisers {
        writeln!(text, "#define DERUST_{name}_INIT {{ sizeof(derust_{c_type}), {values} }}").unwrap();
    }
    text.push_str(
        "\n/* A compiler that lays structs out in another way than the library is found out here. */\n\
         #if defined(__cplusplus)\n\
         #define DERUST_SAME_SIZE(type, size) static_assert(sizeof(type) == size, #type \" has another layout\")\n\
         #elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L\n\
         #define DERUST_SAME_SIZE(type, size) _Static_assert(sizeof(type) == size, #type \" has another layout\")\n\
         #endif\n\
         #if defined(DERUST_SAME_SIZE) && UINTPTR_MAX == UINT64_MAX\n",
    );
    for (c_type, size) in [
        ("image", size_of::<Image>()),
        ("engine_options", size_of::<EngineOptions>()),
        ("model", size_of::<Model>()),
        ("device", size_of::<Device>()),
        ("runtime", size_of::<Runtime>()),
        ("segment_options", size_of::<SegmentOptions>()),
        ("remove_options", size_of::<RemoveOptions>()),
        ("compose_options", size_of::<ComposeOptions>()),
        ("summary", size_of::<Summary>()),
        ("region", size_of::<Region>()),
        ("call_info", size_of::<CallInfo>()),
        ("health", size_of::<Health>()),
    ] {
        writeln!(text, "DERUST_SAME_SIZE(derust_{c_type}, {size});").unwrap();
    }
    text.push_str("#endif\n#undef DERUST_SAME_SIZE\n\n#endif /* DERUST_H */");
    text
}

fn generated() -> String {
    let mut config = Config::from_file(source("cbindgen.toml")).unwrap();
    config.trailer = Some(trailer());
    let mut builder = Builder::new().with_config(config);
    for name in TYPES {
        builder = builder.with_src(source("../interface/src").join(format!("{name}.rs")));
    }
    for name in FUNCTIONS.into_iter().chain(["report"]) {
        builder = builder.with_src(source("src").join(format!("{name}.rs")));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    tidy(&String::from_utf8(text).unwrap())
}

/// Types by their short names, comments of one line on one line, no more than one empty line.
fn tidy(text: &str) -> String {
    let text = text.replace("struct derust_", "derust_").replace("typedef derust_", "typedef struct derust_");
    // Inside of a struct its short name is not known yet.
    let text =
        text.replace("    const derust_image *region_mask;", "    const struct derust_image *region_mask;");
    // What Rust calls safety is what C expects of every caller.
    let text = text.replace("# Safety\n", "The caller sees to it:\n");
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.as_slice() {
            [.., last] if last.is_empty() && line.is_empty() => {}
            [.., open, only] if line.trim() == "*/" && open.trim() == "/**" => {
                let indent = open.len() - open.trim_start().len();
                let comment = format!("{:indent$}/** {} */", "", only.trim().trim_start_matches("* "));
                lines.truncate(lines.len() - 2);
                lines.push(comment);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_committed_header_is_current() {
    let path = source("../../ffi-headers/include/derust.h");
    let generated = generated();
    if std::env::var_os("DERUST_WRITE_HEADER").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let differs = committed.lines().zip(generated.lines()).find(|(old, new)| old != new);
    assert!(
        committed == generated,
        "{} is not what the source says; DERUST_WRITE_HEADER=1 cargo test -p derust-capi --test header writes it \
         anew. First difference: {differs:?}",
        path.display()
    );
}
