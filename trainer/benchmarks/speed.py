"""Compares the speed of this trainer with that of Python's PyTorch: same network, data, steps and threads.

The trainer trains on one ready-made batch (`derust-trainer speed`) and writes the network's structure, its first
weights and the batch; this script builds the network from them, trains it the way one does in PyTorch, and checks that
both get the same losses. The two take turns, and the best round of each counts. Beside the time on the clock it counts
the time on the processor, which neighbours lengthen less; with one thread on the CPU that one is judged. Exits with 1
where the trainer's speed is below `--least` of PyTorch's or the losses differ.

    cargo xtask bench trainer
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn

WARM_UP = 3


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    kinds = {"F32": torch.float32, "I64": torch.int64}
    found = {}
    for name, about in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            first, last = (8 + length + offset for offset in about["data_offsets"])
            values = torch.frombuffer(bytearray(data[first:last]), dtype=kinds[about["dtype"]])
            found[name] = values.reshape(about["shape"]).clone()
    return found


class Network(nn.Module):
    """A network of PyTorch's own layers from the trainer's description of its graph."""

    def __init__(self, graph, weights):
        super().__init__()
        self.nodes = [(*self.operation(node), node["inputs"]) for node in graph["nodes"]]
        self.layers = nn.ModuleList(layer for layer, _, _ in self.nodes if isinstance(layer, nn.Module))
        self.output = graph["outputs"][0][1]
        last = {source: reader for reader, (_, _, sources) in enumerate(self.nodes) for source in sources}
        self.done = [[s for s in set(sources) if last[s] == i] for i, (_, _, sources) in enumerate(self.nodes)]
        for node, (layer, _, _) in zip(graph["nodes"], self.nodes):
            if isinstance(layer, nn.Module):
                prefix = f"weights/{node['name'].replace('.', '/')}."
                own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
                layer.load_state_dict(own, strict=not isinstance(layer, nn.BatchNorm2d))

    def operation(self, node):
        op = node["op"]
        name, about = (op, None) if isinstance(op, str) else next(iter(op.items()))
        if name == "Conv":
            padding = about["dilation"] * (about["kernel"] - 1) // 2
            layer = nn.Conv2d(
                about["inputs"],
                about["outputs"],
                about["kernel"],
                about["stride"],
                padding,
                about["dilation"],
                about["groups"],
                about["bias"],
            )
            return layer, layer
        if name == "BatchNorm":
            layer = nn.BatchNorm2d(node["channels"])
            return layer, layer
        function = {
            "Input": lambda: None,
            "Relu": lambda: F.relu,
            "Relu6": lambda: F.relu6,
            "Sigmoid": lambda: torch.sigmoid,
            "Affine": lambda: lambda x: x * about["scale"] + about["shift"],
            "Clip": lambda: lambda x: x.clamp(0, 1),
            "Halve": lambda: lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
            "ResizeLike": lambda: lambda x, like: F.interpolate(
                x, like.shape[2:], mode="bilinear", align_corners=False
            ),
            "Concat": lambda: lambda *x: torch.cat(x, 1),
            "Add": lambda: torch.add,
        }[name]()
        return None, function

    def forward(self, image):
        values = []
        for i, (_, function, sources) in enumerate(self.nodes):
            values.append(image if function is None else function(*(values[source] for source in sources)))
            for source in self.done[i]:
                if source != self.output:
                    values[source] = None
        return values[self.output]


def segmentation(probability, mask):
    probability = probability.clamp(1e-5, 1 - 1e-5)
    dice = (2 * (probability * mask).sum() + 1) / (probability.sum() + mask.sum() + 1)
    return F.binary_cross_entropy(probability, mask) + 1 - dice


def train(folder, network, options):
    start = read_safetensors(folder / "start.safetensors")
    model = Network(json.loads((folder / "graph.json").read_text()), start).train().to(options.device)
    image, target = (start[f"batch/{name}"].to(options.device) for name in ("image", "target"))
    decayed = [p for p in model.parameters() if p.dim() > 1]
    spared = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": spared, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3)

    def step():
        made = model(image)
        loss = segmentation(made, target) if network == "segment" else (made - target).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        return loss.item()

    losses = [step() for _ in range(WARM_UP)]
    wall, processor = time.perf_counter(), time.thread_time()
    losses += [step() for _ in range(options.steps)]
    if options.device == "cuda":
        torch.cuda.synchronize()
    pictures = options.steps * options.batch
    return {
        "pictures_per_second": pictures / (time.perf_counter() - wall),
        "pictures_per_processor_second": pictures / (time.thread_time() - processor),
        "losses": losses,
    }


def compare(network, options):
    best = {"trainer": {}, "pytorch": {}}
    difference = 0.0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        command = [options.trainer, "speed", network, "--folder", folder, "--device", options.device]
        for name in ("batch", "side", "steps", "threads"):
            command += [f"--{name}", str(getattr(options, name))]
        for _ in range(options.rounds):
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            rounds = {"trainer": json.loads(said), "pytorch": train(folder, network, options)}
            ours, theirs = (rounds[who]["losses"] for who in ("trainer", "pytorch"))
            difference = max([difference, *(abs(a - b) for a, b in zip(ours, theirs, strict=True))])
            for who, found in rounds.items():
                for what in ("pictures_per_second", "pictures_per_processor_second"):
                    best[who][what] = max(best[who].get(what, 0.0), found[what] or 0.0)
    ratio = {
        what: best["trainer"][what] / best["pytorch"][what]
        for what in ("pictures_per_second", "pictures_per_processor_second")
    }
    return {"network": network, **best, "ratio": ratio, "loss_difference": difference}


def best_known(found):
    """Whether the system told the trainer its time on the processor."""
    return found["trainer"]["pictures_per_processor_second"] > 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", choices=["segment", "unet", "resnet", "densenet"])
    parser.add_argument("--trainer", required=True, help="the program derust-trainer")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--least", type=float, default=0.95, help="the ratio below which the script fails")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {options.threads} threads, batches of {options.batch} x {options.side} px")
    failed = False
    for network in options.networks:
        found = compare(network, options)
        print(json.dumps(found))
        for what, ratio in found["ratio"].items():
            print(
                f"{network:9} {what.replace('_', ' ')}: trainer {found['trainer'][what]:.2f}, "
                f"PyTorch {found['pytorch'][what]:.2f}, ratio {ratio:.3f}"
            )
        alone = options.threads == 1 and options.device == "cpu" and best_known(found)
        judged = "pictures_per_processor_second" if alone else "pictures_per_second"
        failed |= found["ratio"][judged] < options.least or found["loss_difference"] > 0.01
    sys.exit(failed)


main()
