//! Telling that memory ran out from everything else that goes wrong in ONNX Runtime.

/// What ONNX Runtime, CUDA's libraries and TensorRT say when memory cannot be had. There is no code for it: ONNX Runtime
/// answers with its general one and a text, which on a GPU can be that of any library below it.
const TEXTS: [&str; 12] = [
    // ONNX Runtime's arena (core/framework/bfc_arena.cc), for a GPU also beyond the limit of memory that was set.
    "Failed to allocate memory for requested buffer",
    "is smaller than requested bytes of",
    // The C++ library, in what has no arena: in GCC's and in Microsoft's words.
    "std::bad_alloc",
    "bad allocation",
    // ONNX Runtime where a kernel takes memory by itself.
    "Memory allocation failed",
    // CUDA (cudaErrorMemoryAllocation) and TensorRT ("Cuda Runtime (out of memory)").
    "out of memory",
    "cudaErrorMemoryAllocation",
    // cuDNN, before version 9 and since.
    "CUDNN_STATUS_ALLOC_FAILED",
    "DEVICE_ALLOCATION_FAILED",
    "HOST_ALLOCATION_FAILED",
    // cuBLAS, and TensorRT where it uses an allocator of ONNX Runtime's.
    "CUBLAS_STATUS_ALLOC_FAILED",
    "User allocator error allocating",
];

/// Whether a failure that ONNX Runtime reports in these words is for want of memory.
pub(super) fn is_want_of_memory(report: &str) -> bool {
    TEXTS.iter().any(|text| report.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_memory_is_told_from_other_failures() {
        for report in [
            "Non-zero status code returned while running Conv node. Name:'/stem/Conv' Status Message: \
             /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal\
             (size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 939524096",
            "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:359 Available memory of 1024 is smaller than \
             requested bytes of 8388608",
            "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ; file=cuda_allocator.cc ; line=49 ; \
             expr=cudaMalloc((void**)&p, size);",
            "CUDNN failure 5004: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0 ; hostname=h ; file=conv.cc",
            "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=h ; file=cuda_execution_provider.cc",
            "Error[1]: [defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
            "std::bad_alloc",
        ] {
            assert!(is_want_of_memory(report), "{report}");
        }
        for report in [
            "Got invalid dimensions for input: image for the following indices index: 1 Got: 2 Expected: 3",
            "CUDA failure 700: an illegal memory access was encountered ; GPU=0",
            "CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED ; GPU=0",
            "Failed to allocate string attribute array",
        ] {
            assert!(!is_want_of_memory(report), "{report}");
        }
    }
}
