"""Objects of the library that Python owns."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import threading
import weakref
from typing import Any, Callable, Iterator, List, NoReturn, Optional

from ._errors import ArgumentError, Forked


class Handle:
    """Owns one object of the library and frees it once, after the last call that uses it.

    Any thread may `close` it while others work with it. What `keep` refers to lives as long as the object.
    """

    def __init__(self, what: str, pointer: ctypes.c_void_p, free: Callable[[Any], None], keep: Any = None) -> None:
        self.what = what
        self.pid = os.getpid()
        self._pointer: Optional[ctypes.c_void_p] = pointer
        self._users = 0
        self._lock = threading.Lock()
        # Not a method of this object: a finalizer must not keep alive what it waits for.
        self._free = weakref.finalize(self, _free_in, self.pid, free, pointer, [keep])
        # At the end of the interpreter a thread may still use it; `_close_all` heeds that.
        self._free.atexit = False
        _open.add(self)

    @property
    def closed(self) -> bool:
        return self._pointer is None

    @contextlib.contextmanager
    def use(self) -> Iterator[ctypes.c_void_p]:
        """The pointer, for one call."""
        if os.getpid() != self.pid:
            # Said without the lock: a thread that the fork did not copy may hold it.
            raise Forked(f"this derust.{self.what} was made before a fork(); make a new one in this process")
        with self._lock:
            if self._pointer is None:
                raise ArgumentError(f"this derust.{self.what} is closed")
            pointer = self._pointer
            self._users += 1
        try:
            yield pointer
        finally:
            with self._lock:
                self._users -= 1
                last = self._pointer is None and self._users == 0
            if last:
                self._free()

    def close(self) -> None:
        """Frees the object now, or when the calls that use it have ended."""
        if os.getpid() != self.pid:
            self._free.detach()
            return
        with self._lock:
            self._pointer = None
            idle = self._users == 0
        if idle:
            self._free()


_open: weakref.WeakSet[Handle] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Frees what is left, so that no thread of the library calls into an interpreter that is gone."""
    for handle in list(_open):
        handle.close()


def _free_in(pid: int, free: Callable[[Any], None], pointer: ctypes.c_void_p, keep: List[Any]) -> None:
    # A forked child owns nothing: the parent frees.
    if os.getpid() == pid:
        free(pointer)
    keep.clear()


@contextlib.contextmanager
def freed_on_failure(free: Callable[[Any], None], *pointers: ctypes.c_void_p) -> Iterator[None]:
    """Frees what a call has made when the call is then given up, such as by Ctrl-C in its last callback."""
    try:
        yield
    except BaseException:
        for pointer in pointers:
            free(pointer)
        raise


def refuse_pickling(self: Any) -> NoReturn:
    """``__reduce__`` of everything that lives in one process only."""
    name = type(self).__name__
    raise TypeError(f"a derust.{name} cannot be pickled or copied; make one in each process and share it among threads")
