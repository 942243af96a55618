//! How calls end.

/// The version of the ABI that this header describes. The library's own is derust_abi_version(); it only changes
/// when programs have to be compiled again, and then the library's file name changes with it.
pub const DERUST_ABI: u32 = 1;

/// How a call ended. Every function that can fail returns one; the numbers never change, and later versions may add
/// some.
pub type Status = i32;

/// The call did what was asked.
pub const DERUST_OK: Status = 0;
/// An argument makes no sense: NULL where a pointer is needed, a number out of range, a wrong struct_size, an unknown
/// constant, a text that is not UTF-8.
pub const DERUST_ERROR_ARGUMENT: Status = 1;
/// The description of an image contradicts itself or does not fit its buffer.
pub const DERUST_ERROR_IMAGE: Status = 2;
/// The formats or sizes of two images of one call do not go together.
pub const DERUST_ERROR_FORMAT: Status = 3;
/// An output shares memory with another image of the call in a way that cannot work.
pub const DERUST_ERROR_OVERLAP: Status = 4;
/// There is no usable model of the kind or name, or a model answered nonsense.
pub const DERUST_ERROR_MODEL: Status = 5;
/// ONNX Runtime is missing or unusable, or the network failed in it.
pub const DERUST_ERROR_RUNTIME: Status = 6;
/// The device that was asked for cannot be used.
pub const DERUST_ERROR_DEVICE: Status = 7;
/// The engine's memory limit is too small for this call, or the system or the GPU has too little memory for the network.
pub const DERUST_ERROR_MEMORY: Status = 8;
/// Stopped by a callback or a cancel handle. What is in the outputs is unspecified; the engine works on.
pub const DERUST_ERROR_CANCELLED: Status = 9;
/// The engine was made before a fork(); a child process makes one of its own.
pub const DERUST_ERROR_FORKED: Status = 10;
/// A callback called the engine that was calling it.
pub const DERUST_ERROR_REENTERED: Status = 11;
/// A bug in derust. The engine works on.
pub const DERUST_ERROR_INTERNAL: Status = 12;
/// The picture cannot be judged: it is gray or next to black, its numbers are not what they are said to be, or nothing in
/// it counts. That is not the same as a picture without rust. options.judge_anyway looks at it all the same.
pub const DERUST_ERROR_UNJUDGEABLE: Status = 13;
/// The time that the call was given, options.timeout_ms, is over. What is in the outputs is unspecified; the engine works
/// on.
pub const DERUST_ERROR_TIMEOUT: Status = 14;

/// Why a call failed: a status and a text. Owned by the caller, freed with derust_error_free().
#[derive(Debug)]
pub struct Error {
    _opaque: [u8; 0],
}
