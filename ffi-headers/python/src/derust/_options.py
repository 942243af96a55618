"""A caller's options, checked and turned into what the library takes.

ctypes cuts numbers to fit and strings at NUL, so whatever could be cut is refused here; the rest is the library's.
"""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from . import _abi
from ._errors import ArgumentError
from ._handle import Handle
from ._info import Told
from ._pixels import Pixels
from ._watch import Cancel, Progress, Watch

#: ``"#rrggbb"``, or red, green and blue, sRGB-encoded, from 0 to 1.
Colour = Union[str, Sequence[float]]


def whole(value: Any, name: str, most: int = 2**32 - 1) -> int:
    """A whole number from 0 to `most`."""
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"{name} must be a whole number, not {type(value).__name__}") from None
    if not 0 <= number <= most:
        raise ArgumentError(f"{name} is {number}; 0 to {most} is possible")
    return int(number)


def number(value: Any, name: str) -> float:
    """A number; the library knows the range."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}") from None


def pace(seconds: Any) -> int:
    """Seconds between looks at the model folders as milliseconds; `None` is never."""
    never = 2**32 - 1
    if seconds is None:
        return never
    given = number(seconds, "watch")
    if not 0.001 <= given <= 1e6:
        raise ArgumentError(f"watch is {given} seconds; 0.001 to 1000000 is possible, or None for never")
    return round(given * 1000)


def seconds(value: Any, name: str) -> int:
    """Seconds as milliseconds, at least one; `None` is not among them."""
    given = number(value, name)
    if not 0 < given <= 4_000_000:
        raise ArgumentError(f"{name} is {given} seconds; above 0 and up to 4000000 is possible, or None for no limit")
    return max(1, round(given * 1000))


def choice(value: Any, name: str, choices: Dict[str, int]) -> int:
    """One of a few words."""
    if value not in choices:
        raise ArgumentError(f"{name} is {value!r}; possible are {', '.join(map(repr, choices))}")
    return choices[value]


def string(value: Any, name: str) -> Optional[bytes]:
    """A text or path as UTF-8; `None` stays."""
    if value is None:
        return None
    try:
        encoded = os.fsencode(value)
    except TypeError:
        raise TypeError(f"{name} must be a string or a path, not {type(value).__name__}") from None
    if b"\0" in encoded:
        raise ArgumentError(f"{name} holds a NUL character: {value!r}")
    return encoded


def strings(values: Any, name: str) -> List[Optional[bytes]]:
    """One text or path, or several, as UTF-8."""
    if isinstance(values, (str, os.PathLike)) or not isinstance(values, Iterable):
        values = [values]
    return [string(value, name) for value in values]


def threshold(value: Any) -> float:
    """The library's 0 stands for the model's own threshold, which here is `None`."""
    if value is None:
        return 0.0
    given = number(value, "threshold")
    if not 0.0 < given < 1.0:
        raise ArgumentError(f"threshold is {given}; above 0 and below 1 is possible, or None for the model's own")
    return given


def device(value: str) -> Tuple[int, int]:
    """``"cuda:1"`` as the kind of device and its number."""
    kind, _, index = str(value).partition(":")
    if kind not in _abi.DEVICES or (index and not index.isdecimal()):
        raise ArgumentError(
            f"device is {value!r}; possible are {', '.join(map(repr, _abi.DEVICES))}, with a number as in 'cuda:1'"
        )
    return _abi.DEVICES[kind], whole(int(index or 0), "the number of the device")


def look(strength: Any, shape: Any, colour: Any, colour_from: Any) -> Dict[str, Any]:
    """How the fill looks: the fields that removing and composing have for it."""
    fields = {"strength": number(strength, "strength"), "shape": number(shape, "shape")}
    if colour is not None and colour_from is not None:
        raise ArgumentError("colour and colour_from are both set; one of them says what the fill is painted in")
    if colour is not None:
        return {**fields, "colour_source": _abi.COLOUR_GIVEN, "colour": _colour(colour)}
    if colour_from is not None:
        try:
            x, y = (whole(part, "colour_from") for part in colour_from)
        except (TypeError, ValueError):
            raise ArgumentError(f"colour_from must be (x, y) in pixels, not {colour_from!r}") from None
        return {**fields, "colour_source": _abi.COLOUR_FROM_IMAGE, "colour_x": x, "colour_y": y}
    return fields


def _colour(colour: Any) -> Any:
    """``"#rrggbb"``, or red, green and blue from 0 to 1."""
    wrong = ArgumentError(f"colour must be '#rrggbb', or red, green and blue from 0 to 1, not {colour!r}")
    if isinstance(colour, str):
        if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
            raise wrong
        parts = [value / 255 for value in bytes.fromhex(colour[1:])]
    else:
        try:
            parts = [float(part) for part in colour]
        except (TypeError, ValueError):
            raise wrong from None
    if len(parts) != 3:
        raise wrong
    return (ctypes.c_float * 3)(*parts)


class Control:
    """Progress, cancel and timeout of one call, as its options carry them."""

    def __init__(self, progress: Any, cancel: Any, timeout: Any) -> None:
        if cancel is not None and not isinstance(cancel, Cancel):
            raise TypeError(f"cancel must be a derust.Cancel, not {type(cancel).__name__}")
        if progress is not None and not callable(progress):
            raise TypeError(f"progress must be a function of one number, not {type(progress).__name__}")
        self._timeout_ms = 0 if timeout is None else seconds(timeout, "timeout")
        self._progress: Optional[Progress] = progress
        self._cancel: Optional[Handle] = cancel._handle if cancel is not None else None
        self._cancel_use: Any = None
        self._pointer: Optional[ctypes.c_void_p] = None

    def __enter__(self) -> Control:
        if self._cancel is not None:
            self._cancel_use = self._cancel.use()
            self._pointer = self._cancel_use.__enter__()
        # Last, since only `__exit__` ends it.
        self._watch = Watch(self._progress)
        return self

    def __exit__(self, kind: Any, error: Optional[BaseException], trace: Any) -> None:
        if self._cancel_use is not None:
            self._cancel_use.__exit__(None, None, None)
        self._watch.end(error)

    def fields(self) -> Dict[str, Any]:
        """The fields that every options struct has for them."""
        return {
            "progress": self._watch.callback,
            "progress_user_data": self._watch.user_data,
            "cancel": self._pointer,
            "timeout_ms": self._timeout_ms,
        }


def segment(
    control: Control,
    *,
    model: Any = None,
    scale: str = "model",
    threshold_: Any = None,
    contours: bool = False,
    judge_anyway: bool = False,
    told: Optional[Told] = None,
) -> _abi.SegmentOptions:
    return _abi.SegmentOptions(
        model=string(model, "model"),
        scale=choice(scale, "scale", _abi.SCALES),
        threshold=threshold(threshold_),
        contours=int(bool(contours)),
        judge_anyway=int(bool(judge_anyway)),
        info=None if told is None else told.pointer,
        **control.fields(),
    )


def remove(
    control: Control,
    *,
    model: Any = None,
    scale: str = "model",
    mask: Optional[Pixels] = None,
    mask_mode: str = "limit",
    strength: Any = 1.0,
    shape: Any = 1.0,
    colour: Any = None,
    colour_from: Any = None,
    plain_fill: bool = False,
    judge_anyway: bool = False,
    told: Optional[Told] = None,
) -> _abi.RemoveOptions:
    return _abi.RemoveOptions(
        model=string(model, "model"),
        scale=choice(scale, "scale", _abi.SCALES),
        mask=None if mask is None else ctypes.pointer(mask.image),
        mask_mode=choice(mask_mode, "mask_mode", _abi.MASK_MODES),
        plain_fill=int(bool(plain_fill)),
        judge_anyway=int(bool(judge_anyway)),
        info=None if told is None else told.pointer,
        **look(strength, shape, colour, colour_from),
        **control.fields(),
    )
