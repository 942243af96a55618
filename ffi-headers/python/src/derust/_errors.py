"""What can go wrong, as exceptions."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Type

from . import _abi


class Error(Exception):
    """A call failed; the text says what was expected and what came.

    Every exception that derust itself raises is one of these, except a `TypeError` for an object of a wrong type.

    Attributes:
        status: number of the failure, as ``DERUST_ERROR_…`` in ``derust.h``; it never changes its meaning.
            -1 where libderust could not even be loaded.
        name: the number's name, such as ``"DERUST_ERROR_IMAGE"``.
        statuses: of a batch, one number per picture (0: done, -1: not begun), else `None`.
        results: of a batch, one entry per picture (`None` where it failed), else `None`.
    """

    status: int = -1
    name: str = "DERUST_LIBRARY"
    statuses: Optional[List[int]] = None
    results: Optional[List[Any]] = None


class LibraryError(Error):
    """libderust was not found, cannot be loaded, or speaks another ABI than this package."""


class ArgumentError(Error, ValueError):
    """An option is out of its range or unknown."""

    status = _abi.ERROR_ARGUMENT
    name = "DERUST_ERROR_ARGUMENT"


class ImageError(Error, ValueError):
    """An array cannot be a picture: dtype, shape, region or (as an output) a read-only array."""

    status = _abi.ERROR_IMAGE
    name = "DERUST_ERROR_IMAGE"


class FormatError(Error, ValueError):
    """The sizes or dtypes of two arrays of one call do not go together."""

    status = _abi.ERROR_FORMAT
    name = "DERUST_ERROR_FORMAT"


class OverlapError(Error, ValueError):
    """An output shares memory with an input in a way that cannot work; the very same array can."""

    status = _abi.ERROR_OVERLAP
    name = "DERUST_ERROR_OVERLAP"


class ModelError(Error):
    """No usable model of the kind or name, or a model that answers nonsense."""

    status = _abi.ERROR_MODEL
    name = "DERUST_ERROR_MODEL"


class OnnxRuntimeError(Error):
    """ONNX Runtime is missing or unusable, or the network failed in it."""

    status = _abi.ERROR_RUNTIME
    name = "DERUST_ERROR_RUNTIME"


class DeviceError(Error):
    """The device that was asked for cannot be used."""

    status = _abi.ERROR_DEVICE
    name = "DERUST_ERROR_DEVICE"


class MemoryLimitError(Error, MemoryError):
    """The engine's memory limit is too small for this call."""

    status = _abi.ERROR_MEMORY
    name = "DERUST_ERROR_MEMORY"


class Cancelled(Error):
    """The call was stopped; its outputs hold nothing useful, the engine is fine."""

    status = _abi.ERROR_CANCELLED
    name = "DERUST_ERROR_CANCELLED"


class Forked(Error):
    """The engine was made before a fork; make another one in the child."""

    status = _abi.ERROR_FORKED
    name = "DERUST_ERROR_FORKED"


class Reentered(Error):
    """A callback called the engine that was calling it."""

    status = _abi.ERROR_REENTERED
    name = "DERUST_ERROR_REENTERED"


class InternalError(Error):
    """A bug in derust; the engine can still be used."""

    status = _abi.ERROR_INTERNAL
    name = "DERUST_ERROR_INTERNAL"


class UnjudgeableError(Error):
    """The picture cannot be judged, which is not the same as a picture without rust.

    It is gray or next to black, its numbers are not what they are said to be (values far out of range, 10 or 12 bits in
    16), or nothing in it counts; the text says which. ``judge_anyway=True`` looks at it all the same.
    """

    status = _abi.ERROR_UNJUDGEABLE
    name = "DERUST_ERROR_UNJUDGEABLE"


class TimedOut(Error, TimeoutError):
    """The time that the call was given is over; its outputs hold nothing useful, the engine is fine."""

    status = _abi.ERROR_TIMEOUT
    name = "DERUST_ERROR_TIMEOUT"


_BY_STATUS: Dict[int, Type[Error]] = {
    kind.status: kind
    for kind in (
        ArgumentError,
        ImageError,
        FormatError,
        OverlapError,
        ModelError,
        OnnxRuntimeError,
        DeviceError,
        MemoryLimitError,
        Cancelled,
        Forked,
        Reentered,
        InternalError,
        UnjudgeableError,
        TimedOut,
    )
}


def error_for(status: int, name: str, message: str) -> Error:
    """The exception for a status that a library call answered with."""
    error = _BY_STATUS.get(status, Error)(message)
    error.status = status
    error.name = name
    return error
