"""Writes the weights of a PyTorch file as safetensors, with Python's standard library alone.

    python3 pretrained.py WEIGHTS.pth WEIGHTS.safetensors

Reads the form that torch.save wrote before version 1.6: five pickles, then the numbers of each storage. What the pickles
may name is listed below, so that a file from elsewhere runs no code.
"""

import array
import json
import pathlib
import pickle
import struct
import sys
from collections import OrderedDict

MAGIC = 0x1950A86A20F9469CFC6C


class FloatStorage:
    """Stands for four-byte floats in what the file names as types of storages."""


def tensor(storage, offset, size, stride, requires_grad, hooks, metadata=None):
    return {"storage": storage, "offset": offset, "size": list(size), "stride": list(stride)}


def values(tensor, numbers):
    """The bytes of a tensor with its last index running fastest, however it lies in its storage."""
    source = memoryview(numbers[tensor["storage"]["key"]]).cast("f")
    places = [tensor["offset"]]
    for length, step in zip(tensor["size"], tensor["stride"]):
        places = [place + i * step for place in places for i in range(length)]
    return array.array("f", (source[place] for place in places)).tobytes()


ALLOWED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): tensor,
    ("torch", "FloatStorage"): FloatStorage,
    ("torch", "LongStorage"): None,
}


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the file names {module}.{name}, which no weights need")
        return ALLOWED[module, name]

    def persistent_load(self, identity):
        _, kind, key, _, count, *_ = identity
        return {"key": key, "is_float": kind is FloatStorage, "count": count}


def read(path):
    with open(path, "rb") as file:
        if Reader(file).load() != MAGIC:
            raise ValueError(f"{path} was not written by torch.save before version 1.6")
        Reader(file).load()
        Reader(file).load()
        tensors = Reader(file).load()
        storages = {storage["key"]: storage for storage in (t["storage"] for t in tensors.values())}
        numbers = {}
        for key in Reader(file).load():
            (count,) = struct.unpack("<q", file.read(8))
            size = 4 if storages[key]["is_float"] else 8
            numbers[key] = file.read(count * size)
            if len(numbers[key]) != count * size:
                raise ValueError(f"{path} ends inside of storage {key}")
    return tensors, numbers


def write(path, tensors, numbers):
    header, data = {}, bytearray()
    for name, tensor in tensors.items():
        # Counters of batches are whole numbers, and of no use.
        if not tensor["storage"]["is_float"]:
            continue
        begin = len(data)
        data += values(tensor, numbers)
        header[name] = {"dtype": "F32", "shape": tensor["size"], "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    partial = pathlib.Path(f"{path}.partial")
    partial.write_bytes(struct.pack("<Q", len(text)) + text + data)
    partial.rename(path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write(sys.argv[2], *read(sys.argv[1]))
