"""NumPy arrays as pictures of the library, without a copy wherever the layout allows."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi
from ._camera import CameraFrame
from ._errors import ArgumentError, FormatError, ImageError

#: x, y, width, height in pixels.
Rectangle = Tuple[int, int, int, int]
#: What can be looked at.
Picture = Union[np.ndarray, CameraFrame]
#: A part of a picture: a rectangle, or a gray array of the picture's size that is 0 where pixels do not count.
Region = Union[Rectangle, np.ndarray]

_DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "float32"))
_MOST = 2**32 - 1


class Pixels:
    """An array, and the ``derust_image`` that describes its memory for the length of a call.

    Arrays are borrowed as they are when their pixels' channels lie together: any distance between rows, also upside
    down, and any positive distance between columns. Other layouts (planar, mirrored columns, swapped bytes, rows
    that repeat) are worked on in a copy; `finish` brings an output's copy back.
    """

    def __init__(
        self,
        array: Picture,
        what: str,
        *,
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        region: Optional[Region] = None,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        output: bool = False,
    ) -> None:
        self.frame = array if isinstance(array, CameraFrame) else None
        if self.frame is not None and not output:
            self.array = self.memory = self.frame._memory
            self._bring_back = False
            self.image = self.frame._describe()
        else:
            self._borrow(array, what, rgb, output)
        if linear and transfer not in (None, "linear"):
            raise ArgumentError(f"linear is set and transfer is {transfer!r}; one of them says how values encode light")
        self.image.transfer = _choice(transfer or ("linear" if linear else "srgb"), "transfer", _abi.TRANSFERS)
        self.image.primaries = _choice(primaries, "primaries", _abi.PRIMARIES)
        self.image.alpha = _abi.ALPHA_PREMULTIPLIED if premultiplied else _abi.ALPHA_STRAIGHT
        self.size = (self.image.width, self.image.height)
        # An output's values mean what the picture's do, and it changes where the picture's pixels count.
        self._kept: Any = None
        if not output:
            self._set_meaning(white, icc, what)
        if isinstance(region, np.ndarray):
            if not output:
                self._kept = (self._kept, gray_input(region, "region", self.size))
                self.image.region_mask = ctypes.pointer(self._kept[1].image)
        elif region is not None:
            self._set_region(region, what)

    def _borrow(self, array: Any, what: str, rgb: bool, output: bool) -> None:
        check(array, what)
        if output and not array.flags.writeable:
            raise ImageError(f"{what} is read-only; an output needs an array that can be written")
        self.array = array
        borrowed = _is_borrowable(array)
        self.memory = array if borrowed else np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
        if not borrowed and self.memory is array:
            self.memory = array.copy()
        self._bring_back = output and not borrowed
        self.image = _describe(self.memory, "rgb" if rgb else "bgr")

    def _set_meaning(self, white: Optional[float], icc: Optional[bytes], what: str) -> None:
        if white is not None:
            try:
                self.image.white_level = float(white)
            except (TypeError, ValueError):
                raise TypeError(f"white must be a number, not {type(white).__name__}") from None
            if not self.image.white_level > 0:
                raise ArgumentError(f"white is {white}; it is above 0")
        if icc is not None:
            if not isinstance(icc, (bytes, bytearray, memoryview)):
                raise TypeError(f"icc must be the bytes of a profile, not {type(icc).__name__}")
            self._kept = bytes(icc)
            if not self._kept:
                raise ArgumentError("icc is empty; None stands for no profile")
            self.image.icc_profile = self._kept
            self.image.icc_profile_size = len(self._kept)

    def _set_region(self, region: Rectangle, what: str) -> None:
        try:
            x, y, width, height = (int(number) for number in region)
        except (TypeError, ValueError):
            raise ImageError(f"region must be (x, y, width, height) in pixels, not {region!r}") from None
        if min(x, y) < 0 or min(width, height) < 1 or x + width > self.size[0] or y + height > self.size[1]:
            raise ImageError(
                f"the region of {width} x {height} pixels at {x}, {y} does not lie in {what} "
                f"of {self.size[0]} x {self.size[1]}"
            )
        self.image.region_x, self.image.region_y = x, y
        self.image.region_width, self.image.region_height = width, height
        self.size = (width, height)

    def finish(self) -> None:
        """After the call: brings what was written into a copy back into the array."""
        if self._bring_back:
            np.copyto(self.array, self.memory)


def _choice(word: Any, name: str, choices: Dict[str, int]) -> int:
    if word not in choices:
        raise ArgumentError(f"{name} is {word!r}; possible are {', '.join(map(repr, choices))}")
    return choices[word]


def check(array: Any, what: str) -> None:
    """Refuses what cannot be a picture.

    Raises:
        TypeError: not an array.
        ImageError: its dtype or shape.
    """
    if not isinstance(array, np.ndarray):
        if array is None:
            raise TypeError(f"{what} is None, not an array; cv2.imread answers None for a file that it cannot read")
        raise TypeError(f"{what} must be a numpy.ndarray, not {type(array).__name__}")
    if array.dtype.newbyteorder("=") not in _DTYPES:
        raise ImageError(f"{what} has dtype {array.dtype}; uint8, uint16 or float32 (black 0, white 1) is needed")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"{what} has shape {array.shape}; (height, width), or (height, width, channels) with 1, 3 or 4 channels, "
            "is needed"
        )
    if 0 in array.shape:
        raise ImageError(f"{what} has shape {array.shape}, there is nothing in it")
    if max(array.shape[:2]) > _MOST:
        raise ImageError(f"{what} has shape {array.shape}; {_MOST} rows and columns are the most")


def _is_borrowable(array: np.ndarray) -> bool:
    """Whether ``derust_image`` can describe the array's memory as it is."""
    if not array.dtype.isnative:
        return False
    height, width = array.shape[:2]
    channels = array.shape[2] if array.ndim == 3 else 1
    if channels > 1 and array.strides[2] != array.itemsize:
        return False
    pixel = channels * array.itemsize
    pixel_stride = array.strides[1] if width > 1 else pixel
    row = (width - 1) * pixel_stride + pixel
    return pixel <= pixel_stride <= _MOST and (height == 1 or abs(array.strides[0]) >= row)


def _describe(array: np.ndarray, order: str) -> _abi.Image:
    height, width = array.shape[:2]
    channels = array.shape[2] if array.ndim == 3 else 1
    pixel = channels * array.itemsize
    # NumPy leaves the strides of single rows and columns undefined.
    pixel_stride = array.strides[1] if width > 1 else pixel
    row = (width - 1) * pixel_stride + pixel
    row_stride = array.strides[0] if height > 1 else row
    # The buffer is just what the pixels span; upside down, its start is the first pixel of the last row.
    offset = max(0, -row_stride * (height - 1))
    return _abi.Image(
        format=_abi.FORMAT[channels, order, array.dtype.name],
        data=array.__array_interface__["data"][0] - offset,
        data_size=abs(row_stride) * (height - 1) + row,
        offset=offset,
        width=width,
        height=height,
        row_stride=row_stride,
        pixel_stride=pixel_stride,
    )


def gray_output(given: Any, what: str, size: Tuple[int, int], dtype: Any) -> Optional[Pixels]:
    """The gray output that a caller asks for: none (`False`), a new one (`True`), or an array of theirs."""
    if given is None or given is False:
        return None
    if given is True:
        return Pixels(np.empty((size[1], size[0]), dtype), what, output=True)
    pixels = Pixels(given, what, output=True)
    check_size(pixels, what, size)
    return pixels


def check_size(pixels: Pixels, what: str, size: Tuple[int, int]) -> None:
    """Refuses a gray picture that has colours or another size (width, height)."""
    if pixels.array.ndim == 3 and pixels.array.shape[2] != 1:
        raise FormatError(f"{what} has shape {pixels.array.shape}; it must be gray: {(size[1], size[0])}")
    if pixels.size != size:
        raise FormatError(
            f"{what} has {pixels.size[0]} x {pixels.size[1]} pixels; {size[0]} x {size[1]} are needed, as in the "
            "picture or its region"
        )


def like_output(out: Optional[np.ndarray], source: Pixels, **layout: Any) -> Pixels:
    """The output of a call whose result is like the picture: a new array, or the caller's.

    For a camera's frame it has colours, and the size of the region.
    """
    region = layout.get("region")
    if source.frame is not None:
        return _developed_output(out, source, layout)
    if out is None:
        out = np.empty(source.array.shape, source.array.dtype.newbyteorder("="))
        if region is not None and not isinstance(region, np.ndarray):
            np.copyto(out, source.array)
    else:
        check(out, "out")
        if out.shape != source.array.shape or out.dtype.newbyteorder("=") != source.array.dtype.newbyteorder("="):
            raise FormatError(
                f"out has shape {out.shape} and dtype {out.dtype}; the picture has {source.array.shape} and "
                f"{source.array.dtype}, they must be alike"
            )
        # In place there is nothing to copy, and other overlaps are the library's to refuse.
        rectangle = region is not None and not isinstance(region, np.ndarray)
        if rectangle and not np.shares_memory(out, source.array):
            np.copyto(out, source.array)
    return Pixels(out, "out", output=True, **layout)


def _developed_output(out: Optional[np.ndarray], source: Pixels, layout: Dict[str, Any]) -> Pixels:
    width, height = source.size
    dtype = source.array.dtype
    if out is None:
        out = np.empty((height, width, 3), dtype)
    check(out, "out")
    if out.shape[:2] != (height, width) or out.ndim != 3 or out.dtype.newbyteorder("=") != dtype:
        raise FormatError(
            f"out has shape {out.shape} and dtype {out.dtype}; for this frame it must be {(height, width, 3)} and {dtype}"
        )
    return Pixels(out, "out", output=True, **{**layout, "region": None})


def gray_input(mask: Any, what: str, size: Tuple[int, int]) -> Optional[Pixels]:
    """A caller's mask; one of dtype bool becomes 0 and 255."""
    if mask is None:
        return None
    if isinstance(mask, np.ndarray) and mask.dtype == np.bool_:
        mask = mask.astype(np.uint8) * np.uint8(255)
    pixels = Pixels(mask, what)
    check_size(pixels, what, size)
    return pixels


def pointers(images: Sequence[Optional[Pixels]]) -> Any:
    """The array of pointers that batches take."""
    kind = ctypes.POINTER(_abi.Image)
    array = (kind * len(images))()
    for index, image in enumerate(images):
        if image is not None:
            array[index] = ctypes.pointer(image.image)
    return array
