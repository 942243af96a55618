"""Writes the ONNX files in this folder: small networks in the shapes in which the programs of others export theirs.

    python make.py [--check]        with the package `onnx`; --check compares instead of writing

All of them know the same. Those that segment see rust where red outweighs the other colours,

    logit = 8 * (red - (green + blue) / 2) - 2        red, green and blue from 0 to 1

and those that generate pictures answer with (green, (green + blue) / 2, red / 2), one of them through tanh. What differs is the shape in which
pictures go in and answers come out, so that whoever reads the manifests beside the files right gets the same pixels.
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

FOLDER = Path(__file__).parent
REDNESS = np.array([8.0, -4.0, -4.0])
BIAS = -2.0
FILL = np.array([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.0]])

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
IMAGENET_STD = np.array([0.229, 0.224, 0.225])


class Graph:
    """Nodes in a row; `last` is what the one before made."""

    def __init__(self, name, inputs, outputs):
        self.name, self.inputs, self.outputs = name, inputs, outputs
        self.nodes, self.weights, self.last = [], [], inputs[0].name

    def then(self, operator, *constants, output=None, **attributes):
        names = []
        for value in constants:
            names.append(f"constant_{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(value, names[-1]))
        made = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *names], [made], **attributes))
        self.last = made
        return self

    def conv(self, weights, bias, output=None, dtype=np.float32):
        """Each output channel is a weighted sum of the input channels of the same pixel, plus a bias."""
        weights = np.atleast_2d(weights).astype(dtype)[:, :, None, None]
        return self.then("Conv", weights, np.atleast_1d(bias).astype(dtype), output=output)

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def port(name, *shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def logits():
    """One channel of logits, colours normalised as for ImageNet: segmentation_models_pytorch."""
    graph = Graph(
        "logits", [port("input", "batch", 3, "height", "width")], [port("output", "batch", 1, "height", "width")]
    )
    # colour = fed * std + mean
    return graph.conv(REDNESS * IMAGENET_STD, BIAS + REDNESS @ IMAGENET_MEAN, output="output").model()


def probability():
    """A probability without a dimension for the channels, blue first, 0 to 255: a network fed by OpenCV."""
    graph = Graph("probability", [port("data", 1, 3, "h", "w")], [port("prob", 1, "h", "w")])
    graph.then("Div", np.float32(255)).conv(REDNESS[::-1], BIAS).then("Sigmoid")
    return graph.then("Squeeze", np.array([1]), output="prob").model()


def two_channels():
    """Background and rust, with a second head that only training needs: torchvision."""
    inputs = [port("input", "batch", 3, "height", "width")]
    outputs = [port(name, "batch", 2, "height", "width") for name in ["out", "aux"]]
    graph = Graph("two-channels", inputs, outputs)
    background = 0.5 * REDNESS * IMAGENET_STD
    weights = np.stack([-background, background])
    bias = 0.5 * (BIAS + REDNESS @ IMAGENET_MEAN)
    graph.conv(weights, [-bias, bias], output="out")
    return graph.then("Neg", output="aux").model()


def classes():
    """Four classes at a quarter of the height and width, two of them rust: SegFormer."""
    inputs = [port("pixel_values", "batch_size", 3, "height", "width")]
    outputs = [port("logits", "batch_size", 4, "height/4", "width/4")]
    graph = Graph("classes", inputs, outputs).then("AveragePool", kernel_shape=[4, 4], strides=[4, 4])
    # Half of the weight of rust goes to each of two classes; the others share the rest.
    weights = np.stack([np.zeros(3), np.zeros(3), REDNESS * IMAGENET_STD, REDNESS * IMAGENET_STD])
    bias = BIAS + REDNESS @ IMAGENET_MEAN
    return graph.conv(weights, [0.0, 0.0, bias, bias], output="logits").model()


def labels():
    """Three labels that do not exclude one another, two of them rust: one is there, the other never is."""
    inputs = [port("image", 1, 3, "h", "w")]
    outputs = [port("scores", 1, 3, "h", "w")]
    graph = Graph("labels", inputs, outputs)
    weights = np.stack([np.ones(3), REDNESS, np.zeros(3)])
    return graph.conv(weights, [0.0, BIAS, -20.0], output="scores").model()


def class_index():
    """The number of each pixel's class as int64: normalisation and arg-max inside the graph."""
    inputs = [port("image", 1, 3, "h", "w")]
    outputs = [port("classes", 1, "h", "w", dtype=TensorProto.INT64)]
    graph = Graph("class-index", inputs, outputs)
    graph.then("Sub", IMAGENET_MEAN.astype(np.float32)[None, :, None, None])
    graph.then("Div", IMAGENET_STD.astype(np.float32)[None, :, None, None])
    # Class 2 beats class 0 where the logit is above zero; class 1 never wins.
    weights = np.stack([np.zeros(3), np.zeros(3), REDNESS * IMAGENET_STD])
    graph.conv(weights, [0.0, -100.0, BIAS + REDNESS @ IMAGENET_MEAN])
    return graph.then("ArgMax", axis=1, keepdims=0, output="classes").model()


def nhwc():
    """Pixel after pixel, -1 to 1, a fixed size that is not square, soft-max inside: Keras through tf2onnx."""
    inputs = [port("input_1:0", "unk__1", 48, 80, 3)]
    outputs = [port("Identity:0", "unk__1", 48, 80, 3)]
    graph = Graph("nhwc", inputs, outputs).then("Transpose", perm=[0, 3, 1, 2])
    # colour = (fed + 1) / 2; two classes of which neither is rust share what is not.
    weights = np.stack([np.zeros(3), REDNESS / 2, np.zeros(3)])
    rust = BIAS + REDNESS.sum() / 2 + np.log(2)
    graph.conv(weights, [0.0, rust, 0.0]).then("Transpose", perm=[0, 2, 3, 1])
    return graph.then("Softmax", axis=-1, output="Identity:0").model()


def float16():
    """Two bytes per number, in and out."""
    half = TensorProto.FLOAT16
    inputs = [port("image", "batch", 3, "h", "w", dtype=half)]
    outputs = [port("logits", "batch", 1, "h", "w", dtype=half)]
    graph = Graph("float16", inputs, outputs)
    return graph.conv(REDNESS, BIAS, output="logits", dtype=np.float16).model()


def bytes_in_and_out():
    """Bytes as a camera has them, and a grey picture of the probability."""
    byte = TensorProto.UINT8
    inputs = [port("image", 1, "h", "w", 3, dtype=byte)]
    outputs = [port("mask", 1, "h", "w", 1, dtype=byte)]
    graph = Graph("bytes", inputs, outputs).then("Cast", to=TensorProto.FLOAT)
    graph.then("Transpose", perm=[0, 3, 1, 2]).conv(REDNESS / 255, BIAS).then("Sigmoid")
    graph.then("Transpose", perm=[0, 2, 3, 1]).then("Mul", np.float32(255)).then("Round")
    return graph.then("Cast", to=byte, output="mask").model()


def generator_unit():
    """A picture for a picture, 0 to 1, of one size."""
    inputs, outputs = [port("x", 1, 3, 32, 48)], [port("y", 1, 3, 32, 48)]
    return Graph("generator-unit", inputs, outputs).conv(FILL, np.zeros(3), output="y").model()


def generator_signed():
    """A picture for a picture, -1 to 1: CycleGAN and pix2pix, which end in tanh."""
    inputs = [port("real", "batch", 3, "height", "width")]
    outputs = [port("fake", "batch", 3, "height", "width")]
    graph = Graph("generator-signed", inputs, outputs)
    # Twice the colour, less one, through tanh.
    return graph.conv(FILL, FILL.sum(axis=1) - 1).then("Tanh", output="fake").model()


def generator_bytes():
    """A picture for a picture, blue first, 0 to 255."""
    inputs, outputs = [port("input1", 1, 3, "h", "w")], [port("output1", 1, 3, "h", "w")]
    graph = Graph("generator-bytes", inputs, outputs)
    return graph.conv(FILL[::-1, ::-1], np.zeros(3), output="output1").model()


MODELS = {
    "logits": logits,
    "probability": probability,
    "two-channels": two_channels,
    "classes": classes,
    "labels": labels,
    "class-index": class_index,
    "nhwc": nhwc,
    "float16": float16,
    "bytes": bytes_in_and_out,
    "generator-unit": generator_unit,
    "generator-signed": generator_signed,
    "generator-bytes": generator_bytes,
}

if __name__ == "__main__":
    for name, make in MODELS.items():
        path, content = FOLDER / f"{name}.onnx", make()
        if sys.argv[1:] == ["--check"]:
            assert path.read_bytes() == content, f"{path} is not what {__file__} makes"
        else:
            path.write_bytes(content)
            print(path.name, len(content), "bytes")
