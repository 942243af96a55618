"""What an engine has: models, devices, the runtime."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import List

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


def models(engine: ctypes.c_void_p) -> List[Model]:
    lib = library()
    pointer = ctypes.c_void_p()
    call(lib.derust_engine_models, engine, ctypes.byref(pointer))
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
