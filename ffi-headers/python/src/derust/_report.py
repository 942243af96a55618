"""What was found: areas, regions, grades."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

import numpy as np

from . import _abi
from ._handle import Handle
from ._info import caution
from ._library import call, library


@dataclass(frozen=True)
class Region:
    """A connected region of rust; pixels that touch at a side or a corner belong together.

    Attributes:
        x, y: left-most column and upper-most row, in pixels of the picture's region of interest.
        width, height: columns and rows of the bounding box, in pixels.
        area: pixels.
        mean_probability: mean over its pixels, 0 to 1.
        contour: its outer border as OpenCV has it: int32, shape (n, 1, 2), x and y of every border pixel, clockwise as
            seen. `None` unless the call was made with ``contours=True``.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    mean_probability: float
    contour: Optional[np.ndarray] = field(default=None, compare=False, repr=False)


class Report:
    """How much rust there is in a picture, or in its region of interest.

    Attributes:
        pixels: pixels that were looked at.
        rust_pixels: pixels of them that are rust.
        fraction: rust_pixels / pixels, 0 to 1.
        iso_4628_3: degree of rusting Ri after ISO 4628-3, 0 (none) to 5.
        astm_d610: rust grade after ASTM D610, 10 (none) to 0.
        threshold: probability from which on a pixel counted as rust.
        region_count: number of `regions`.
        caution: what makes the judgement less sure: ``"dark"`` (the picture is dark; rust in it is easily missed), or
            `None`.
    """

    pixels: int
    rust_pixels: int
    fraction: float
    iso_4628_3: int
    astm_d610: int
    threshold: float
    region_count: int
    caution: Optional[str]

    def __init__(self, pointer: ctypes.c_void_p, contours: bool) -> None:
        lib = library()
        self._contours = contours
        self._regions: Optional[Tuple[Region, ...]] = None
        self._handle: Optional[Handle] = Handle("Report", pointer, lib.derust_report_free)
        summary = _abi.Summary()
        call(lib.derust_report_summary, pointer, ctypes.byref(summary))
        self.pixels = summary.pixels
        self.rust_pixels = summary.rust_pixels
        self.fraction = summary.fraction
        self.iso_4628_3 = summary.iso_4628_3
        self.astm_d610 = summary.astm_d610
        self.threshold = summary.threshold
        self.region_count = summary.region_count
        self.caution = caution(summary.caution)

    @property
    def regions(self) -> Tuple[Region, ...]:
        """The regions of rust, the largest first."""
        # Read when first asked for: a noisy picture has thousands.
        handle = self._handle
        if self._regions is None and handle is not None:
            with handle.use() as pointer:
                self._regions = tuple(self._region(pointer, index) for index in range(self.region_count))
            self._handle = None
        return self._regions or ()

    def _region(self, pointer: ctypes.c_void_p, index: int) -> Region:
        region = _abi.Region()
        call(library().derust_report_region, pointer, index, ctypes.byref(region))
        contour = self._contour(pointer, index) if self._contours else None
        return Region(
            region.x, region.y, region.width, region.height, region.area, region.mean_probability, contour
        )

    def _contour(self, pointer: ctypes.c_void_p, index: int) -> np.ndarray:
        points = ctypes.POINTER(ctypes.c_int32)()
        count = ctypes.c_uint64()
        call(library().derust_report_contour, pointer, index, ctypes.byref(points), ctypes.byref(count))
        return np.ctypeslib.as_array(points, (count.value, 1, 2)).copy()

    def __getstate__(self) -> Dict[str, Any]:
        # A report is plain numbers: it may go to another process.
        self.regions
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return (
            f"Report(fraction={self.fraction:.6g}, rust_pixels={self.rust_pixels}, pixels={self.pixels}, "
            f"region_count={self.region_count}, iso_4628_3={self.iso_4628_3}, astm_d610={self.astm_d610}, "
            f"threshold={self.threshold:.4g})"
        )
