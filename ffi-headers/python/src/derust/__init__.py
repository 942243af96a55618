"""derust finds rust (the corrosion) in pictures and takes it away.

    import cv2, derust

    engine = derust.Engine()
    image = cv2.imread("bridge.jpg")
    found = engine.segment(image)
    print(f"{found.fraction:.1%} rusted, ISO 4628-3 Ri {found.iso_4628_3}, {len(found.regions)} regions")
    cv2.imwrite("mask.png", found.mask)
    cv2.imwrite("clean.png", engine.remove(image))

Start with `Engine`. Everything that fails raises `Error` or one of its subclasses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._camera import CameraFrame
from ._engine import Engine
from ._errors import (
    ArgumentError,
    Cancelled,
    DeviceError,
    Error,
    Forked,
    FormatError,
    ImageError,
    InternalError,
    LibraryError,
    MemoryLimitError,
    ModelError,
    OnnxRuntimeError,
    OverlapError,
    Reentered,
    TimedOut,
    UnjudgeableError,
)
from ._info import CallInfo
from ._inventory import Device, Health, Model, Runtime
from ._removal import Removal
from ._report import Region, Report
from ._segmentation import Analysis, Segmentation
from ._watch import Cancel

__version__ = "0.1.0"

#: The version of libderust, such as ``"0.1.0"``. It is loaded when this (or an engine) is first asked for.
version: str

__all__ = [
    "Analysis",
    "ArgumentError",
    "CallInfo",
    "CameraFrame",
    "Cancel",
    "Cancelled",
    "Device",
    "DeviceError",
    "Engine",
    "Error",
    "Forked",
    "FormatError",
    "Health",
    "ImageError",
    "InternalError",
    "LibraryError",
    "MemoryLimitError",
    "Model",
    "ModelError",
    "OnnxRuntimeError",
    "OverlapError",
    "Reentered",
    "Region",
    "Removal",
    "Report",
    "Runtime",
    "Segmentation",
    "TimedOut",
    "UnjudgeableError",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "version":
            from ._library import library, text

            return text(library().derust_version())
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
