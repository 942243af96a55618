"""Writes losses.json: losses, gradients and steps of optimisers that PyTorch works out from fixed inputs.

The unit tests of the trainer compare its own numbers to these. Run with PyTorch 2.11:

    python trainer/tests/reference/losses.py
"""

import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def numbers(*shape, low=-1.0, high=1.0, seed=0):
    """The same numbers on every machine, rounded so that float32 holds them closely and the file stays short."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(*shape, generator=generator) * (high - low) + low
    return (values * 1000).round() / 1000


def plain(tensor):
    if not isinstance(tensor, torch.Tensor):
        return tensor
    return {"shape": list(tensor.shape), "values": [round(v, 9) for v in tensor.detach().double().flatten().tolist()]}


def case(function, inputs, learns=()):
    """The loss, and its gradient by each of the inputs named in `learns`."""
    given = {name: value.clone() for name, value in inputs.items()}
    for name in learns:
        given[name].requires_grad_(True)
    loss = function(**given)
    loss.backward()
    return {
        "inputs": {name: plain(value) for name, value in inputs.items()},
        "loss": loss.item(),
        "gradients": {name: plain(given[name].grad) for name in learns},
    }


def weighted_mean(values, weight):
    return (values * weight).sum() / (weight.sum() * values.shape[1] + 1)


def reconstruction_losses():
    a, b = numbers(2, 3, 4, 5, low=0, seed=1), numbers(2, 3, 4, 5, low=0, seed=2)
    weight = numbers(2, 1, 4, 5, low=0, seed=3)
    layers = [numbers(3, 4, 2, 2, seed=4), numbers(3, 2, 3, 1, seed=5)]
    others = [numbers(3, 4, 2, 2, seed=6), numbers(3, 2, 3, 1, seed=7)]

    def gradient_difference(a, b, weight):
        d = a - b
        down, right = d[:, :, 1:] - d[:, :, :-1], d[:, :, :, 1:] - d[:, :, :, :-1]
        return weighted_mean(down.abs(), weight[:, :, 1:]) + weighted_mean(right.abs(), weight[:, :, :, 1:])

    def log_squared_error(a, b, weight):
        errors = [
            ((a[i] - b[i]) ** 2 * weight[i]).sum() / (3 * weight[i].sum() + 1) for i in range(a.shape[0])
        ]
        return sum(torch.log(1 + 1000 * error) for error in errors) / a.shape[0]

    features = {"real0": layers[0], "real1": layers[1], "fake0": others[0], "fake1": others[1]}
    return {
        "weighted_mean": case(weighted_mean, {"values": a, "weight": weight}, ["values"]),
        "gradient_difference": case(gradient_difference, {"a": a, "b": b, "weight": weight}, ["a"]),
        "log_squared_error": case(log_squared_error, {"a": a, "b": b, "weight": weight}, ["a"]),
        "feature_matching": case(
            lambda real0, real1, fake0, fake1: (F.l1_loss(fake0, real0) + F.l1_loss(fake1, real1)) / 2,
            features,
            ["fake0", "fake1"],
        ),
        "feature_means": case(
            lambda real0, real1, fake0, fake1: (
                F.mse_loss(fake0.mean(0), real0.mean(0)) + F.mse_loss(fake1.mean(0), real1.mean(0))
            )
            / 2,
            features,
            ["fake0", "fake1"],
        ),
    }


def segmentation_losses():
    probability = numbers(2, 1, 4, 5, low=0.02, high=0.98, seed=10)
    mask = (numbers(2, 1, 4, 5, seed=11) > 0).double()
    logits = numbers(2, 3, 4, 5, low=-3, high=3, seed=12)
    classes = numbers(2, 4, 5, low=0, high=2.99, seed=13).floor()
    unlabelled = classes.clone()
    unlabelled[0, 1:3] = 255
    grades, labels = numbers(5, 4, low=-3, high=3, seed=14), torch.tensor([0, 3, 1, 3, 2]).double()
    class_weight = torch.tensor([0.5, 1.0, 2.0, 4.0])

    def segmentation(probability, mask):
        dice = (2 * (probability * mask).sum() + 1) / (probability.sum() + mask.sum() + 1)
        return F.binary_cross_entropy(probability, mask) + 1 - dice

    def class_segmentation(logits, classes):
        known = classes != 255
        probability = logits.softmax(1).permute(0, 2, 3, 1)[known]
        wanted = F.one_hot(classes[known].long(), logits.shape[1]).double()
        dice = (2 * (probability * wanted).sum(0) + 1) / (probability.sum(0) + wanted.sum(0) + 1)
        return F.cross_entropy(logits, classes.long(), ignore_index=255) + (1 - dice).mean()

    return {
        "segmentation": case(segmentation, {"probability": probability, "mask": mask}, ["probability"]),
        "class_segmentation": case(class_segmentation, {"logits": logits, "classes": classes}, ["logits"]),
        "class_segmentation_unlabelled": case(
            class_segmentation, {"logits": logits, "classes": unlabelled}, ["logits"]
        ),
        "cross_entropy": case(
            lambda logits, classes: F.cross_entropy(logits, classes.long()),
            {"logits": grades, "classes": labels},
            ["logits"],
        ),
        "cross_entropy_weighted": case(
            lambda logits, classes, weight: F.cross_entropy(logits, classes.long(), weight=weight),
            {"logits": grades, "classes": labels, "weight": class_weight},
            ["logits"],
        ),
    }


def adversarial_losses():
    """Each loss with scores of whole pictures, with label smoothing, and with score maps under weights."""
    bce = F.binary_cross_entropy_with_logits

    def mean(values, weight):
        return values.mean() if weight is None else weighted_mean(values, weight)

    def filled(score, value):
        return torch.full_like(score, value)

    discriminators = {
        "minimax": lambda real, fake, s, rw, fw: mean(bce(real, filled(real, 1 - s), reduction="none"), rw)
        + mean(bce(fake, filled(fake, 0.0), reduction="none"), fw),
        "least-squares": lambda real, fake, s, rw, fw: (
            mean((real - (1 - s)) ** 2, rw) + mean(fake**2, fw)
        )
        / 2,
        "hinge": lambda real, fake, s, rw, fw: mean(F.relu(1 - s - real), rw) + mean(F.relu(1 + fake), fw),
        "wasserstein": lambda real, fake, s, rw, fw: mean(fake, fw) - mean(real, rw),
    }
    discriminators["non-saturating"] = discriminators["minimax"]
    generators = {
        "minimax": lambda fake, fw: mean(torch.log(1 - torch.sigmoid(fake)), fw),
        "non-saturating": lambda fake, fw: mean(-torch.log(torch.sigmoid(fake)), fw),
        "least-squares": lambda fake, fw: mean((fake - 1) ** 2, fw) / 2,
        "hinge": lambda fake, fw: mean(-fake, fw),
        "wasserstein": lambda fake, fw: mean(-fake, fw),
    }
    whole = {"real": numbers(4, 1, low=-2, high=2, seed=20), "fake": numbers(4, 1, low=-2, high=2, seed=21)}
    maps = {
        "real": numbers(2, 1, 3, 4, low=-2, high=2, seed=22),
        "fake": numbers(2, 1, 3, 4, low=-2, high=2, seed=23),
        "real_weight": numbers(2, 1, 3, 4, low=0, seed=24),
        "fake_weight": numbers(2, 1, 3, 4, low=0, seed=25),
    }

    def of(discriminator, generator, smoothing):
        def both(real, fake, real_weight=None, fake_weight=None):
            return discriminator(real, fake, smoothing, real_weight, fake_weight)

        def made(fake, fake_weight=None):
            return generator(fake, fake_weight)

        return {
            "discriminator": case(both, whole if smoothing else maps, ["real", "fake"]),
            "generator": case(
                made, {k: v for k, v in (whole if smoothing else maps).items() if "fake" in k}, ["fake"]
            ),
            "smoothing": smoothing,
        }

    return {
        name: [of(discriminators[name], generators[name], smoothing) for smoothing in (0.0, 0.1)]
        for name in generators
    }


def gradient_penalty():
    """A critic of two convolutions: the gradients by its weights go through a gradient themselves."""
    inputs = {
        "real": numbers(3, 2, 5, 5, low=0, seed=30),
        "fake": numbers(3, 2, 5, 5, low=0, seed=31),
        "place": numbers(3, 1, 1, 1, low=0, seed=32),
        "first": numbers(4, 2, 3, 3, seed=33),
        "second": numbers(1, 4, 3, 3, seed=34),
    }

    def penalty(real, fake, place, first, second):
        point = (place * real + (1 - place) * fake).requires_grad_(True)
        score = F.conv2d(torch.tanh(F.conv2d(point, first)), second).flatten(1).mean(1)
        (gradient,) = torch.autograd.grad(score.sum(), point, create_graph=True)
        return ((gradient.flatten(1).norm(dim=1) - 1) ** 2).mean()

    return case(penalty, inputs, ["first", "second"])


def variational_losses():
    made, wanted = numbers(2, 3, 4, 4, low=0, seed=40), numbers(2, 3, 4, 4, low=0, seed=41)
    mean, log_variance = numbers(3, 5, seed=42), numbers(3, 5, seed=43)

    def divergence(mean, log_variance):
        normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
        standard = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
        return torch.distributions.kl_divergence(normal, standard).sum(1).mean()

    return {
        "reconstruction": case(
            lambda made, wanted: F.mse_loss(made, wanted, reduction="sum") / 2 / made.shape[0],
            {"made": made, "wanted": wanted},
            ["made"],
        ),
        "divergence": case(
            divergence, {"mean": mean, "log_variance": log_variance}, ["mean", "log_variance"]
        ),
    }


def optimiser_steps():
    """Two parameters after each of four steps with given gradients."""
    optimisers = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd-decay": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.05),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.99, eps=1e-8),
        "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8),
        "adam-decay": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.5, 0.99), eps=1e-8, weight_decay=0.05),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    }
    starts = [numbers(2, 3, seed=50), numbers(4, seed=51)]
    gradients = [[numbers(2, 3, seed=52 + 2 * i), numbers(4, seed=53 + 2 * i)] for i in range(4)]
    found = {}
    for name, make in optimisers.items():
        parameters = [torch.nn.Parameter(start.clone()) for start in starts]
        optimiser = make(parameters)
        after = []
        for step in gradients:
            for parameter, gradient in zip(parameters, step):
                parameter.grad = gradient.clone()
            optimiser.step()
            after.append([plain(parameter) for parameter in parameters])
        found[name] = after
    return {
        "start": [plain(start) for start in starts],
        "gradients": [[plain(g) for g in step] for step in gradients],
        "after": found,
    }


def spectral_norm():
    """What the power iteration of spectral normalisation comes to: the weight over its largest singular value."""
    weight = numbers(4, 2, 3, 3, seed=60)
    return {"weight": plain(weight), "normed": plain(weight / torch.linalg.matrix_norm(weight.flatten(1), 2))}


def main():
    assert torch.__version__.startswith("2.11"), f"PyTorch 2.11 is wanted, this is {torch.__version__}"
    reference = {
        "pytorch": torch.__version__.split("+")[0],
        **reconstruction_losses(),
        **segmentation_losses(),
        **variational_losses(),
        "gradient_penalty": gradient_penalty(),
        "adversarial": adversarial_losses(),
        "optimisers": optimiser_steps(),
        "spectral_norm": spectral_norm(),
    }
    path = pathlib.Path(__file__).with_name("losses.json")
    path.write_text(json.dumps(reference, separators=(",", ":")).replace('},"', '},\n"') + "\n")


main()
