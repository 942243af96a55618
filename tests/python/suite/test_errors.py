"""Every wrong call says what was expected and what came."""

import re

import numpy as np
import pytest
from conftest import MODELS

import derust

STATUSES = {
    "ArgumentError": (1, ValueError),
    "ImageError": (2, ValueError),
    "FormatError": (3, ValueError),
    "OverlapError": (4, ValueError),
    "ModelError": (5, Exception),
    "OnnxRuntimeError": (6, Exception),
    "DeviceError": (7, Exception),
    "MemoryLimitError": (8, MemoryError),
    "Cancelled": (9, Exception),
    "Forked": (10, Exception),
    "Reentered": (11, Exception),
    "InternalError": (12, Exception),
    "UnjudgeableError": (13, Exception),
    "TimedOut": (14, TimeoutError),
}


@pytest.mark.parametrize("kind", STATUSES)
def test_the_numbers_are_those_of_the_library(kind):
    from derust._library import library

    error = getattr(derust, kind)
    status, base = STATUSES[kind]
    assert issubclass(error, derust.Error) and issubclass(error, base)
    assert error.status == status
    assert library().derust_status_name(status).decode() == error.name


def raises(kind, text):
    return pytest.raises(kind, match="^" + re.escape(text) if text else None)


IMAGE = np.zeros((20, 30, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "kind", "text"),
    [
        (None, TypeError, "image is None, not an array; cv2.imread answers None for a file that it cannot read"),
        ([[1, 2], [3, 4]], TypeError, "image must be a numpy.ndarray, not list"),
        (IMAGE.astype(np.int32), derust.ImageError, "image has dtype int32; uint8, uint16 or float32"),
        (IMAGE.astype(np.float64), derust.ImageError, "image has dtype float64; uint8, uint16 or float32"),
        (IMAGE > 0, derust.ImageError, "image has dtype bool; uint8, uint16 or float32"),
        (IMAGE.astype(object), derust.ImageError, "image has dtype object; uint8, uint16 or float32"),
        (IMAGE[0, 0], derust.ImageError, "image has shape (3,); (height, width), or (height, width, channels)"),
        (IMAGE[None], derust.ImageError, "image has shape (1, 20, 30, 3); (height, width), or"),
        (IMAGE[..., :2], derust.ImageError, "image has shape (20, 30, 2); (height, width), or"),
        (IMAGE[:0], derust.ImageError, "image has shape (0, 30, 3), there is nothing in it"),
    ],
)
def test_what_is_no_picture(engine, image, kind, text):
    for call in (engine.segment, engine.remove, engine.analyse, engine.analyse_removal):
        with raises(kind, text):
            call(image)
    for call in (engine.segment_batch, engine.remove_batch):
        with raises(kind, text.replace("image", "images[1]", 1)):
            call([IMAGE, image])


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"threshold": 0}, derust.ArgumentError, "threshold is 0.0; above 0 and below 1 is possible"),
        ({"threshold": 1.5}, derust.ArgumentError, "threshold is 1.5; above 0 and below 1 is possible"),
        ({"threshold": float("nan")}, derust.ArgumentError, "threshold is nan; above 0 and below 1"),
        ({"threshold": "much"}, TypeError, "threshold must be a number, not str"),
        ({"scale": "huge"}, derust.ArgumentError, "scale is 'huge'; possible are 'model', 'native'"),
        ({"model": 7}, TypeError, "model must be a string or a path, not int"),
        ({"model": "a\0b"}, derust.ArgumentError, "model holds a NUL character: 'a\\x00b'"),
        ({"region": (0, 0, 31, 20)}, derust.ImageError, "the region of 31 x 20 pixels at 0, 0 does not lie in image of"),
        ({"region": (-1, 0, 5, 5)}, derust.ImageError, "the region of 5 x 5 pixels at -1, 0 does not lie in"),
        ({"region": (1, 2, 3)}, derust.ImageError, "region must be (x, y, width, height) in pixels, not (1, 2, 3)"),
        ({"mask": np.zeros((20, 31), np.uint8)}, derust.FormatError, "mask has 31 x 20 pixels; 30 x 20 are needed"),
        ({"mask": IMAGE.copy()}, derust.FormatError, "mask has shape (20, 30, 3); it must be gray: (20, 30)"),
        ({"mask": np.zeros((20, 30))}, derust.ImageError, "mask has dtype float64; uint8, uint16 or float32"),
        ({"mask": "yes"}, TypeError, "mask must be a numpy.ndarray, not str"),
        ({"probability": np.zeros((5, 5), np.float32)}, derust.FormatError, "probability has 5 x 5 pixels; 30 x 20"),
        ({"progress": 3}, TypeError, "progress must be a function of one number, not int"),
        ({"cancel": True}, TypeError, "cancel must be a derust.Cancel, not bool"),
    ],
)
def test_wrong_options_for_segment(engine, options, kind, text):
    with raises(kind, text):
        engine.segment(IMAGE, **options)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        (
            {"out": np.zeros((20, 31, 3), np.uint8)},
            derust.FormatError,
            "out has shape (20, 31, 3) and dtype uint8; the picture has (20, 30, 3) and uint8, they must be alike",
        ),
        ({"out": np.zeros((20, 30, 3), np.uint16)}, derust.FormatError, "out has shape (20, 30, 3) and dtype uint16;"),
        ({"out": "there"}, TypeError, "out must be a numpy.ndarray, not str"),
        ({"mask": np.zeros((2, 2), np.uint8)}, derust.FormatError, "mask has 2 x 2 pixels; 30 x 20 are needed"),
        ({"mask_mode": "both"}, derust.ArgumentError, "mask_mode is 'both'; possible are 'limit', 'replace'"),
        ({"strength": 1.5}, derust.ArgumentError, ""),
        ({"strength": -0.5}, derust.ArgumentError, ""),
        ({"strength": float("nan")}, derust.ArgumentError, ""),
        ({"strength": None}, TypeError, "strength must be a number, not NoneType"),
    ],
)  # fmt: skip
def test_wrong_options_for_remove(engine, options, kind, text):
    with raises(kind, text) as caught:
        engine.remove(IMAGE, **options)
    if not text:
        # The library's own words name the option and what came.
        assert "strength" in str(caught.value)
        assert str(options["strength"]).lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"device": "gpu"}, derust.ArgumentError, "device is 'gpu'; possible are 'auto', 'cpu', 'cuda', 'tensorrt'"),
        ({"device": "cuda:x"}, derust.ArgumentError, "device is 'cuda:x'; possible are"),
        ({"threads": -1}, derust.ArgumentError, "threads is -1; 0 to 4294967295 is possible"),
        ({"threads": 2**32}, derust.ArgumentError, "threads is 4294967296; 0 to 4294967295 is possible"),
        ({"threads": 1.5}, TypeError, "threads must be a whole number, not float"),
        ({"memory_limit": 2**64}, derust.ArgumentError, "memory_limit is 18446744073709551616; 0 to"),
        ({"models": 5}, TypeError, "a folder of models must be a string or a path, not int"),
        ({"models": [5]}, TypeError, "a folder of models must be a string or a path, not int"),
        ({"models": "a\0b"}, derust.ArgumentError, "a folder of models holds a NUL character"),
        ({"watch": 0}, derust.ArgumentError, "watch is 0.0 seconds; 0.001 to 1000000 is possible, or None for never"),
        ({"watch": float("nan")}, derust.ArgumentError, "watch is nan seconds; 0.001 to"),
        ({"watch": "often"}, TypeError, "watch must be a number, not str"),
        ({"log": "file"}, TypeError, "log must be a function of a level and a message, not str"),
    ],
)
def test_wrong_options_for_engines(options, kind, text):
    with raises(kind, text):
        derust.Engine(**options)


def test_overlaps_that_cannot_work(engine, picture):
    room = np.zeros((151, 200, 3), np.uint8)
    room[:150] = picture
    before = room.copy()
    with pytest.raises(derust.OverlapError) as caught:
        engine.remove(room[:150], out=room[1:])
    assert caught.value.status == 4 and caught.value.name == "DERUST_ERROR_OVERLAP"
    with pytest.raises(derust.OverlapError):
        engine.remove(room[:150], out=room[1:], region=(0, 0, 50, 50))
    assert np.array_equal(room, before)


def test_models_that_are_not_there(engine, tmp_path):
    with pytest.raises(derust.ModelError, match="no-such-model") as caught:
        engine.segment(IMAGE, model="no-such-model")
    assert (caught.value.status, caught.value.name) == (5, "DERUST_ERROR_MODEL")
    with derust.Engine(tmp_path, only_these_models=True) as empty:
        with pytest.raises(derust.ModelError, match=re.escape(str(tmp_path))):
            empty.segment(IMAGE)
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with derust.Engine(tmp_path, only_these_models=True) as broken:
        (model,) = broken.models()
        assert not model.serves and model.reason and model.filter == "unknown"


def test_a_runtime_that_is_not_there(engine, tmp_path):
    engine.runtime()
    with pytest.raises(derust.OnnxRuntimeError, match="onnxruntime"):
        with derust.Engine(MODELS, runtime=tmp_path / "libonnxruntime.so") as other:
            other.segment(IMAGE)


def test_a_device_that_is_not_there():
    with derust.Engine() as engine:
        unusable = [device for device in engine.devices() if not device.usable]
    for device in unusable:
        assert device.reason
        with pytest.raises(derust.DeviceError, match=f"the device {device.kind} cannot be used: "):
            derust.Engine(device=device.kind)


def test_a_memory_limit(big):
    with derust.Engine(MODELS, only_these_models=True, threads=1, memory_limit=1000) as engine:
        with pytest.raises(derust.MemoryLimitError, match="the call needs about .* raise its limit"):
            engine.segment(big)


def test_a_batch_tells_of_every_picture(engine, picture):
    room = np.zeros((151, 200, 3), np.uint8)
    with pytest.raises(derust.Error) as caught:
        engine.segment_batch([picture, room], model="no-such-model")
    assert caught.value.statuses == [5, 5] and caught.value.results == [None, None]


def test_a_batch_that_never_began(engine, picture):
    cancel = derust.Cancel()
    cancel.request()
    for call in (engine.segment_batch, engine.remove_batch):
        with pytest.raises(derust.Cancelled) as caught:
            call([picture, picture], cancel=cancel)
        assert all(status in (-1, 9) for status in caught.value.statuses)
        with pytest.raises(derust.ArgumentError) as caught:
            call([picture, picture], scale="huge")
        assert caught.value.statuses == [-1, -1] and caught.value.results == [None, None]


def test_a_closed_engine(picture):
    engine = derust.Engine(MODELS, only_these_models=True)
    assert repr(engine) == "<derust.Engine>"
    engine.close()
    engine.close()
    assert repr(engine) == "<derust.Engine, closed>"
    for call in (lambda: engine.segment(picture), engine.models, engine.runtime, engine.refresh):
        with raises(derust.ArgumentError, "this derust.Engine is closed"):
            call()
