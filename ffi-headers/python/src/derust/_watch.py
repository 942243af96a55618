"""Watching a call and stopping it."""

from __future__ import annotations

import atexit
import ctypes
import threading
import time
from types import GeneratorType
from typing import Any, Callable, Generator, Optional, Set

from . import _abi
from ._errors import Cancelled
from ._handle import Handle, refuse_pickling
from ._library import call, library

#: Told what part of the work is done, 0 to 1; `False` as the answer stops the call.
Progress = Callable[[float], Any]


class Cancel:
    """Stops calls from another thread.

    Give it to a call as ``cancel=`` and `request` from anywhere: the call ends within one tile of the picture with
    `Cancelled`. A request holds for every later call with the same object until `reset`.
    """

    def __init__(self) -> None:
        lib = library()
        pointer = ctypes.c_void_p()
        call(lib.derust_cancel_create, ctypes.byref(pointer))
        self._handle = Handle("Cancel", pointer, lib.derust_cancel_free)

    def request(self) -> None:
        """Stops the calls that have this object, and every later one."""
        with self._handle.use() as pointer:
            library().derust_cancel_request(pointer)

    def reset(self) -> None:
        """Takes the request back, for calls to come."""
        with self._handle.use() as pointer:
            library().derust_cancel_reset(pointer)

    __reduce__ = refuse_pickling


# The callback is the C method `generator.send`, called as send(generator, done). A Python function would lose a
# KeyboardInterrupt that comes up as it is entered; the generator waits inside of its `try`.
_SEND = _abi.ProgressCallback(GeneratorType.send)
_NO_CALLBACK = _abi.ProgressCallback()

# The watches of calls that are going on, and whether the interpreter is ending.
_active: Set[Watch] = set()
_ending = False


@atexit.register
def _stop_all() -> None:
    """Ends the calls of daemon threads: a callback into an interpreter that is gone would bring the process down."""
    global _ending
    _ending = True
    limit = time.monotonic() + 10
    while _active and time.monotonic() < limit:
        time.sleep(0.001)


class Watch:
    """The progress callback of one call.

    Exceptions cannot pass through the library: they stop the call and come out of `end` instead. In the main
    thread this is how Ctrl-C ends a call, so there a watch is set even when nobody asked for progress.
    """

    def __init__(self, progress: Optional[Progress]) -> None:
        self.caught: Optional[BaseException] = None
        self._stopped_by_exit = False
        self._generator: Optional[Generator[int, float, None]] = None
        wanted = progress is not None or threading.current_thread() is threading.main_thread()
        if wanted and not _ending:
            self._generator = self._run(progress)
            next(self._generator)
            _active.add(self)

    @property
    def callback(self) -> Any:
        return _NO_CALLBACK if self._generator is None else _SEND

    @property
    def user_data(self) -> Optional[int]:
        return None if self._generator is None else id(self._generator)

    def _run(self, progress: Optional[Progress]) -> Generator[int, float, None]:
        stop = 0
        while True:
            try:
                while True:
                    done = yield stop
                    if _ending:
                        self._stopped_by_exit, stop = True, 1
                    if progress is not None and not stop and progress(done) is False:
                        stop = 1
            except GeneratorExit:
                return
            except BaseException as error:
                stop = 1
                self.caught = self.caught or error

    def end(self, error: Optional[BaseException]) -> None:
        """Raises what the callback raised, if anything; else lets `error` be."""
        _active.discard(self)
        if self._stopped_by_exit:
            # Like any daemon thread it never sees its interpreter again.
            threading.Event().wait()
        if self.caught is not None and (error is None or isinstance(error, Cancelled)):
            caught, self.caught = self.caught, None
            raise caught from None
