"""Fills the masks of a list of pairs by OpenCV's inpainting, to compare derust with (needs opencv-python-headless).

    python3 inpaint.py PAIRS OUTPUT [telea|ns] [RADIUS]

PAIRS is a folder that `derust-trainer pairs` has written; OUTPUT gets one PNG for each. Then:
`derust-trainer evaluate derust --pairs PAIRS --results OUTPUT`.
"""

import pathlib
import sys

import cv2

METHODS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}


def main(pairs, output, method="telea", radius="8"):
    pairs, output = pathlib.Path(pairs), pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted((pairs / "rusty").glob("*.png")):
        picture = cv2.imread(str(path))
        mask = cv2.imread(str(pairs / "mask" / path.name), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(output / path.name), cv2.inpaint(picture, mask, float(radius), METHODS[method]))


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5 or (len(sys.argv) > 3 and sys.argv[3] not in METHODS):
        sys.exit(__doc__)
    main(*sys.argv[1:])
