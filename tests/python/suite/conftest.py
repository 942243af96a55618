"""What the tests share. The Rust test that runs them says where models and pictures lie."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

import derust

SAMPLES = Path(os.environ["DERUST_TEST_SAMPLES"])
# `red-is-rust`: probability = red - (green + blue) / 2. `red-to-gray`: the same as alpha, fill = (green, green, blue).
MODELS = Path(os.environ["DERUST_TEST_MODELS"])
EXAMPLES = Path(os.environ["DERUST_TEST_EXAMPLES"])


@pytest.fixture(scope="session")
def engine():
    """Answers that can be worked out by hand."""
    with derust.Engine(MODELS, only_these_models=True, threads=1) as engine:
        yield engine


@pytest.fixture(scope="session")
def shipped():
    """The models that derust comes with."""
    with derust.Engine(threads=1) as engine:
        yield engine


@pytest.fixture(scope="session")
def sample():
    image = cv2.imread(str(SAMPLES / "rusty-panel.jpg"))
    image.flags.writeable = False
    return image


def red_squares(height=150, width=200):
    """Gray, with two red rectangles, one of them with a hole; blue, green, red."""
    image = np.full((height, width, 3), 128, np.uint8)
    image[20:60, 30:80] = (0, 0, 255)
    image[30:50, 40:60] = 128
    image[100:110, 150:170] = (0, 0, 255)
    return image


@pytest.fixture
def picture():
    return red_squares()


@pytest.fixture
def big():
    """Enough tiles to be stopped among."""
    return np.tile(red_squares(), (8, 8, 1))
