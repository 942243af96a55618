"""The C ABI of libderust as ctypes sees it: ``derust.h``, number by number.

Nothing here checks or converts; the names are those of the header without their ``derust_`` prefix.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_uint32,
    c_uint64,
    c_void_p,
    py_object,
)

ABI = 1

OK = 0
ERROR_ARGUMENT = 1
ERROR_IMAGE = 2
ERROR_FORMAT = 3
ERROR_OVERLAP = 4
ERROR_MODEL = 5
ERROR_RUNTIME = 6
ERROR_DEVICE = 7
ERROR_MEMORY = 8
ERROR_CANCELLED = 9
ERROR_FORKED = 10
ERROR_REENTERED = 11
ERROR_INTERNAL = 12
ERROR_UNJUDGEABLE = 13
ERROR_TIMEOUT = 14

# FORMAT[channels, "rgb" or "bgr", dtype]; gray pictures have no colour order.
_DEPTHS = ("uint8", "uint16", "float32")
FORMAT = {
    (channels, order, depth): base + step
    for channels, order, base in (
        (1, "rgb", 1),
        (1, "bgr", 1),
        (3, "rgb", 4),
        (3, "bgr", 7),
        (4, "rgb", 10),
        (4, "bgr", 13),
    )
    for step, depth in enumerate(_DEPTHS)
}

TRANSFERS = {"srgb": 0, "linear": 1, "bt709": 2, "gamma22": 3, "gamma28": 4, "pq": 5, "hlg": 6}
PRIMARIES = {"bt709": 0, "p3": 1, "bt2020": 2}
ALPHA_STRAIGHT = 0
ALPHA_PREMULTIPLIED = 1

LOG_ERROR = 1
LOG_WARNING = 2
LOG_INFO = 3

DEVICES = {"auto": 0, "cpu": 1, "cuda": 2, "tensorrt": 3}
FILTERS = {0: "unknown", 1: "derust", 2: "segment-rust"}
SCALES = {"model": 0, "native": 1}
MASK_MODES = {"limit": 0, "replace": 1}
COLOUR_OWN = 0
COLOUR_GIVEN = 1
COLOUR_FROM_IMAGE = 2

MATRICES = {"bt601": 0, "bt709": 1, "bt2020": 2}
#: What a camera's frame is called: the number of its format, for mosaics that of 8 bits.
CAMERA_FORMATS = {
    "nv12": 16,
    "nv21": 17,
    "i420": 18,
    "yuyv": 19,
    "uyvy": 20,
    "bayer_rggb": 21,
    "bayer_bggr": 23,
    "bayer_grbg": 25,
    "bayer_gbrg": 27,
}

CAUTIONS = {0: None, 1: "dark"}

OUTPUT_RESULT = 0
OUTPUT_MASK = 1
OUTPUT_PROBABILITY = 2
OUTPUT_OVERLAY = 3

# The user data of a progress callback is a Python generator: see `_watch`.
ProgressCallback = CFUNCTYPE(c_int32, py_object, c_float)
LogCallback = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
BuildingCallback = CFUNCTYPE(None, c_void_p, c_char_p, c_int32)


class _Sized(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **fields: object) -> None:
        super().__init__(struct_size=ctypes.sizeof(type(self)), **fields)


class Image(_Sized):
    pass


Image._fields_ = [
    ("struct_size", c_uint32),
    ("format", c_int32),
    ("data", c_void_p),
    ("data_size", c_uint64),
    ("offset", c_uint64),
    ("width", c_uint32),
    ("height", c_uint32),
    ("row_stride", c_int64),
    ("pixel_stride", c_uint32),
    ("transfer", c_int32),
    ("alpha", c_int32),
    ("region_x", c_uint32),
    ("region_y", c_uint32),
    ("region_width", c_uint32),
    ("region_height", c_uint32),
    ("reserved", c_uint32),
    ("region_mask", POINTER(Image)),
    ("icc_profile", c_char_p),
    ("icc_profile_size", c_uint64),
    ("white_level", c_float),
    ("primaries", c_int32),
    ("chroma_offset", c_uint64),
    ("chroma_stride", c_uint64),
    ("matrix", c_int32),
    ("range", c_int32),
]


class EngineOptions(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("device", c_int32),
        ("device_id", c_uint32),
        ("threads", c_uint32),
        ("sessions", c_uint32),
        ("model_folder_count", c_uint32),
        ("model_folders", POINTER(c_char_p)),
        ("only_these_folders", c_uint32),
        ("watch_milliseconds", c_uint32),
        ("runtime_library", c_char_p),
        ("memory_limit", c_uint64),
        ("log", LogCallback),
        ("log_user_data", c_void_p),
        ("half_precision", c_uint32),
        ("reserved", c_uint32),
        ("gpu_memory_limit", c_uint64),
        ("building", BuildingCallback),
        ("building_user_data", c_void_p),
    ]


class Model(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("filter", c_int32),
        ("serves", c_uint32),
        ("reserved", c_uint32),
        ("name", c_char_p),
        ("version", c_char_p),
        ("origin", c_char_p),
        ("reason", c_char_p),
        ("device", c_char_p),
        ("placement", c_char_p),
        ("tried", c_uint32),
        ("reserved_2", c_uint32),
        ("digest", c_char_p),
    ]


class Health(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("calls", c_uint64),
        ("failures", c_uint64),
        ("waiting", c_uint64),
    ]


class Device(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("device", c_int32),
        ("usable", c_uint32),
        ("in_use", c_uint32),
        ("name", c_char_p),
        ("reason", c_char_p),
        ("product", c_char_p),
    ]


class CallInfo(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("caution", c_int32),
        ("wait_ns", c_uint64),
        ("reduce_ns", c_uint64),
        ("network_ns", c_uint64),
        ("compose_ns", c_uint64),
    ]


class SegmentOptions(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("scale", c_int32),
        ("model", c_char_p),
        ("threshold", c_float),
        ("contours", c_uint32),
        ("progress", ProgressCallback),
        ("progress_user_data", c_void_p),
        ("cancel", c_void_p),
        ("judge_anyway", c_uint32),
        ("timeout_ms", c_uint32),
        ("info", POINTER(CallInfo)),
    ]


class RemoveOptions(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("scale", c_int32),
        ("model", c_char_p),
        ("mask", POINTER(Image)),
        ("mask_mode", c_int32),
        ("strength", c_float),
        ("progress", ProgressCallback),
        ("progress_user_data", c_void_p),
        ("cancel", c_void_p),
        ("plain_fill", c_uint32),
        ("reserved", c_uint32),
        ("judge_anyway", c_uint32),
        ("timeout_ms", c_uint32),
        ("info", POINTER(CallInfo)),
        ("shape", c_float),
        ("colour_source", c_int32),
        ("colour", c_float * 3),
        ("colour_x", c_uint32),
        ("colour_y", c_uint32),
        ("reserved_2", c_uint32),
    ]


class ComposeOptions(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("output", c_int32),
        ("strength", c_float),
        ("threshold", c_float),
        ("mask", POINTER(Image)),
        ("progress", ProgressCallback),
        ("progress_user_data", c_void_p),
        ("cancel", c_void_p),
        ("timeout_ms", c_uint32),
        ("reserved", c_uint32),
        ("shape", c_float),
        ("colour_source", c_int32),
        ("colour", c_float * 3),
        ("colour_x", c_uint32),
        ("colour_y", c_uint32),
        ("reserved_2", c_uint32),
    ]


class Summary(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("iso_4628_3", c_uint32),
        ("astm_d610", c_uint32),
        ("reserved", c_uint32),
        ("pixels", c_uint64),
        ("rust_pixels", c_uint64),
        ("fraction", c_double),
        ("region_count", c_uint64),
        ("threshold", c_float),
        ("reserved_2", c_uint32),
        ("caution", c_int32),
        ("reserved_3", c_uint32),
    ]


class Region(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("x", c_uint32),
        ("y", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("mean_probability", c_float),
        ("area", c_uint64),
    ]


class Runtime(_Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("version", c_char_p),
        ("path", c_char_p),
    ]


_HANDLE = c_void_p
_HANDLE_OUT = POINTER(c_void_p)
_IMAGE = POINTER(Image)
_IMAGES = POINTER(_IMAGE)

# name: (result, arguments)
FUNCTIONS = {
    "derust_abi_version": (c_uint32, []),
    "derust_version": (c_char_p, []),
    "derust_status_name": (c_char_p, [c_int32]),
    "derust_engine_create": (c_int32, [POINTER(EngineOptions), _HANDLE_OUT, _HANDLE_OUT]),
    "derust_engine_free": (None, [_HANDLE]),
    "derust_engine_refresh": (c_int32, [_HANDLE, _HANDLE_OUT]),
    "derust_engine_runtime": (c_int32, [_HANDLE, POINTER(Runtime), _HANDLE_OUT]),
    "derust_error_status": (c_int32, [_HANDLE]),
    "derust_error_message": (c_char_p, [_HANDLE]),
    "derust_error_free": (None, [_HANDLE]),
    "derust_engine_models": (c_int32, [_HANDLE, _HANDLE_OUT, _HANDLE_OUT]),
    "derust_models_count": (c_uint64, [_HANDLE]),
    "derust_models_get": (c_int32, [_HANDLE, c_uint64, POINTER(Model), _HANDLE_OUT]),
    "derust_models_free": (None, [_HANDLE]),
    "derust_engine_devices": (c_int32, [_HANDLE, _HANDLE_OUT, _HANDLE_OUT]),
    "derust_devices_count": (c_uint64, [_HANDLE]),
    "derust_devices_get": (c_int32, [_HANDLE, c_uint64, POINTER(Device), _HANDLE_OUT]),
    "derust_devices_free": (None, [_HANDLE]),
    "derust_cancel_create": (c_int32, [_HANDLE_OUT, _HANDLE_OUT]),
    "derust_cancel_request": (None, [_HANDLE]),
    "derust_cancel_reset": (None, [_HANDLE]),
    "derust_cancel_free": (None, [_HANDLE]),
    "derust_segment": (
        c_int32,
        [_HANDLE, _IMAGE, POINTER(SegmentOptions), _IMAGE, _IMAGE, _HANDLE_OUT, _HANDLE_OUT],
    ),
    "derust_remove": (c_int32, [_HANDLE, _IMAGE, POINTER(RemoveOptions), _IMAGE, _HANDLE_OUT]),
    "derust_segment_batch": (
        c_int32,
        [_HANDLE, c_uint32, _IMAGES, POINTER(SegmentOptions), _IMAGES, _IMAGES, _HANDLE_OUT,
         POINTER(c_int32), _HANDLE_OUT],
    ),
    "derust_remove_batch": (
        c_int32,
        [_HANDLE, c_uint32, _IMAGES, POINTER(RemoveOptions), _IMAGES, POINTER(c_int32), _HANDLE_OUT],
    ),
    "derust_analyse_segment": (
        c_int32, [_HANDLE, _IMAGE, POINTER(SegmentOptions), _HANDLE_OUT, _HANDLE_OUT]
    ),
    "derust_analyse_remove": (
        c_int32, [_HANDLE, _IMAGE, POINTER(RemoveOptions), _HANDLE_OUT, _HANDLE_OUT]
    ),
    "derust_compose": (c_int32, [_HANDLE, _IMAGE, POINTER(ComposeOptions), _IMAGE, _HANDLE_OUT]),
    "derust_analysis_report": (
        c_int32, [_HANDLE, _IMAGE, POINTER(SegmentOptions), _HANDLE_OUT, _HANDLE_OUT]
    ),
    "derust_analysis_free": (None, [_HANDLE]),
    "derust_report_summary": (c_int32, [_HANDLE, POINTER(Summary), _HANDLE_OUT]),
    "derust_report_region": (c_int32, [_HANDLE, c_uint64, POINTER(Region), _HANDLE_OUT]),
    "derust_report_contour": (
        c_int32, [_HANDLE, c_uint64, POINTER(POINTER(c_int32)), POINTER(c_uint64), _HANDLE_OUT]
    ),
    "derust_report_free": (None, [_HANDLE]),
    "derust_caution_text": (c_char_p, [c_int32]),
    "derust_engine_warm_up": (c_int32, [_HANDLE, c_int32, c_char_p, c_uint32, _HANDLE_OUT]),
    "derust_engine_health": (c_int32, [_HANDLE, POINTER(Health), _HANDLE_OUT]),
    "derust_engine_serving": (c_int32, [_HANDLE, _HANDLE_OUT, _HANDLE_OUT]),
}  # fmt: skip
