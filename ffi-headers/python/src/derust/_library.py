"""Finding, loading and checking libderust, and turning its errors into exceptions."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path
from typing import Any, Iterator, List, NoReturn, Tuple

from . import _abi
from ._errors import LibraryError, error_for

if sys.platform == "darwin":
    FILE_NAME = f"libderust.{_abi.ABI}.dylib"
elif sys.platform == "win32":
    FILE_NAME = "derust.dll"
else:
    FILE_NAME = f"libderust.so.{_abi.ABI}"

_PACKAGE = Path(__file__).resolve().parent


def candidates() -> Iterator[Path]:
    """The files that may be the library, in the order of their rank, whether they exist or not."""
    # In a wheel the library is part of the package.
    yield _PACKAGE / "_lib" / FILE_NAME
    # In an install prefix the package's source is share/derust/python.
    for folder in _PACKAGE.parents:
        if folder.parts[-3:] == ("share", "derust", "python"):
            yield folder.parents[2] / "lib" / FILE_NAME
    yield Path(sys.prefix) / "lib" / FILE_NAME


def _open() -> Tuple[ctypes.CDLL, str]:
    named = os.environ.get("DERUST_LIBRARY")
    if named:
        return _load(os.path.abspath(named), "DERUST_LIBRARY names it; correct the variable or unset it"), named
    for path in candidates():
        if path.is_file():
            return _load(str(path), "install derust again"), str(path)
    try:
        return ctypes.CDLL(FILE_NAME), FILE_NAME
    except OSError as error:
        looked_at: List[str] = [str(path) for path in candidates()]
        raise LibraryError(
            f"{FILE_NAME} was not found: set DERUST_LIBRARY to its path, or install the wheel that carries it; "
            f"looked at {', '.join(looked_at)} and where the system's loader looks ({error})"
        ) from None


def _load(path: str, remedy: str) -> ctypes.CDLL:
    try:
        # CDLL releases the GIL around every call.
        return ctypes.CDLL(path)
    except OSError as error:
        raise LibraryError(f"{path} cannot be loaded: {error}; {remedy}") from None


def _bind(library: Any, origin: str) -> Any:
    """Checks the ABI's number and declares every function's types."""
    try:
        library.derust_abi_version.restype = ctypes.c_uint32
        library.derust_abi_version.argtypes = []
        abi = library.derust_abi_version()
    except AttributeError:
        raise LibraryError(f"{origin} is not libderust: it has no derust_abi_version") from None
    if abi != _abi.ABI:
        older, remedy = (
            ("the library", "update libderust") if abi < _abi.ABI else ("this package", "update the Python package")
        )
        raise LibraryError(
            f"{origin} has ABI {abi}, the Python package derust needs ABI {_abi.ABI}: {older} is older; {remedy}"
        )
    for name, (result, arguments) in _abi.FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryError(
                f"{origin} lacks {name}: the library is older than this package; update libderust"
            ) from None
        function.restype = result
        function.argtypes = arguments
    return library


@functools.lru_cache(maxsize=None)
def library() -> Any:
    """libderust, loaded once per process.

    Raises:
        LibraryError: it was not found, cannot be loaded, or does not go with this package.
    """
    opened, origin = _open()
    return _bind(opened, origin)


def text(value: Any) -> str:
    """A string out of the library; `None` is the empty one."""
    return value.decode("utf-8", "replace") if value else ""


def fail(status: int, error: ctypes.c_void_p) -> NoReturn:
    """Raises the exception for a call that failed, and frees the call's error object."""
    lib = library()
    try:
        message = text(lib.derust_error_message(error)) if error else ""
    finally:
        lib.derust_error_free(error)
    name = text(lib.derust_status_name(status))
    raise error_for(status, name, message or name)


def call(function: Any, *arguments: Any) -> None:
    """Calls a function whose last parameter is ``derust_error **``; raises when it fails."""
    error = ctypes.c_void_p()
    status = function(*arguments, ctypes.byref(error))
    if status != _abi.OK:
        fail(status, error)
