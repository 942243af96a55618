"""``python -m derust``: what this installation has, and whether it works."""

from __future__ import annotations

import sys

import derust
from derust._library import library


def main() -> int:
    print(f"derust {derust.__version__} (Python package)")
    try:
        print(f"libderust {derust.version}: {library()._name}")
        with derust.Engine() as engine:
            runtime = engine.runtime()
            print(f"ONNX Runtime {runtime.version}: {runtime.path}")
            print("devices:")
            for device in engine.devices():
                state = "in use" if device.in_use else "usable" if device.usable else f"not usable: {device.reason}"
                print(f"  {device.kind}: {device.name or device.kind} ({state})")
            print("models:")
            for model in engine.models():
                state = f"serves on {model.device}" if model.serves else f"idle: {model.reason}"
                print(f"  {model.name or '?'} {model.version} [{model.filter}], {model.origin} ({state})")
    except derust.Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
