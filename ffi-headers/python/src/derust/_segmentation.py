"""Finding rust: results, and the analysis that can be asked again and again."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np

from . import _abi, _options
from ._errors import ArgumentError
from ._handle import Handle, freed_on_failure, refuse_pickling
from ._library import call, library
from ._pixels import Picture, Pixels, gray_output, like_output
from ._report import Region, Report
from ._watch import Cancel, Progress


@dataclass
class Segmentation:
    """What `Engine.segment` found.

    Attributes:
        mask: 0 (no rust) or the brightest value of its dtype (rust), shape (height, width); `None` if not asked for.
        probability: 0 (no rust) to the brightest value of its dtype, shape (height, width); `None` if not asked for.
        report: areas, regions, grades; `None` if not asked for.

    `fraction`, `regions`, `iso_4628_3` and `astm_d610` are those of the report.
    """

    mask: Optional[np.ndarray]
    probability: Optional[np.ndarray]
    report: Optional[Report]

    def _reported(self) -> Report:
        if self.report is None:
            raise ArgumentError("this segmentation was made with report=False")
        return self.report

    @property
    def fraction(self) -> float:
        """The part of the pixels that is rust, 0 to 1."""
        return self._reported().fraction

    @property
    def regions(self) -> Tuple[Region, ...]:
        """The regions of rust, the largest first."""
        return self._reported().regions

    @property
    def iso_4628_3(self) -> int:
        """Degree of rusting Ri after ISO 4628-3, 0 (none) to 5."""
        return self._reported().iso_4628_3

    @property
    def astm_d610(self) -> int:
        """Rust grade after ASTM D610, 10 (none) to 0."""
        return self._reported().astm_d610


class Analysis:
    """What a network saw in a picture. Whatever is asked of it costs no inference.

    Made by `Engine.analyse`. It keeps a reference to the analysed array (no copy) and reads it again for every
    answer, since the edges of mask and probability follow those of the picture: the array must not change meanwhile,
    or be given again as ``image=``. Any thread may ask; usable in a ``with`` block, which frees it.
    """

    def __init__(self, pointer: ctypes.c_void_p, image: Picture, layout: Dict[str, Any]) -> None:
        self._handle = Handle("Analysis", pointer, library().derust_analysis_free)
        self._image = image
        self._layout = layout

    def mask(
        self,
        threshold: Optional[float] = None,
        *,
        out: Union[np.ndarray, None] = None,
        image: Optional[Picture] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
    ) -> np.ndarray:
        """0 where there is no rust, the brightest value where there is; shape (height, width), uint8 or like `out`.

        Args:
            threshold: probability from which on a pixel is rust, above 0 and below 1; `None`: that of the analysis.
            out: gray array to write into, any of the dtypes.
            image: the analysed picture, if the array that was given has changed.
            progress, cancel, timeout: see `Engine.segment`.

        Raises:
            Error: see its subclasses.
        """
        source = self._source(image)
        target = gray_output(True if out is None else out, "out", source.size, np.uint8)
        assert target is not None
        return self._compose(_abi.OUTPUT_MASK, source, target, threshold, progress, cancel, timeout)

    def probability(
        self,
        *,
        out: Optional[np.ndarray] = None,
        image: Optional[Picture] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
    ) -> np.ndarray:
        """The probability of rust, shape (height, width): float32 from 0 to 1, or `out` with 1 as its brightest value.

        Arguments and errors as in `mask`.
        """
        source = self._source(image)
        target = gray_output(True if out is None else out, "out", source.size, np.float32)
        assert target is not None
        return self._compose(_abi.OUTPUT_PROBABILITY, source, target, None, progress, cancel, timeout)

    def overlay(
        self,
        image: Optional[Picture] = None,
        *,
        threshold: Optional[float] = None,
        out: Optional[np.ndarray] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
    ) -> np.ndarray:
        """The picture with its rust coloured; shape, dtype and colour order are the picture's.

        ``out=`` the picture itself draws into it. Arguments and errors as in `mask`.
        """
        source = self._source(image)
        target = like_output(out, source, **self._layout)
        return self._compose(_abi.OUTPUT_OVERLAY, source, target, threshold, progress, cancel, timeout)

    def report(
        self,
        threshold: Optional[float] = None,
        *,
        contours: bool = False,
        image: Optional[Picture] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
    ) -> Report:
        """Areas, regions and grades; with `contours` every region has its contour.

        Arguments and errors as in `mask`.
        """
        source = self._source(image)
        lib = library()
        pointer = ctypes.c_void_p()
        with freed_on_failure(lib.derust_report_free, pointer), self._handle.use() as analysis, _options.Control(
            progress, cancel, timeout
        ) as control:
            options = _options.segment(control, threshold_=threshold, contours=contours)
            call(
                lib.derust_analysis_report,
                analysis,
                ctypes.byref(source.image),
                ctypes.byref(options),
                ctypes.byref(pointer),
            )
        return Report(pointer, contours)

    def _source(self, image: Optional[Picture]) -> Pixels:
        return Pixels(self._image if image is None else image, "image", **self._layout)

    def _compose(
        self,
        output: int,
        source: Pixels,
        target: Pixels,
        threshold: Optional[float],
        progress: Optional[Progress],
        cancel: Optional[Cancel],
        timeout: Optional[float],
    ) -> np.ndarray:
        with self._handle.use() as analysis, _options.Control(progress, cancel, timeout) as control:
            options = _abi.ComposeOptions(
                output=output, strength=1.0, shape=1.0, threshold=_options.threshold(threshold), **control.fields()
            )
            call(
                library().derust_compose,
                analysis,
                ctypes.byref(source.image),
                ctypes.byref(options),
                ctypes.byref(target.image),
            )
        target.finish()
        return target.array

    def close(self) -> None:
        """Frees it. Calls in flight end first."""
        self._handle.close()

    def __enter__(self) -> Analysis:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    __reduce__ = refuse_pickling
