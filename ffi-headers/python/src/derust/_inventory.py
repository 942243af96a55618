"""What an engine has: models, devices, the runtime."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, List

from . import _abi
from ._library import call, library, text


@dataclass(frozen=True)
class Model:
    """A model file.

    Attributes:
        name, version: as the file says; empty where it cannot be read.
        filter: ``"derust"``, ``"segment-rust"`` or ``"unknown"``.
        serves: whether it is used when no name is given.
        origin: its path, or ``"built in"``.
        reason: why it does not serve; empty when it does.
        device: where it runs, such as ``"cpu"`` or ``"cuda:0"``, or is going to be tried.
        placement: how much of it runs there, what runs elsewhere, and why devices that were tried are not used; empty
            before it was used.
        tried: whether it was tried out with this runtime on this device; what was not may turn out not to serve.
        digest: the SHA-256 of its content in hexadecimal digits, as a call may name it behind ``sha256:``; empty where it
            cannot be read.
    """

    name: str
    version: str
    filter: str
    serves: bool
    origin: str
    reason: str
    device: str
    placement: str
    tried: bool
    digest: str


@dataclass(frozen=True)
class Device:
    """Something that networks can run on.

    Attributes:
        kind: ``"cpu"``, ``"cuda"`` or ``"tensorrt"``, as `Engine` takes it.
        name: as its maker calls it; empty for the processor, and where it cannot be used.
        usable: whether an engine can be made for it.
        in_use: whether networks of this engine run there; before one was used: whether the first one is going to be
            tried there.
        reason: why it cannot be used; empty when it can.
    """

    kind: str
    name: str
    usable: bool
    in_use: bool
    reason: str


@dataclass(frozen=True)
class Runtime:
    """The ONNX Runtime that runs the networks of this process: its version and the path of its library."""

    version: str
    path: str


@dataclass(frozen=True)
class Health:
    """What has become of an engine's calls.

    Attributes:
        calls: pictures whose analysis began since the engine was made, each of a batch.
        failures: those that failed, other than by being stopped or by a picture that cannot be judged.
        waiting: calls that wait now for others: for a session, for memory, for a network that another call loads.
    """

    calls: int
    failures: int
    waiting: int


def health(engine: ctypes.c_void_p) -> Health:
    found = _abi.Health()
    call(library().derust_engine_health, engine, ctypes.byref(found))
    return Health(calls=found.calls, failures=found.failures, waiting=found.waiting)


def models(engine: ctypes.c_void_p) -> List[Model]:
    return _models(library().derust_engine_models, engine)


def serving(engine: ctypes.c_void_p) -> List[Model]:
    return _models(library().derust_engine_serving, engine)


def _models(function: Any, engine: ctypes.c_void_p) -> List[Model]:
    lib = library()
    pointer = ctypes.c_void_p()
    call(function, engine, ctypes.byref(pointer))
    try:
        found = []
        for index in range(lib.derust_models_count(pointer)):
            model = _abi.Model()
            call(lib.derust_models_get, pointer, index, ctypes.byref(model))
            found.append(
                Model(
                    name=text(model.name),
                    version=text(model.version),
                    filter=_abi.FILTERS.get(model.filter, "unknown"),
                    serves=bool(model.serves),
                    origin=text(model.origin),
                    reason=text(model.reason),
                    device=text(model.device),
                    placement=text(model.placement),
                    tried=bool(model.tried),
                    digest=text(model.digest),
                )
            )
        return found
    finally:
        lib.derust_models_free(pointer)


def devices(engine: ctypes.c_void_p) -> List[Device]:
    lib = library()
    kinds = {number: kind for kind, number in _abi.DEVICES.items()}
    pointer = ctypes.c_void_p()
    call(lib.derust_engine_devices, engine, ctypes.byref(pointer))
    try:
        found = []
        for index in range(lib.derust_devices_count(pointer)):
            device = _abi.Device()
            call(lib.derust_devices_get, pointer, index, ctypes.byref(device))
            found.append(
                Device(
                    kind=kinds.get(device.device, "unknown"),
                    name=text(device.product),
                    usable=bool(device.usable),
                    in_use=bool(device.in_use),
                    reason=text(device.reason),
                )
            )
        return found
    finally:
        lib.derust_devices_free(pointer)


def runtime(engine: ctypes.c_void_p) -> Runtime:
    found = _abi.Runtime()
    call(library().derust_engine_runtime, engine, ctypes.byref(found))
    # The engine owns the texts; copied while it is in use.
    return Runtime(version=text(found.version), path=text(found.path))
