//! `cargo xtask runtime`: a build of ONNX Runtime, and how to use it.

use anyhow::Result;

use crate::onnxruntime;
use crate::workspace::Workspace;

/// Puts ONNX Runtime in place; with `gpu`, the build for NVIDIA GPUs.
pub fn run(workspace: &Workspace, gpu: bool) -> Result<()> {
    if !gpu {
        return onnxruntime::provide(workspace).map(drop);
    }
    let library = onnxruntime::provide_gpu(workspace)?;
    println!(
        "\nderust uses it where it is told to:\n\n    export ORT_DYLIB_PATH={}\n    derust info    # says whether \
         the GPU can be used, or what is missing\n\nIt needs an NVIDIA driver, CUDA 13 and cuDNN 9 where the system's \
         loader finds them (LD_LIBRARY_PATH), and TensorRT 10 for the device `tensorrt`.\nHow fast and how exact the \
         devices are: cargo xtask bench devices",
        library.display()
    );
    Ok(())
}
