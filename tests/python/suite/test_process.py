"""Processes: forks, pickling, finding and refusing libraries, `python -m derust`."""

import copy
import ctypes
import os
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import MODELS

import derust
from derust._library import library


def in_a_child(work):
    """What `work` answers in a forked child; a child that hangs is ended."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write, answer.encode())
        os._exit(0)
    os.close(write)
    timer = threading.Timer(60, os.kill, (child, 9))
    timer.start()
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    timer.cancel()
    return answer


@pytest.mark.filterwarnings("ignore:This process")
def test_after_a_fork(engine, picture):
    analysis = engine.analyse(picture)
    expected = engine.segment(picture).fraction
    text = "Forked: this derust.Engine was made before a fork(); make a new one in this process"
    for call in (lambda: engine.segment(picture), engine.models, lambda: engine.remove(picture)):
        assert in_a_child(call) == text
    assert in_a_child(analysis.mask).startswith("Forked: this derust.Analysis")

    def leave():
        engine.close()
        return "closed"

    assert in_a_child(leave) == "closed"
    # The parent's engine is as it was.
    assert engine.segment(picture).fraction == expected


@pytest.mark.filterwarnings("ignore:This process")
def test_the_library_refuses_as_well(engine, picture):
    """The same without the look at the process number that Python takes first."""

    def work():
        engine._handle.pid = os.getpid()
        try:
            engine.segment(picture)
        except derust.Forked as error:
            return f"{error.status} {error}"
        return "no error"

    answer = in_a_child(work)
    assert answer.startswith("10 ") and "fork" in answer


def test_engines_cannot_be_pickled(engine, picture):
    analysis, removal, cancel = engine.analyse(picture), engine.analyse_removal(picture), derust.Cancel()
    for thing in (engine, analysis, removal, cancel):
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=f"a derust.{type(thing).__name__} cannot be pickled or copied"):
                attempt(thing)


def test_version():
    assert derust.version == derust.__version__
    assert derust.version.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'versions'"):
        derust.versions


def python(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def test_the_module_shows_what_is_there():
    shown = python("-m", "derust")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == f"derust {derust.__version__} (Python package)"
    assert lines[1].startswith(f"libderust {derust.version}: /")
    assert lines[2].startswith("ONNX Runtime 1.")
    assert "  cpu: " in shown.stdout and "(in use)" in shown.stdout
    assert "[segment-rust], " in shown.stdout and "(serves on cpu)" in shown.stdout
    assert shown.stderr == ""


def test_importing_loads_nothing():
    shown = python("-c", "import derust; print(derust.__version__)", DERUST_LIBRARY="/nowhere/libderust.so.1")
    assert (shown.returncode, shown.stdout.strip()) == (0, derust.__version__)


def test_libraries_that_cannot_serve(tmp_path):
    import ctypes.util

    (tmp_path / "text.so").write_text("no library")
    foreign = ctypes.util.find_library("m") or "libm.so.6"
    (foreign_path,) = {line.split()[-1] for line in open("/proc/self/maps") if line.rstrip().endswith(foreign)}
    for path, text in (
        ("/nowhere/libderust.so.1", "error: /nowhere/libderust.so.1 cannot be loaded: "),
        (str(tmp_path / "text.so"), f"error: {tmp_path / 'text.so'} cannot be loaded: "),
        (foreign_path, f"error: {foreign_path} is not libderust: it has no derust_abi_version"),
    ):
        shown = python("-m", "derust", DERUST_LIBRARY=path)
        assert shown.returncode == 1 and shown.stderr.startswith(text), shown.stderr
        assert len(shown.stderr.splitlines()) == 1
    shown = python("-m", "derust", DERUST_LIBRARY="/nowhere/libderust.so.1")
    assert "DERUST_LIBRARY names it; correct the variable or unset it" in shown.stderr


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "this package is older; update the Python package"), (2, "the library is older; update libderust")],
)
def test_another_abi_is_refused(number, text):
    code = (
        f"import derust._abi as abi; abi.ABI = {number}\n"
        "import derust.__main__ as main; raise SystemExit(main.main())"
    )
    shown = python("-c", code, DERUST_LIBRARY=library()._name)
    assert shown.returncode == 1
    assert f"has ABI 1, the Python package derust needs ABI {number}: {text}" in shown.stderr


def test_a_library_without_a_function_is_refused():
    code = (
        "import derust._abi as abi; abi.FUNCTIONS['derust_from_the_future'] = (None, [])\n"
        "import derust.__main__ as main; raise SystemExit(main.main())"
    )
    shown = python("-c", code)
    assert shown.returncode == 1
    assert "lacks derust_from_the_future: the library is older than this package; update libderust" in shown.stderr


def test_an_engine_that_lives_to_the_end_of_the_process():
    code = (
        "import numpy, derust\n"
        f"engine = derust.Engine({str(MODELS)!r}, only_these_models=True)\n"
        "image = numpy.full((9, 9, 3), (200, 0, 0), numpy.uint8)\n"
        "analysis = engine.analyse(image)\n"
        "report = engine.segment(image).report\n"
    )
    shown = python("-c", code)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_daemon_thread_in_a_call_does_not_hold_the_end_up():
    code = (
        "import threading, time, numpy, derust\n"
        f"engine = derust.Engine({str(MODELS)!r}, only_these_models=True, threads=1)\n"
        "image = numpy.full((3000, 3000, 3), (200, 0, 0), numpy.uint8)\n"
        "began = threading.Event()\n"
        "work = lambda: engine.segment(image, progress=lambda done: began.set())\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "began.wait()\n"
    )
    shown = python("-c", code)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_the_structs_and_functions_are_those_of_the_header():
    """Field by field and in order; C lays fields out as ctypes does."""
    from derust import _abi

    header = re.sub(r"/\*.*?\*/|//[^\n]*", "", Path(os.environ["DERUST_TEST_HEADER"]).read_text(), flags=re.DOTALL)
    names = {
        "image": "Image", "engine_options": "EngineOptions", "model": "Model", "device": "Device",
        "segment_options": "SegmentOptions", "remove_options": "RemoveOptions", "compose_options": "ComposeOptions",
        "summary": "Summary", "region": "Region", "runtime": "Runtime", "call_info": "CallInfo",
            "health": "Health",
    }  # fmt: skip
    widths = {"uint32_t": 4, "int32_t": 4, "uint64_t": 8, "int64_t": 8, "float": 4, "double": 8}
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} derust_(\w+);", header, re.DOTALL):
        fields = []
        for line in filter(str.strip, body.split(";")):
            kind, declared, many = re.fullmatch(
                r"\s*(.*?[\s*])(\w+(?:\s*,\s*\w+)*)(?:\[(\d+)\])?\s*", line, re.DOTALL
            ).groups()
            width = widths.get(kind.strip(), 8) * int(many or 1)
            fields += [(field.strip(), width) for field in declared.split(",")]
        found[name] = fields
    assert set(found) == set(names)
    for name, struct in names.items():
        ours = getattr(_abi, struct)._fields_
        assert [(field, ctypes.sizeof(kind)) for field, kind in ours] == found[name], name

    constants = {name: int(value) for name, value in re.findall(r"#define DERUST_(\w+) (\d+)\b", header)}
    assert constants["ABI"] == _abi.ABI
    ours = {name: value for name, value in vars(_abi).items() if name.isupper() and isinstance(value, int)}
    assert ours.items() <= constants.items()
    assert [_abi.DEVICES[word] for word in ("auto", "cpu", "cuda", "tensorrt")] == [
        constants[f"DEVICE_{word}"] for word in ("AUTOMATIC", "CPU", "CUDA", "TENSORRT")
    ]
    assert _abi.SCALES == {"model": constants["SCALE_MODEL"], "native": constants["SCALE_NATIVE"]}
    assert _abi.MASK_MODES == {"limit": constants["MASK_LIMIT"], "replace": constants["MASK_REPLACE"]}
    assert _abi.FILTERS[constants["FILTER_DERUST"]] == "derust"
    assert _abi.FILTERS[constants["FILTER_SEGMENT_RUST"]] == "segment-rust"
    assert {name: number for name, number in constants.items() if name.startswith("CAUTION_")} == {
        f"CAUTION_{(word or 'none').upper()}": number for number, word in _abi.CAUTIONS.items()
    }
    for word, number in _abi.CAMERA_FORMATS.items():
        assert number == constants["FORMAT_" + word.upper() + ("_U8" if word.startswith("bayer") else "")]
    for ours, group in (
        (_abi.TRANSFERS, "TRANSFER_"), (_abi.PRIMARIES, "PRIMARIES_"), (_abi.MATRICES, "MATRIX_"),
    ):
        theirs = {name[len(group) :].replace("_", "").lower(): number for name, number in constants.items() if name.startswith(group)}
        assert ours == theirs
    words = {1: {"rgb": "GRAY", "bgr": "GRAY"}, 3: {"rgb": "RGB", "bgr": "BGR"}, 4: {"rgb": "RGBA", "bgr": "BGRA"}}
    depths = {"uint8": "U8", "uint16": "U16", "float32": "F32"}
    for (channels, order, depth), number in _abi.FORMAT.items():
        assert number == constants[f"FORMAT_{words[channels][order]}_{depths[depth]}"]

    declared = set(re.findall(r"\b(derust_\w+)\(", header))
    assert set(_abi.FUNCTIONS) <= declared
    for name in _abi.FUNCTIONS:
        parameters = re.search(rf"\b{name}\((.*?)\);", header, re.DOTALL).group(1)
        count = 0 if parameters.strip() == "void" else parameters.count(",") + 1
        assert len(_abi.FUNCTIONS[name][1]) == count, name
