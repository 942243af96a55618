"""A real pipeline: a video in, a video, a log and an exit code out."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from conftest import EXAMPLES, SAMPLES

CLEAN, RUSTY, SIZE = 4, 8, (456, 304)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Some clean frames, then a camera that pans over a rusty panel."""
    path = tmp_path_factory.mktemp("video") / "line.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE)
    assert writer.isOpened()
    panel = cv2.imread(str(SAMPLES / "rusty-panel.jpg"))
    for _ in range(CLEAN):
        writer.write(np.full((SIZE[1], SIZE[0], 3), (150, 145, 140), np.uint8))
    for step in range(RUSTY):
        x = step * (panel.shape[1] - SIZE[0]) // (RUSTY - 1)
        writer.write(np.ascontiguousarray(panel[150 : 150 + SIZE[1], x : x + SIZE[0]]))
    writer.release()
    return path


def run(*arguments):
    command = [sys.executable, str(EXAMPLES / "inspect_video.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


def read(path):
    capture = cv2.VideoCapture(str(path))
    assert capture.isOpened()
    while True:
        fine, frame = capture.read()
        if not fine:
            return
        yield frame


def test_a_video_is_inspected(video, tmp_path):
    output, log = tmp_path / "found.avi", tmp_path / "found.jsonl"
    shown = run(video, output, "--limit", "0.02", "--log", log, "--threads", "1")
    assert shown.returncode == 3, shown.stderr
    assert shown.stdout == ""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(CLEAN + RUSTY))
    keys = ["frame", "seconds", "fraction", "regions", "iso_4628_3", "alarm", "milliseconds"]
    for line in lines:
        assert list(line) == keys
        assert line["seconds"] == pytest.approx(line["frame"] / 10)
        assert line["alarm"] is (line["fraction"] > 0.02)
        assert line["milliseconds"] > 0 and (line["regions"] > 0) == (line["fraction"] > 0)
    assert not any(line["alarm"] for line in lines[:CLEAN])
    assert all(line["alarm"] and line["iso_4628_3"] >= 4 for line in lines[CLEAN:])
    # Where there is rust the picture is coloured, elsewhere only compressed again.
    before, after = list(read(video)), list(read(output))
    assert len(after) == len(before) == CLEAN + RUSTY
    for line, one, other in zip(lines, before, after):
        changed = (np.abs(one.astype(int) - other).max(axis=2) > 40).mean()
        assert changed < line["fraction"] + 0.05
        assert changed > line["fraction"] / 4 if line["alarm"] else changed == 0
    assert f"{CLEAN + RUSTY} frames, {RUSTY} with more than 2.0% rust; " in shown.stderr
    assert "frames per second" in shown.stderr
    # A wheel has the network built in, a prefix has its file; onnxruntime is in neither environment.
    assert any(
        f"The bare network was not timed: {reason}" in shown.stderr
        for reason in ("it is built in; name its file with --network.", "the Python package onnxruntime is not installed.")
    )


def test_without_an_alarm(video, tmp_path):
    shown = run(video, tmp_path / "found.avi", "--limit", "1", "--threads", "1")
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == CLEAN + RUSTY
    assert not any(json.loads(line)["alarm"] for line in shown.stdout.splitlines())


def test_frames_at_night_are_no_frames_without_rust(tmp_path):
    path = tmp_path / "night.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE)
    for colour in ((0, 0, 0), (150, 145, 140), (0, 0, 0)):
        writer.write(np.full((SIZE[1], SIZE[0], 3), colour, np.uint8))
    writer.release()
    shown = run(path, tmp_path / "found.avi", "--threads", "1")
    assert shown.returncode == 4, shown.stderr
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert ["next to nothing above black" in line.get("unjudged", "") for line in lines] == [True, False, True]
    assert "2 frames could not be judged." in shown.stderr and "fraction" not in lines[0]


def test_what_goes_wrong_is_said_in_one_line(video, tmp_path):
    (tmp_path / "text.avi").write_text("no video")
    for arguments, text in (
        ((tmp_path / "none.avi", tmp_path / "out.avi"), f"cannot read {tmp_path / 'none.avi'} as a video"),
        ((tmp_path / "text.avi", tmp_path / "out.avi"), f"cannot read {tmp_path / 'text.avi'} as a video"),
        ((video, "/nowhere/out.avi"), "cannot write /nowhere/out.avi as a Motion JPEG video"),
        ((video, tmp_path / "out.avi", "--log", "/nowhere/log"), "/nowhere/log"),
    ):
        shown = run(*arguments)
        assert shown.returncode == 1
        # OpenCV adds warnings of its own.
        (line,) = [line for line in shown.stderr.splitlines() if line.startswith("inspect_video: ")]
        assert text in line
    shown = run(video, tmp_path / "out.avi", "--limit", "3")
    assert shown.returncode == 2 and "3 is not between 0 and 1" in shown.stderr
