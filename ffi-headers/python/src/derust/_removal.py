"""Taking rust away: the analysis that can be composed again and again."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, Optional, Tuple

import numpy as np

from . import _abi, _options
from ._handle import Handle, refuse_pickling
from ._library import call, library
from ._options import Colour
from ._pixels import Picture, Pixels, gray_input, like_output
from ._watch import Cancel, Progress


class Removal:
    """What a network would change in a picture. Composing from it costs no inference.

    Made by `Engine.analyse_removal`. It keeps a reference to the analysed array (no copy) and reads it again for
    every result: the array must not change meanwhile, or be given again as ``image=``. Any thread may compose; usable
    in a ``with`` block, which frees it.
    """

    def __init__(
        self, pointer: ctypes.c_void_p, image: Picture, mask: Optional[Pixels], layout: Dict[str, Any]
    ) -> None:
        self._handle = Handle("Removal", pointer, library().derust_analysis_free)
        self._image = image
        self._mask = mask
        self._layout = layout

    def compose(
        self,
        strength: float = 1.0,
        *,
        shape: float = 1.0,
        colour: Optional[Colour] = None,
        colour_from: Optional[Tuple[int, int]] = None,
        mask: Optional[np.ndarray] = None,
        out: Optional[np.ndarray] = None,
        image: Optional[Picture] = None,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
    ) -> np.ndarray:
        """The picture without rust; shape, dtype and colour order are the picture's.

        Where nothing is changed the pixels stay bit for bit the same.

        Args:
            strength: 0 (the picture as it was) to 1.
            shape, colour, colour_from: see `Engine.remove`.
            mask: another mask than that of the analysis; see `Engine.remove`.
            out: array to write into, shape and dtype as the picture; may be the picture itself, which then is no
                longer the analysed one.
            image: the analysed picture, if the array that was given has changed.
            progress, cancel, timeout: see `Engine.segment`.

        Raises:
            Error: see its subclasses.
        """
        source = Pixels(self._image if image is None else image, "image", **self._layout)
        given = gray_input(mask, "mask", source.size) or self._mask
        target = like_output(out, source, **self._layout)
        with self._handle.use() as analysis, _options.Control(progress, cancel, timeout) as control:
            options = _abi.ComposeOptions(
                output=_abi.OUTPUT_RESULT,
                mask=None if given is None else ctypes.pointer(given.image),
                **_options.look(strength, shape, colour, colour_from),
                **control.fields(),
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

    def __enter__(self) -> Removal:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    __reduce__ = refuse_pickling
