//! Arbitrary bytes as model files, with and without a manifest beside them: inspecting them must end in a model or in
//! an error, and what passes must be the same model to another reader of the format.
#![no_main]

use derust_engine::models::{Limits, examine, inspect};
use derust_manifest::onnx::Model;
use libfuzzer_sys::fuzz_target;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    let _ = inspect(bytes, None);
    compare_readers(bytes);
    // The same bytes, split: what comes first is the sidecar.
    let Some((length, rest)) = bytes.split_first() else { return };
    let (sidecar, onnx) = rest.split_at(rest.len().min(usize::from(*length) * 8));
    if let Ok(sidecar) = std::str::from_utf8(sidecar) {
        let _ = inspect(onnx, Some(sidecar));
    }
});

/// What passes can be read by prost, too, and holds the same there.
fn compare_readers(bytes: &[u8]) {
    let examination = examine(bytes, &Limits::default());
    let contents = examination.contents;
    if let Err(refusal) = examination.verdict {
        assert!(!refusal.to_string().chars().any(char::is_control));
        return;
    }
    for ((what, used), (_, limit)) in contents.used.each().into_iter().zip(Limits::default().each()) {
        assert!(used <= limit, "{used} {what}");
    }
    // Texts that nothing looks at need not be UTF-8 for ONNX Runtime; prost is strict with them.
    let Ok(model) = Model::decode(bytes) else { return };
    let graph = model.graph.expect("a graph was found");
    assert!(graph.node.len() as u64 <= contents.used.nodes);
    assert!(graph.initializer.len() as u64 <= contents.used.tensors);
    assert!(
        graph
            .node
            .iter()
            .all(|node| { contents.operators.contains_key(&(node.domain.clone(), node.op_type.clone())) })
    );
    let outputs = graph.output.iter().map(|port| &port.name);
    assert!(outputs.eq(contents.ports.outputs.iter().map(|port| &port.name)));
}
