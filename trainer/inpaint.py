"""Fills masks by OpenCV's inpainting, to compare derust with (needs opencv-python-headless).

    python3 inpaint.py FOLDER OUTPUT [telea|ns] [RADIUS]

FOLDER is one that `derust-trainer pairs` has written, or one of photos with images/ and masks/; OUTPUT gets one PNG for
each. Then: `derust-trainer evaluate derust --pairs FOLDER --results OUTPUT`, or
`derust-trainer evaluate real --data FOLDER --judge FILE.onnx --results telea=OUTPUT`.
"""

import pathlib
import sys

import cv2

METHODS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}


def main(folder, output, method="telea", radius="8"):
    folder, output = pathlib.Path(folder), pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    pictures, masks = ("images", "masks") if (folder / "images").is_dir() else ("rusty", "mask")
    for path in sorted((folder / pictures).iterdir()):
        picture = cv2.imread(str(path))
        mask = cv2.imread(str(folder / masks / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        filled = cv2.inpaint(picture, mask, float(radius), METHODS[method])
        cv2.imwrite(str(output / f"{path.stem}.png"), filled)


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5 or (len(sys.argv) > 3 and sys.argv[3] not in METHODS):
        sys.exit(__doc__)
    main(*sys.argv[1:])
