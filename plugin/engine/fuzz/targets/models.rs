//! Arbitrary bytes as model files, with and without a manifest beside them: inspecting them must end in a model or in
//! an error.
#![no_main]

use derust_engine::models::inspect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = inspect(bytes, None);
    // The same bytes, split: what comes first is the sidecar.
    let Some((length, rest)) = bytes.split_first() else { return };
    let (sidecar, onnx) = rest.split_at(rest.len().min(usize::from(*length) * 8));
    if let Ok(sidecar) = std::str::from_utf8(sidecar) {
        let _ = inspect(onnx, Some(sidecar));
    }
});
