//! Comparison with what Python's PyTorch works out from the same inputs; `tests/reference/losses.py` wrote it.

use clap::ValueEnum;
use serde_json::Value;
use tch::{Device, Kind, Tensor, nn};

use super::*;
use crate::networks::graph::{Conv, Graph, Op};
use crate::networks::network::{Mode, Network};

/// Largest difference of any number.
const TOLERANCE: f64 = 1e-5;

/// What PyTorch worked out.
pub fn reference() -> Value {
    serde_json::from_str(include_str!("../../tests/reference/losses.json")).unwrap()
}

/// A tensor of the reference.
pub fn tensor(value: &Value) -> Tensor {
    let list = |name: &str| value[name].as_array().unwrap().iter();
    let values: Vec<f32> = list("values").map(|value| value.as_f64().unwrap() as f32).collect();
    let shape: Vec<i64> = list("shape").map(|side| side.as_i64().unwrap()).collect();
    Tensor::from_slice(&values).view(&shape[..])
}

fn close(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.size(), expected.size(), "{what}");
    let difference = (found - expected).abs().max().double_value(&[]);
    assert!(difference < TOLERANCE, "{what} differs by {difference}");
}

/// Computes a loss from a case's inputs, in the order of `names`, and compares it and its gradients.
fn compare(what: &str, case: &Value, names: &[&str], loss: impl Fn(&[Tensor]) -> Tensor) {
    let gradients = case["gradients"].as_object().unwrap();
    assert!(!gradients.is_empty(), "{what} has no gradient to compare");
    let inputs: Vec<Tensor> = names
        .iter()
        .map(|name| tensor(&case["inputs"][name]).set_requires_grad(gradients.contains_key(*name)))
        .collect();
    let found = loss(&inputs);
    close(what, &found, &Tensor::from(case["loss"].as_f64().unwrap()).to_kind(Kind::Float));
    found.backward();
    for (name, input) in names.iter().zip(&inputs) {
        if let Some(expected) = gradients.get(*name) {
            close(&format!("{what} by {name}"), &input.grad(), &tensor(expected));
        }
    }
}

#[test]
fn reconstruction_agrees_with_pytorch() {
    let all = reference();
    let case = |name: &str, inputs: &[&str], loss: &dyn Fn(&[Tensor]) -> Tensor| {
        compare(name, &all[name], inputs, loss);
    };
    case("weighted_mean", &["values", "weight"], &|x| weighted_mean(&x[0], &x[1]));
    case("gradient_difference", &["a", "b", "weight"], &|x| gradient_difference(&x[0], &x[1], &x[2]));
    case("log_squared_error", &["a", "b", "weight"], &|x| log_squared_error(&x[0], &x[1], &x[2]));
    let layers = ["real0", "real1", "fake0", "fake1"];
    case("feature_matching", &layers, &|x| feature_matching(&x[..2], &x[2..]));
    case("feature_means", &layers, &|x| feature_means(&x[..2], &x[2..]));
    case("reconstruction", &["made", "wanted"], &|x| variational::reconstruction(&x[0], &x[1]));
    case("divergence", &["mean", "log_variance"], &|x| variational::divergence(&x[0], &x[1]));
}

#[test]
fn segmentation_and_grading_agree_with_pytorch() {
    let all = reference();
    let case = |name: &str, inputs: &[&str], loss: &dyn Fn(&[Tensor]) -> Tensor| {
        compare(name, &all[name], inputs, loss);
    };
    case("segmentation", &["probability", "mask"], &|x| segmentation(&x[0], &x[1], 0));
    let whole = |classes: &Tensor| classes.to_kind(Kind::Int64);
    for name in ["class_segmentation", "class_segmentation_unlabelled"] {
        case(name, &["logits", "classes"], &|x| class_segmentation(&x[0], &whole(&x[1])));
    }
    case("cross_entropy", &["logits", "classes"], &|x| cross_entropy(&x[0], &whole(&x[1]), None));
    case("cross_entropy_weighted", &["logits", "classes", "weight"], &|x| {
        cross_entropy(&x[0], &whole(&x[1]), Some(&x[2]))
    });
}

#[test]
fn every_adversarial_loss_agrees_with_pytorch() {
    let all = reference();
    let losses = all["adversarial"].as_object().unwrap();
    assert_eq!(losses.len(), AdversarialLoss::value_variants().len());
    for (name, cases) in losses {
        let loss = AdversarialLoss::from_str(name, false).unwrap();
        for case in cases.as_array().unwrap() {
            let smoothing = case["smoothing"].as_f64().unwrap();
            let of = |part: &str| format!("{name} of the {part} with smoothing {smoothing}");
            let (discriminator, generator) = (&case["discriminator"], &case["generator"]);
            if discriminator["inputs"].get("real_weight").is_none() {
                compare(&of("discriminator"), discriminator, &["real", "fake"], |x| {
                    loss.discriminator(Scores::new(&x[0], None), Scores::new(&x[1], None), smoothing)
                });
                compare(&of("generator"), generator, &["fake"], |x| loss.generator(Scores::new(&x[0], None)));
                continue;
            }
            let names = ["real", "fake", "real_weight", "fake_weight"];
            compare(&of("discriminator"), discriminator, &names, |x| {
                let (real, fake) = (Scores::new(&x[0], Some(&x[2])), Scores::new(&x[1], Some(&x[3])));
                loss.discriminator(real, fake, smoothing)
            });
            compare(&of("generator"), generator, &["fake", "fake_weight"], |x| {
                loss.generator(Scores::new(&x[0], Some(&x[1])))
            });
        }
    }
}

#[test]
fn the_gradient_penalty_and_what_flows_through_it_agree_with_pytorch() {
    let names = ["real", "fake", "place", "first", "second"];
    compare("gradient_penalty", &reference()["gradient_penalty"], &names, |x| {
        gradient_penalty(&x[0], &x[1], &x[2], |point| {
            let convolve =
                |x: &Tensor, weight: &Tensor| x.conv2d::<Tensor>(weight, None, [1, 1], [0, 0], [1, 1], 1);
            convolve(&convolve(point, &x[3]).tanh(), &x[4])
        })
    });
}

#[test]
fn spectral_normalisation_comes_to_what_pytorch_divides_by() {
    let case = &reference()["spectral_norm"];
    let mut g = Graph::default();
    let image = g.input("image", 2);
    let conv = Conv {
        inputs: 2,
        outputs: 4,
        kernel: 3,
        stride: 1,
        dilation: 1,
        groups: 1,
        bias: false,
        spectral: true,
    };
    let id = g.push(Op::Conv(conv), &[image]);
    g.output("score", id);
    let store = nn::VarStore::new(Device::Cpu);
    let network = Network::new(&store.root(), g);
    let mut weight = network.parameters(id)["weight"].shallow_clone();
    tch::no_grad(|| weight.copy_(&tensor(&case["weight"])));
    for _ in 0..200 {
        let _ = network.weight(id, Mode::Train);
    }
    close("the weight", &network.weight(id, Mode::Evaluate), &tensor(&case["normed"]));
}
