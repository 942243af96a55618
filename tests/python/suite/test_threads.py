"""Many threads on one engine."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import MODELS, red_squares

import derust


def test_the_gil_is_released(engine, big):
    """While a thread is in the library, this one goes on; with the GIL held it would stand still for the whole call."""
    began, ended, calls = threading.Event(), threading.Event(), []

    def work():
        began.set()
        start = time.perf_counter()
        for _ in range(3):
            engine.segment(big, mask=False)
        calls.append((time.perf_counter() - start) / 3)
        ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    began.wait()
    longest, turns, last = 0.0, 0, time.perf_counter()
    while not ended.is_set():
        turns += 1
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    worker.join()
    assert turns > 1000
    assert longest < calls[0] * 0.75, f"this thread stood still for {longest:.3f} s of a call of {calls[0]:.3f} s"


def test_eight_threads_get_what_one_gets(shipped, sample):
    pictures = [np.roll(sample, shift, axis=1) for shift in range(0, 800, 100)]

    def work(picture):
        found = shipped.segment(picture, probability=True)
        return found.mask, found.probability, shipped.remove(picture), found.regions

    alone = [work(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, pictures))
    for one, other in zip(alone, together):
        assert all(np.array_equal(a, b) for a, b in zip(one[:3], other[:3]))
        assert one[3] == other[3]


def test_sessions_do_not_change_results(picture):
    with derust.Engine(MODELS, only_these_models=True, threads=1, sessions=4) as engine:
        with ThreadPoolExecutor(8) as pool:
            masks = list(pool.map(lambda _: engine.segment(picture).mask, range(32)))
    assert all(np.array_equal(mask, masks[0]) for mask in masks) and masks[0].any()


def test_closing_waits_for_calls(big):
    engine = derust.Engine(MODELS, only_these_models=True, threads=1)
    expected = engine.segment(big).report.rust_pixels
    began = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(engine.segment, big, progress=lambda done: began.set())
        assert began.wait(60)
        engine.close()
        # Freed after the call only.
        assert engine._handle._free.alive
        with pytest.raises(derust.ArgumentError, match="closed"):
            engine.models()
        assert result.result().report.rust_pixels == expected
    assert not engine._handle._free.alive


def test_cancel_from_another_thread(engine, big):
    cancel, began = derust.Cancel(), threading.Event()
    steps = []

    def progress(done):
        steps.append(done)
        began.set()

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(engine.segment, big, progress=progress, cancel=cancel)
        assert began.wait(60)
        cancel.request()
        with pytest.raises(derust.Cancelled) as caught:
            result.result()
    assert (caught.value.status, caught.value.name) == (9, "DERUST_ERROR_CANCELLED")
    assert max(steps) < 1
    # The request holds until it is taken back; the engine is fine.
    for call in (engine.segment, engine.remove, engine.analyse, engine.analyse_removal):
        with pytest.raises(derust.Cancelled):
            call(red_squares(), cancel=cancel)
    with pytest.raises(derust.Cancelled):
        engine.segment_batch([big, big], cancel=cancel)
    cancel.reset()
    assert engine.segment(red_squares(), cancel=cancel).fraction > 0


def test_models_change_while_threads_work(tmp_path, picture):
    source = (MODELS / "red-is-rust.onnx").read_bytes()
    (tmp_path / "one.onnx").write_bytes(source)
    with derust.Engine(tmp_path, only_these_models=True, threads=1) as engine:
        expected = engine.segment(picture).mask
        stop = threading.Event()

        def work():
            count = 0
            while not stop.is_set():
                assert np.array_equal(engine.segment(picture).mask, expected)
                count += 1
            return count

        with ThreadPoolExecutor(4) as pool:
            results = [pool.submit(work) for _ in range(4)]
            for turn in range(10):
                (tmp_path / f"more-{turn}.onnx").write_bytes(source)
                engine.refresh()
                time.sleep(0.02)
            stop.set()
            assert all(result.result() > 0 for result in results)


def test_nothing_leaks(engine, picture):
    """Memory of the process after many calls, with everything that is freed by going out of scope."""

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    def work():
        found = engine.segment(picture, probability=True, contours=True)
        found.regions
        engine.analyse(picture).mask()
        engine.analyse_removal(picture).compose()
        derust.Cancel()
        engine.models()
        with pytest.raises(derust.Error):
            engine.segment(picture, model="none")

    for _ in range(30):
        work()
    before = resident()
    for _ in range(150):
        work()
    # One leaked analysis a turn would be 150 x 200 x 150 x 4 bytes = 18 MB and more.
    assert resident() - before < 8_000_000


def test_references_end_with_their_objects(picture):
    engine = derust.Engine(MODELS, only_these_models=True, threads=1, log=lambda level, text: None)
    base = sys.getrefcount(picture)
    analysis = engine.analyse(picture)
    assert sys.getrefcount(picture) == base + 1
    freed = analysis._handle._free
    del analysis
    assert not freed.alive and sys.getrefcount(picture) == base
    freed = engine._handle._free
    del engine
    assert not freed.alive
