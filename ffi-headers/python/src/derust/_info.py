"""What a call says of itself."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, List, Optional

from . import _abi


@dataclass
class CallInfo:
    """What a call says of itself: give one to it as ``info=``, and it is filled when the call succeeds.

    Attributes:
        caution: what makes the judgement less sure: ``"dark"`` (the picture is dark; rust in it is easily missed), or
            `None`.
        wait: seconds that the call waited for others: for a session, for memory, for a network that another call loads.
            This and the three below are together what the call took; for a picture of a batch: from when its turn came.
        reduce: seconds for bringing the picture to the scale at which the network works, and for judging it.
        network: seconds for the networks: to try out and load them where that was not done yet, and to run them.
        compose: seconds for all the rest: alpha, fill, texture, bringing them to the picture's size, writing.
    """

    caution: Optional[str] = None
    wait: float = 0.0
    reduce: float = 0.0
    network: float = 0.0
    compose: float = 0.0


def caution(number: int) -> Optional[str]:
    """The word for a number; one that only a later library knows is that number."""
    return _abi.CAUTIONS.get(number, str(number))


class Told:
    """Where the library tells of one call, or of every picture of a batch."""

    def __init__(self, info: Any, pictures: Optional[int] = None) -> None:
        wanted = CallInfo if pictures is None else list
        if info is not None and not isinstance(info, wanted):
            raise TypeError(f"info must be a {'derust.CallInfo' if pictures is None else 'list'}, not {type(info).__name__}")
        self._info = info
        count = 1 if pictures is None else pictures
        self._told = (_abi.CallInfo * count)(*(_abi.CallInfo() for _ in range(count))) if info is not None else None

    @property
    def pointer(self) -> Any:
        """For the options of a call, as long as this lives."""
        return ctypes.cast(self._told, ctypes.POINTER(_abi.CallInfo)) if self._told else None

    def finish(self) -> None:
        """After the call: tells the caller."""
        if self._told is None:
            return
        infos: List[CallInfo] = [
            CallInfo(
                caution=caution(told.caution),
                wait=told.wait_ns / 1e9,
                reduce=told.reduce_ns / 1e9,
                network=told.network_ns / 1e9,
                compose=told.compose_ns / 1e9,
            )
            for told in self._told
        ]
        if isinstance(self._info, list):
            self._info[:] = infos
        else:
            self._info.__dict__.update(infos[0].__dict__)
