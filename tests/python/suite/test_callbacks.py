"""Progress, exceptions, Ctrl-C, logs."""

import logging
import os
import signal
import threading
import time

import pytest
from conftest import MODELS, red_squares

import derust


def calls(engine):
    return {
        "segment": engine.segment,
        "remove": engine.remove,
        "analyse": engine.analyse,
        "analyse_removal": engine.analyse_removal,
        "segment_batch": lambda image, **options: engine.segment_batch([image, image], **options),
        "remove_batch": lambda image, **options: engine.remove_batch([image, image], **options),
    }


CALLS = ["segment", "remove", "analyse", "analyse_removal", "segment_batch", "remove_batch"]


@pytest.mark.parametrize("name", CALLS)
def test_progress_goes_from_0_to_1(engine, big, name):
    steps = []
    calls(engine)[name](big, progress=steps.append)
    assert len(steps) > 5 and steps == sorted(steps)
    assert 0 <= steps[0] < 0.5 and steps[-1] == 1


@pytest.mark.parametrize("name", CALLS)
def test_false_stops_the_call(engine, big, name):
    steps = []

    def progress(done):
        steps.append(done)
        return len(steps) < 4

    with pytest.raises(derust.Cancelled):
        calls(engine)[name](big, progress=progress)
    assert len(steps) == 4
    assert engine.segment(red_squares()).fraction > 0


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_takes_too_long_says_so(engine, big, name):
    with pytest.raises(derust.TimedOut, match="the time that the call was given is over") as caught:
        calls(engine)[name](big, progress=lambda _: time.sleep(0.05), timeout=0.03)
    assert isinstance(caught.value, TimeoutError)
    calls(engine)[name](red_squares(), timeout=600)
    for wrong in (0, -1, float("nan"), 1e9):
        with pytest.raises(derust.ArgumentError, match="timeout is .* seconds; above 0 and up to 4000000"):
            calls(engine)[name](big, timeout=wrong)


@pytest.mark.parametrize("what", ["mask", "overlay", "report", "compose"])
def test_composing_has_a_deadline_too(engine, big, what):
    with engine.analyse(big) as analysis, engine.analyse_removal(big) as removal:
        ask = getattr(removal if what == "compose" else analysis, what)
        with pytest.raises(derust.TimedOut):
            ask(progress=lambda _: time.sleep(0.05), timeout=0.03)
        ask(timeout=600)


@pytest.mark.parametrize("name", CALLS)
def test_exceptions_come_out_of_the_call(engine, big, name):
    class Special(Exception):
        pass

    steps = []

    def progress(done):
        steps.append(done)
        if len(steps) == 3:
            raise Special("the line has stopped")

    with pytest.raises(Special, match="the line has stopped") as caught:
        calls(engine)[name](big, progress=progress)
    assert len(steps) == 3
    assert any(entry.name == "progress" for entry in caught.traceback)
    assert engine.segment(red_squares()).fraction > 0


def test_exceptions_come_out_of_compositions(engine, big):
    def progress(done):
        raise ZeroDivisionError

    analysis, removal = engine.analyse(big), engine.analyse_removal(big)
    for call in (analysis.mask, analysis.probability, analysis.overlay, analysis.report, removal.compose):
        with pytest.raises(ZeroDivisionError):
            call(progress=progress)
        with pytest.raises(derust.Cancelled):
            call(progress=lambda done: False)
        steps = []
        call(progress=steps.append)
        assert steps and steps[-1] == 1


def test_an_exception_at_the_very_end_counts(engine, picture):
    def progress(done):
        if done == 1:
            raise KeyError("late")

    with pytest.raises(KeyError, match="late"):
        engine.segment(picture, progress=progress)


def test_calling_the_engine_from_its_callback_is_refused(engine, big):
    with pytest.raises(derust.Reentered) as caught:
        engine.segment(big, progress=lambda done: engine.segment(big))
    assert (caught.value.status, caught.value.name) == (11, "DERUST_ERROR_REENTERED")

    def progress(done):
        with pytest.raises(derust.Reentered):
            engine.remove(big)

    assert engine.segment(big, progress=progress).fraction > 0


def test_another_engine_may_be_called_from_a_callback(engine, picture):
    fractions = []
    with derust.Engine(MODELS, only_these_models=True, threads=1) as other:
        engine.segment(picture, progress=lambda done: fractions.append(other.segment(picture).fraction))
    assert fractions and len(set(fractions)) == 1


@pytest.fixture
def heeds_ctrl_c():
    """Programs that a script starts in the background ignore Ctrl-C, unless they say otherwise."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("with_progress", [False, True])
def test_ctrl_c_ends_a_call_in_the_main_thread(engine, big, with_progress, heeds_ctrl_c):
    start = time.perf_counter()
    engine.segment(big)
    whole = time.perf_counter() - start
    ended_early = 0
    for turn in range(5):
        timer = threading.Timer(whole * (0.1 + 0.05 * turn), os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        finished = False
        # On a machine that has grown faster the call may be over; but Ctrl-C is never lost.
        with pytest.raises(KeyboardInterrupt):
            engine.segment(big, progress=(lambda done: None) if with_progress else None)
            finished = True
            time.sleep(20)
        timer.join()
        ended_early += not finished
    assert ended_early >= 3
    assert engine.segment(red_squares()).fraction > 0


def test_log_messages_reach_python(tmp_path, caplog):
    # A file that cannot be read is something to say.
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    (tmp_path / "good.onnx").write_bytes((MODELS / "red-is-rust.onnx").read_bytes())
    said = []
    with derust.Engine(tmp_path, only_these_models=True, log=lambda level, text: said.append((level, text))) as engine:
        engine.segment(red_squares())
        engine.refresh()
    assert said and all(level in (logging.ERROR, logging.WARNING, logging.INFO) for level, _ in said)
    assert all(isinstance(text, str) and text for _, text in said)
    with caplog.at_level(logging.INFO, logger="derust"):
        with derust.Engine(tmp_path, only_these_models=True) as engine:
            engine.segment(red_squares())
            engine.refresh()
    assert caplog.records and all(record.name == "derust" for record in caplog.records)
