"""Frames as cameras and decoders give them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _abi
from ._errors import ArgumentError, ImageError

_PLANES = ("nv12", "nv21", "i420")
_PAIRS = ("yuyv", "uyvy")


class CameraFrame:
    """A camera's frame, in place of a picture: ``engine.segment(derust.CameraFrame(array, "nv12"))``.

    It is only read; results are new arrays with colours, of the frame's size or that of its region. The array is laid out as
    OpenCV's cvtColor takes it, and borrowed as it is.

    Args:
        array: of ``"nv12"``, ``"nv21"`` and ``"i420"`` uint8 of shape (height * 3 / 2, width); of ``"yuyv"`` and ``"uyvy"`` uint8
            of shape (height, width, 2); of ``"bayer_rggb"``, ``"bayer_bggr"``, ``"bayer_grbg"`` and ``"bayer_gbrg"`` uint8 or
            uint16 of shape (height, width). The letters are the filters of the first two pixels of the first two rows (OpenCV
            names those of the second and third column, so that its BayerBG is ``"bayer_rggb"``); white has to be balanced.
        format: one of these.
        matrix: what Y, Cb and Cr are made of: ``"bt601"`` (webcams, JPEG), ``"bt709"`` (HD video) or ``"bt2020"``.
        full_range: whether they use all numbers from 0 to 255, and not those from 16 to 235 or 240 alone.

    Raises:
        TypeError: not an array.
        ArgumentError: an unknown word.
        ImageError: the array cannot be such a frame.
    """

    def __init__(
        self, array: np.ndarray, format: str, *, matrix: str = "bt601", full_range: bool = False
    ) -> None:
        for value, name, known in ((format, "format", _abi.CAMERA_FORMATS), (matrix, "matrix", _abi.MATRICES)):
            if value not in known:
                raise ArgumentError(f"{name} is {value!r}; possible are {', '.join(map(repr, known))}")
        if not isinstance(array, np.ndarray):
            raise TypeError(f"a frame must be a numpy.ndarray, not {type(array).__name__}")
        planes, pairs = format in _PLANES, format in _PAIRS
        dtypes = ("uint8",) if planes or pairs else ("uint8", "uint16")
        if array.dtype.name not in dtypes or not array.dtype.isnative:
            raise ImageError(f"a frame of {format} has dtype {' or '.join(dtypes)}, not {array.dtype}")
        fits = array.ndim == 3 and array.shape[2] == 2 if pairs else array.ndim == 2
        if not fits or 0 in array.shape or (planes and (array.shape[0] % 3 or array.shape[1] % 2)):
            shape = (
                "(height * 3 / 2, width), both even" if planes else "(height, width, 2)" if pairs else "(height, width)"
            )
            raise ImageError(f"a frame of {format} has the shape {shape}, not {array.shape}")
        #: Height and width of the picture.
        self.shape = (array.shape[0] // 3 * 2 if planes else array.shape[0], array.shape[1])
        self.dtype = array.dtype
        pixel = array[0, 0].nbytes
        whole_rows = array.flags.c_contiguous if planes else self._has_whole_rows(array, pixel)
        self._memory = array if whole_rows else np.ascontiguousarray(array)
        self._format = _abi.CAMERA_FORMATS[format] + (1 if array.dtype.itemsize == 2 else 0)
        self._matrix = _abi.MATRICES[matrix]
        self._range = int(bool(full_range))

    @staticmethod
    def _has_whole_rows(array: np.ndarray, pixel: int) -> bool:
        """Whether a row's values follow one another, and rows do not turn upside down."""
        last = array.ndim == 2 or array.strides[2] == array.itemsize
        return last and array.strides[1] == pixel and array.strides[0] >= pixel * array.shape[1]

    def _describe(self) -> Any:
        memory = self._memory
        height, width = self.shape
        row = width * memory[0, 0].nbytes
        row_stride = memory.strides[0] if memory.shape[0] > 1 else row
        if self._format in (_abi.CAMERA_FORMATS["yuyv"], _abi.CAMERA_FORMATS["uyvy"]):
            if width % 2:
                raise ImageError(f"a frame of pairs has an even width, not {width}")
        return _abi.Image(
            format=self._format,
            data=memory.__array_interface__["data"][0],
            data_size=row_stride * (memory.shape[0] - 1) + row,
            width=width,
            height=height,
            row_stride=row_stride,
            matrix=self._matrix,
            range=self._range,
        )
