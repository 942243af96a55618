"""What derust makes of YOLO's exports, beside what their own program makes of them.

Trains a small network of each kind on rendered pictures until it finds them, exports it in every form, has `derust models
adopt` describe the files and `derust segment` run them, and compares the masks. Ultralytics is AGPL-3.0: it runs here only,
in an environment of its own, and nothing of it is in this tree.

Called as: python yolo.py DERUST FOLDER, with ORT_DYLIB_PATH set.
"""

import os
import pathlib
import random
import shutil
import subprocess
import sys

DERUST, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
os.environ.update(YOLO_CONFIG_DIR=f"{FOLDER}/", YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false")

import numpy as np
import torch
import ultralytics
from PIL import Image, ImageDraw
from ultralytics import YOLO

SIDE = 128
# Wider than high, so that the border of the letterbox counts.
SHOWN = (128, 96)
EPOCHS = int(os.environ.get("EPOCHS", "40"))
LEAST_MASKS, LEAST_OVERLAP = 50, 0.99
KINDS = [
    ("v8", "v8/yolov8-seg.yaml", [("plain", {}), ("dynamic", {"dynamic": True}), ("half", {"half": True}), ("nms", {"nms": True})]),
    ("11", "11/yolo11-seg.yaml", [("plain", {})]),
    ("26", "26/yolo26-seg.yaml", [("plain", {}), ("end2end", {"end2end": True})]),
]


def scene(rng, width, height):
    """Noisy metal with patches of rust, and their outlines."""
    noise = rng.normal(rng.integers(90, 150), 14, (height, width, 1)) + rng.normal(0, 4, (height, width, 3))
    picture = Image.fromarray(np.clip(noise, 0, 255).astype("u1"))
    draw, outlines = ImageDraw.Draw(picture), []
    for _ in range(rng.integers(2, 5)):
        x, y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height
        angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
        radii = rng.uniform(0.08, 0.2) * width * rng.uniform(0.75, 1.2, 14)
        outline = [
            (float(np.clip(x + r * np.cos(a), 0, width - 1)), float(np.clip(y + 0.8 * r * np.sin(a), 0, height - 1)))
            for a, r in zip(angles, radii)
        ]
        colour = rng.integers(150, 220), rng.integers(50, 90), rng.integers(10, 40)
        draw.polygon(outline, fill=tuple(int(part) for part in colour))
        outlines.append(outline)
    return picture, outlines


def make_pictures():
    rng = np.random.default_rng(0)
    for split, count, (width, height) in (("train", 48, (SIDE, SIDE)), ("val", 32, SHOWN)):
        (FOLDER / split / "images").mkdir(parents=True)
        (FOLDER / split / "labels").mkdir()
        for i in range(count):
            picture, outlines = scene(rng, width, height)
            picture.save(FOLDER / split / "images" / f"{i:03}.png")
            lines = ("0 " + " ".join(f"{x / width:.5f} {y / height:.5f}" for x, y in outline) for outline in outlines)
            (FOLDER / split / "labels" / f"{i:03}.txt").write_text("\n".join(lines))
    (FOLDER / "rust.yaml").write_text(
        f"path: {FOLDER}\ntrain: train/images\nval: val/images\nnames: {{0: rust}}\n"
    )


def trained(name, yaml):
    """The weights of a network of this kind that finds the patches."""
    source = pathlib.Path(ultralytics.__path__[0]) / "cfg" / "models" / yaml
    scaled = FOLDER / source.name.replace("-seg", "n-seg")
    scaled.write_text(source.read_text().replace("nc: 80", "nc: 1"))
    YOLO(scaled).train(
        data=FOLDER / "rust.yaml", imgsz=SIDE, epochs=EPOCHS, batch=6, workers=0, device="cpu", optimizer="AdamW", lr0=0.002,
        warmup_epochs=1, mosaic=0, plots=False, val=False, amp=False, project=FOLDER, name=name, exist_ok=True,
    )
    return FOLDER / name / "weights" / "last.pt"


def exported(weights, name, options):
    file = YOLO(weights).export(format="onnx", simplify=False, imgsz=SIDE, **options)
    return shutil.move(file, FOLDER / f"{name}.onnx")


def theirs(file, is_dynamic):
    """A mask for each picture, white where any of the objects that the program finds is, and how many objects there are."""
    found, count = {}, 0
    for path in sorted((FOLDER / "val" / "images").iterdir()):
        # Masks at the picture's own size; the default makes them at a quarter of it. A file of any size gets no more border
        # than it needs.
        [result] = YOLO(file, task="segment").predict(
            path, imgsz=SIDE, rect=is_dynamic, conf=0.25, iou=0.7, retina_masks=True, verbose=False, device="cpu"
        )
        masks = [] if result.masks is None else result.masks.data.numpy() > 0.5
        count += len(masks)
        found[path.stem] = np.any(masks, axis=0) if len(masks) else np.zeros(SHOWN[::-1], bool)
    return found, count


def ours(file, name):
    """The same by derust."""
    models, results = FOLDER / f"models-{name}", FOLDER / f"masks-{name}"
    models.mkdir()
    shutil.copy(file, models / "model.onnx")
    run = lambda *arguments: subprocess.run([DERUST, *map(str, arguments)], check=True, capture_output=True, text=True)
    run("models", "adopt", models / "model.onnx", "--name", "yolo", "--confirm")
    run("segment", FOLDER / "val" / "images", "--out-dir", results, "--models", models, "--model", "yolo")
    return {path.stem: np.asarray(Image.open(path).convert("L")) > 127 for path in results.iterdir()}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.chdir(FOLDER)
    random.seed(0)
    torch.manual_seed(0)
    make_pictures()
    print("| network | form | masks | overlap of all | least overlap of a picture |\n|---|---|---|---|---|")
    wrong = []
    for name, yaml, forms in KINDS:
        weights = trained(name, yaml)
        for form, options in forms:
            file = exported(weights, f"{name}-{form}", options)
            (expected, count), found = theirs(file, form == "dynamic"), ours(file, f"{name}-{form}")
            assert expected.keys() == found.keys()
            pairs = [(expected[key], found[key]) for key in expected]
            overlap = lambda a, b: (a & b).sum() / max((a | b).sum(), 1) if (a | b).any() else 1.0
            whole = overlap(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]))
            print(f"| {name} | {form} | {count} | {whole:.4f} | {min(overlap(*pair) for pair in pairs):.4f} |", flush=True)
            if count < LEAST_MASKS or whole < LEAST_OVERLAP:
                wrong.append(f"{name} {form}")
    if wrong:
        sys.exit(f"too few masks, or not the same ones: {', '.join(wrong)}")


main()
