use super::*;
use crate::model_file::onnx::{Form, encode};
use crate::model_file::parity;
use crate::networks::architectures::{AlphaRamp, PatchDiscriminator, derust, discriminator};
use crate::networks::fold::{FoldedNetwork, WeightStorage};
use crate::networks::network::Mode;
use crate::run::statistics::restore_statistics;
use derust_manifest::{Input, InputRole, Output, OutputRole};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin/models");

fn shipped(name: &str) -> std::path::PathBuf {
    Path::new(SHIPPED).join(name)
}

fn manifest(kind: Kind) -> Manifest {
    let roles = match kind {
        Kind::Derust => vec![("fill", OutputRole::Rgb), ("alpha", OutputRole::Alpha)],
        _ => vec![("probability", OutputRole::Probability)],
    };
    let masks = (kind == Kind::Derust).then(|| Input::new("mask", InputRole::Mask));
    Manifest {
        schema: 1,
        kind,
        name: "tiny".into(),
        version: semver::Version::new(1, 0, 0),
        licence: String::new(),
        trained_on: String::new(),
        metrics: Default::default(),
        inputs: std::iter::once(Input::new("image", InputRole::Image)).chain(masks).collect(),
        outputs: roles.into_iter().map(|(name, role)| Output::new(name, role)).collect(),
        tile: Default::default(),
        long_side: Some(320),
        threshold: 0.375,
        views: 1,
        mirror_scale: None,
    }
}

/// A network whose normalisations have statistics, gains and biases of their own.
fn trained(graph: Graph) -> (nn::VarStore, Network) {
    let store = nn::VarStore::new(Device::Cpu);
    let network = Network::new(&store.root(), graph);
    tch::no_grad(|| {
        for (name, mut variable) in store.variables() {
            if name.contains("norm") && !name.contains("running") {
                let _ = variable.g_add_(&(variable.randn_like() * 0.2));
            }
        }
        for _ in 0..30 {
            let inputs = pictures(&network, 4);
            network.forward(&inputs.iter().collect::<Vec<_>>(), Mode::Train);
        }
    });
    (store, network)
}

fn pictures(network: &Network, count: i64) -> Vec<Tensor> {
    let channels =
        network.graph.inputs().map(|id| (network.graph.channels(id), &network.graph.nodes[id].name));
    channels
        .map(|(channels, name)| {
            let side = match name.as_str() {
                "quarter" => 16,
                "eighth" => 8,
                "sixteenth" => 4,
                _ => 64,
            };
            Tensor::rand([count, channels, side, side], (tch::Kind::Float, Device::Cpu))
        })
        .collect()
}

fn largest(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn run(network: &Network, inputs: &[Tensor], mode: Mode) -> Tensor {
    tch::no_grad(|| network.forward(&inputs.iter().collect::<Vec<_>>(), mode).remove(0))
}

#[test]
fn an_exported_segmenter_comes_back_and_computes_the_same_in_training_too() {
    tch::manual_seed(5);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.onnx");
    let (_store, original) = trained(segmenter(0.5));
    let folded = FoldedNetwork::new(&original, WeightStorage::Float16);
    std::fs::write(&file, encode(&folded, Form::Float32, &manifest(Kind::SegmentRust))).unwrap();

    let weights = Weights::read(&file, Part::Find).unwrap();
    assert_eq!(weights.segmenter_width().unwrap(), 0.5);
    let store = nn::VarStore::new(Device::Cpu);
    let imported = Network::new(&store.root(), segmenter(0.5));
    weights.restore(&imported).unwrap();
    let batch = pictures(&imported, 6);
    let expected = run(&folded.network, &batch, Mode::Evaluate);
    assert!(largest(&run(&imported, &batch, Mode::Evaluate), &expected) < 1e-4);
    // Without statistics a training step would see another network.
    let foreign = largest(&run(&imported, &batch, Mode::Train), &expected);
    assert!(foreign > 0.05, "{foreign}");

    weights.restore(&imported).unwrap();
    restore_statistics(&imported, &[batch.iter().map(Tensor::shallow_clone).collect()]);
    let evaluated = largest(&run(&imported, &batch, Mode::Evaluate), &expected);
    assert!(evaluated < 1e-3, "{evaluated}");
    let again = FoldedNetwork::new(&imported, WeightStorage::Float16);
    let again = encode(&again, Form::Float32, &manifest(Kind::SegmentRust));
    let exported = parity::difference(&folded.network, &again).unwrap();
    assert!(exported < 1e-3, "{exported}");
    let in_training = largest(&run(&imported, &batch, Mode::Train), &expected);
    assert!(in_training < 1e-2, "{in_training}");
    assert_filters_learn_at_the_pace_of_fresh_ones(&imported);

    let taken = segmentation(&file).unwrap();
    assert_eq!(taken.get("run", "threshold").unwrap().double_value(&[0]), 0.375);
    assert_eq!(taken.get("run", "long_side").unwrap().int64_value(&[0]), 320);
}

/// Steps have the same size whatever a weight's, so filters have to be as large as those that training begins with.
fn assert_filters_learn_at_the_pace_of_fresh_ones(network: &Network) {
    for (id, _) in network.graph.convolutions().filter(|(id, _)| network.graph.norm_of(*id).is_some()) {
        let filters = &network.parameters(id)["weight"];
        let fan_in: i64 = filters.size()[1..].iter().product();
        let sizes = (filters * filters).mean_dim([1, 2, 3].as_slice(), false, None) * (fan_in as f64 / 2.0);
        let (least, most) = (sizes.min().double_value(&[]), sizes.max().double_value(&[]));
        assert!(least > 0.99 && most < 1.01, "{}: {least} to {most}", network.graph.nodes[id].name);
    }
}

#[test]
fn both_parts_of_a_derust_model_come_back() {
    tch::manual_seed(6);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.onnx");
    let (_store, original) =
        trained(derust(Family::Unet, 0.25, 1.0, AlphaRamp { from: 0.4, to: 0.6, grown: 2 }));
    let folded = FoldedNetwork::new(&original, WeightStorage::Float32);
    std::fs::write(&file, encode(&folded, Form::Float32, &manifest(Kind::Derust))).unwrap();

    let run_of_file = segmentation(&file).unwrap();
    assert_eq!(run_of_file.get("run", "width").unwrap().double_value(&[0]), 0.25);
    let finder = FrozenFinder::new(&run_of_file, Device::Cpu).unwrap();
    let store = nn::VarStore::new(Device::Cpu);
    let fill = Network::new(&store.root(), generator(Family::Unet, 1.0, 0.25));
    let weights = Weights::read(&file, Part::Fill).unwrap();
    weights.restore(&fill).unwrap();
    let mut inputs = pictures(&original, 3);
    let expected = run(&folded.network, &inputs, Mode::Evaluate);
    // The mask is drawn: nothing in the picture is doubted.
    inputs.push(inputs[1].zeros_like());
    let features = finder.features(&inputs[0]);
    assert_eq!(features, finder.find(&inputs[0]).features);
    inputs.extend(features);
    restore_statistics(&fill, &[inputs.iter().map(Tensor::shallow_clone).collect()]);
    let difference = largest(&run(&fill, &inputs, Mode::Evaluate), &expected);
    assert!(difference < 1e-3, "{difference}");

    let said = format!("{:#}", weights.restore(&Network::new(&store.root(), segmenter(0.25))).unwrap_err());
    assert!(said.contains("tiny.onnx holds another network"), "{said}");
}

#[test]
fn the_shipped_networks_come_in_whole() {
    for name in ["segment-rust.onnx", "derust.onnx"] {
        let run = segmentation(&shipped(name)).unwrap();
        assert_eq!(run.get("run", "width").unwrap().double_value(&[0]), 1.0);
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), segmenter(1.0));
        run.restore_store("weights", &store).unwrap();
        // Both files hold the same network; one says what it finds.
        let onnx = std::fs::read(shipped("segment-rust.onnx")).unwrap();
        let difference = parity::difference(&network, &onnx).unwrap();
        assert!(difference < 1e-4, "{name}: {difference}");
    }
    let store = nn::VarStore::new(Device::Cpu);
    let fill = Network::new(&store.root(), generator(Family::Relief, 1.0, 1.0));
    let weights = Weights::read(&shipped("derust.onnx"), Part::Fill).unwrap();
    weights.restore(&fill).unwrap();
    assert_eq!(weights.family(1.0), Some(Family::Relief));
}

#[test]
fn a_wrong_file_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tiny.onnx");
    let refusal = |part| format!("{:#}", Weights::read(&file, part).err().unwrap());
    assert!(refusal(Part::Find).contains("cannot be read"));
    std::fs::write(&file, "no network").unwrap();
    assert!(refusal(Part::Find).contains("tiny.onnx cannot be used"), "{}", refusal(Part::Find));
    let whole = std::fs::read(shipped("segment-rust.onnx")).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    assert!(refusal(Part::Find).contains("tiny.onnx cannot be used"), "{}", refusal(Part::Find));
    std::fs::write(&file, whole).unwrap();
    assert!(refusal(Part::Fill).contains("nothing in it fills"), "{}", refusal(Part::Fill));

    let network = discriminator(PatchDiscriminator::default());
    let store = nn::VarStore::new(Device::Cpu);
    let folded = FoldedNetwork::new(&Network::new(&store.root(), network), WeightStorage::Float16);
    let about = Manifest {
        outputs: vec![Output::new("score", OutputRole::Probability)],
        ..manifest(Kind::SegmentRust)
    };
    std::fs::write(&file, encode(&folded, Form::Float32, &about)).unwrap();
    let said = format!("{:#}", segmentation(&file).err().unwrap());
    assert!(said.contains("tiny.onnx") && said.lines().count() == 1, "{said}");
}
