#!/usr/bin/env python3
"""Watches a video for rust: draws what it finds, writes a line of JSON per frame, raises an alarm.

    inspect_video.py INPUT OUTPUT [--limit FRACTION] [--log FILE] [--models FOLDER] [--threads N] [--network FILE]

OUTPUT becomes a Motion JPEG video (name it .avi) with the rust coloured. Lines go to FILE, or to standard output;
frames per second go to standard error at the end. With the Python package `onnxruntime` and the ONNX file of the
network (--network, or a model out of --models) the bare network is timed as well.

A frame that cannot be judged, such as one at night, has a line that says why.

Exit codes: 0 no frame has more rust than FRACTION (0.02), 1 something failed, 2 wrong usage, 3 alarm, 4 no alarm, but some
frames could not be judged.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Optional, TextIO, Tuple

import cv2
import numpy as np

import derust

FINE, FAILED, ALARM, UNJUDGED = 0, 1, 3, 4


class Failure(Exception):
    """Something outside of derust that a person has to put right."""


@dataclass
class Tally:
    """What a whole video took."""

    frames: int = 0
    alarms: int = 0
    unjudged: int = 0
    # Seconds: reading to writing, the analysis in it, and the bare network beside it.
    all: float = 0.0
    analysing: float = 0.0
    bare: float = 0.0


def main() -> int:
    settings = arguments()
    try:
        tally = run(settings)
    except (derust.Error, Failure, OSError) as error:
        print(f"inspect_video: {error}", file=sys.stderr)
        return FAILED
    return ALARM if tally.alarms else UNJUDGED if tally.unjudged else FINE


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=__doc__.split("\n\n")[-1])
    parser.add_argument("input", type=Path, help="a video")
    parser.add_argument("output", type=Path, help="the video to write (.avi)")
    parser.add_argument("--limit", type=fraction, default=0.02, help="rusted fraction that a frame may have (0.02)")
    parser.add_argument("--log", type=Path, help="file for the lines of JSON; standard output if absent")
    parser.add_argument("--models", type=Path, help="folder of models, searched first")
    parser.add_argument("--threads", type=int, default=0, help="threads that compute; 0: all processors")
    parser.add_argument("--network", type=Path, help="ONNX file of the network, to time it bare")
    return parser.parse_args()


def fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def run(settings: argparse.Namespace) -> Tally:
    with ExitStack() as stack:
        engine = stack.enter_context(
            derust.Engine(settings.models or (), threads=settings.threads)
        )
        capture, rate, (width, height) = open_video(settings.input)
        stack.callback(capture.release)
        writer = cv2.VideoWriter(str(settings.output), cv2.VideoWriter_fourcc(*"MJPG"), rate, (width, height))
        stack.callback(writer.release)
        if not writer.isOpened():
            raise Failure(f"cannot write {settings.output} as a Motion JPEG video")
        log = stack.enter_context(open(settings.log, "w")) if settings.log else sys.stdout

        # The first call loads ONNX Runtime and the network; that is no part of a frame's time.
        engine.analyse(np.zeros((height, width, 3), np.uint8), judge_anyway=True).close()
        network = settings.network or serving_file(engine)
        run_bare, about_bare = bare_network(network, (width, height), settings.threads)
        tally = Tally()
        begin = time.perf_counter()
        for frame in frames(capture):
            inspect(engine, frame, tally.frames / rate, settings.limit, tally, log)
            writer.write(frame)
            if run_bare is not None:
                # Between the frames, so that both meet the machine in the same state.
                bare_begin = time.perf_counter()
                run_bare()
                tally.bare += time.perf_counter() - bare_begin
        tally.all = time.perf_counter() - begin - tally.bare
        if tally.frames == 0:
            raise Failure(f"{settings.input} has no frame")
        print(summary(tally, settings.limit, about_bare), file=sys.stderr)
    return tally


def open_video(path: Path) -> Tuple[cv2.VideoCapture, float, Tuple[int, int]]:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise Failure(f"cannot read {path} as a video")
    rate = capture.get(cv2.CAP_PROP_FPS)
    size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    return capture, rate if rate > 0 else 25.0, size


def frames(capture: cv2.VideoCapture) -> Iterator[np.ndarray]:
    while True:
        read, frame = capture.read()
        if not read:
            return
        yield frame


def inspect(engine: derust.Engine, frame: np.ndarray, seconds: float, limit: float, tally: Tally, log: TextIO) -> None:
    """Finds the rust in one frame and colours it there; writes its line."""
    begin = time.perf_counter()
    try:
        analysis = engine.analyse(frame)
    except derust.UnjudgeableError as reason:
        print(json.dumps({"frame": tally.frames, "seconds": seconds, "unjudged": str(reason)}), file=log, flush=True)
        tally.frames += 1
        tally.unjudged += 1
        return
    with analysis:
        tally.analysing += time.perf_counter() - begin
        report = analysis.report()
        analysis.overlay(out=frame)
    milliseconds = (time.perf_counter() - begin) * 1000

    alarm = report.fraction > limit
    line = {
        "frame": tally.frames,
        "seconds": seconds,
        "fraction": report.fraction,
        "regions": report.region_count,
        "iso_4628_3": report.iso_4628_3,
        "alarm": alarm,
        "milliseconds": round(milliseconds, 3),
    }
    print(json.dumps(line), file=log, flush=True)
    tally.frames += 1
    tally.alarms += alarm


def summary(tally: Tally, limit: float, about_bare: str) -> str:
    text = (
        f"{tally.frames} frames, {tally.alarms} with more than {limit:.1%} rust; "
        f"{tally.frames / tally.all:.1f} frames per second\n"
    )
    if tally.unjudged:
        text += f"{tally.unjudged} frames could not be judged.\n"
    if tally.unjudged == tally.frames:
        return text
    text += (
        "The analysis alone (reducing a frame and running the network) does "
        f"{(tally.frames - tally.unjudged) / tally.analysing:.1f} frames per second; reading, report, overlay and writing take the rest "
        f"({1 - tally.analysing / tally.all:.1%} of the time).\n"
    )
    if tally.bare:
        return (
            f"{text}The bare network does {tally.frames / tally.bare:.1f} frames per second {about_bare}; the analysis "
            f"takes {tally.analysing / tally.bare:.2f} times as long, everything {tally.all / tally.bare:.2f} times."
        )
    return f"{text}The bare network was not timed: {about_bare}"


def serving_file(engine: derust.Engine) -> Optional[Path]:
    """The file of the network that serves, if it is not built in."""
    for model in engine.models():
        if model.serves and model.filter == "segment-rust" and Path(model.origin).is_file():
            return Path(model.origin)
    return None


def bare_network(
    network: Optional[Path], size: Tuple[int, int], threads: int
) -> Tuple[Optional[Callable[[], object]], str]:
    """What runs the network alone, at the size at which derust runs it for frames of `size`; or why that cannot be."""
    if network is None:
        return None, "it is built in; name its file with --network."
    try:
        import onnxruntime
    except ImportError:
        return None, "the Python package onnxruntime is not installed."
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
        manifest = json.loads(session.get_modelmeta().custom_metadata_map["derust"])
    except Exception as error:
        raise Failure(f"cannot time the bare network in {network}: {error!r}") from None
    scale = min(1.0, (manifest.get("long_side") or max(size)) / max(size))
    multiple = manifest["tile"].get("multiple", 1)
    width, height = (math.ceil(round(side * scale) / multiple) * multiple for side in size)
    name = session.get_inputs()[0].name
    picture = np.zeros((1, 3, height, width), np.float32)
    session.run(None, {name: picture})
    return lambda: session.run(None, {name: picture}), f"at {width} x {height}"


if __name__ == "__main__":
    sys.exit(main())
