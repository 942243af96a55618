use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use derust_manifest::onnx;
use ndarray::{Array2, Array3};
use prost::Message as _;

use super::views::View;
use super::*;
use crate::fixtures::{Convolution, Network as Fixture};
use crate::models::inspect;

/// A picture with something to see everywhere.
pub(super) fn picture(width: usize, height: usize) -> Array3<f32> {
    Array3::from_shape_fn((3, height, width), |(c, y, x)| {
        let wave = (x as f32 * 0.071 + c as f32).sin() * (y as f32 * 0.043).cos();
        0.5 + 0.4 * wave + ((x * 31 + y * 17 + c * 7) % 13) as f32 / 200.0
    })
}

pub(super) fn network(onnx: Vec<u8>, at_once: usize) -> Network {
    let mut network = Network::new(inspect(&onnx, None).unwrap(), onnx.into(), 1, Log::default());
    network.fit.wanted_at_once = Some(at_once);
    network
}

pub(super) fn run(
    network: &Network,
    picture: &Array3<f32>,
    mask: Option<&Array2<f32>>,
) -> Result<Analysis, Error> {
    let runtime = Runtime::load(None).unwrap();
    let mask = mask.map(|mask| mask.view());
    network.run(&runtime, &SessionOptions::default(), picture.view(), mask, Control::default())
}

/// The largest difference between what was found.
fn difference(a: &Analysis, b: &Analysis) -> f32 {
    let planes = |found: &Analysis| {
        let planes = [found.probability.clone(), found.alpha.clone()];
        let planes = planes.into_iter().flatten().flat_map(|plane| plane.into_iter());
        planes.chain(found.fill.clone().into_iter().flatten()).collect::<Vec<f32>>()
    };
    let (a, b) = (planes(a), planes(b));
    assert!(!a.is_empty() && a.len() == b.len());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn tiles_at_once_give_what_they_give_one_by_one() {
    let fill = Convolution::pointwise(&[&[0.9, 0.1, 0.0], &[0.0, 0.8, 0.1], &[0.1, 0.0, 0.7]], &[0.05; 3]);
    let alpha = Convolution { weights: vec![vec![vec![0.03; 9]; 4]], bias: vec![0.1] };
    let masked = Fixture::derust(
        "masked",
        Convolution {
            weights: fill
                .weights
                .iter()
                .map(|row| {
                    let mut row = row.clone();
                    row.push(vec![0.2]);
                    row
                })
                .collect(),
            ..fill
        },
        alpha,
        true,
    );
    let picture = picture(230, 170);
    let mask = Array2::from_shape_fn((170, 230), |(y, x)| ((x / 20 + y / 30) % 2) as f32);
    for (onnx, mask) in [
        (Fixture::segment("mean", Convolution::mean(5)).to_onnx(), None),
        (masked.to_onnx(), Some(&mask)),
        (masked.to_onnx(), None),
    ] {
        let expected = run(&network(onnx.clone(), 1), &picture, mask).unwrap();
        for at_once in [2, 5, 8, 1000] {
            let found = run(&network(onnx.clone(), at_once), &picture, mask).unwrap();
            assert!(difference(&found, &expected) <= 1e-5, "{at_once}: {}", difference(&found, &expected));
        }
    }
}

/// Looks at what lies to the left and above, so that it sees something else in a mirror.
fn lopsided() -> Fixture {
    let alone = |red: f32| (0..4).map(|c| vec![if c == 0 { red } else { 0.0 }; 9]).collect::<Vec<_>>();
    let mut alpha = Convolution { weights: vec![alone(0.0)], bias: vec![0.1] };
    alpha.weights[0][3][0] = 0.5;
    alpha.weights[0][1][3] = 0.2;
    let mut fill = Convolution { weights: vec![alone(0.01), alone(0.03), alone(0.05)], bias: vec![0.1; 3] };
    fill.weights[0][2][1] = 0.3;
    Fixture::derust("lopsided", fill, alpha, true)
}

#[test]
fn views_are_averaged() {
    let picture = picture(150, 90);
    let mask = Array2::from_shape_fn((90, 150), |(y, x)| ((x / 20 + y / 30) % 2) as f32);
    let mut fixture = lopsided();
    let alone = network(fixture.to_onnx(), 1);
    let seen = |view: &View| {
        let mask = view.of(mask.view().insert_axis(Axis(0))).index_axis_move(Axis(0), 0).to_owned();
        let found = run(&alone, &view.of(picture.view()).to_owned(), Some(&mask)).unwrap();
        let alpha = view.of(found.alpha.unwrap().insert_axis(Axis(0))).index_axis_move(Axis(0), 0);
        Analysis { fill: found.fill.map(|fill| view.of(fill)), alpha: Some(alpha), probability: None }
    };
    for views in [2, 4] {
        fixture.manifest.views = views;
        let seen: Vec<Analysis> = View::first(views).iter().map(seen).collect();
        assert!(difference(&seen[0], &seen[1]) > 0.02);
        let part = 1.0 / views as f32;
        let alpha = seen.iter().map(|found| found.alpha.clone().unwrap() * part).reduce(|sum, one| sum + one);
        let fill = seen.iter().map(|found| found.fill.clone().unwrap() * part).reduce(|sum, one| sum + one);
        for at_once in [1, 4] {
            let found = run(&network(fixture.to_onnx(), at_once), &picture, Some(&mask)).unwrap();
            let expected = Analysis { fill: fill.clone(), alpha: alpha.clone(), probability: None };
            assert!(difference(&found, &expected) < 1e-5, "{}", difference(&found, &expected));
        }
    }
}

#[test]
fn mirror_images_are_seen_at_a_scale_of_their_own() {
    let picture = picture(150, 90);
    let mut kernel = vec![vec![0.0; 9]; 3];
    (kernel[0][3], kernel[1][1]) = (0.7, 0.2);
    let finder = Convolution { weights: vec![kernel], bias: vec![0.05] };
    let mut fixture = Fixture::segment("lopsided", finder);
    let alone = network(fixture.to_onnx(), 1);
    let probability = |colours: &Array3<f32>| run(&alone, colours, None).unwrap().probability.unwrap();
    let smaller = resample::smaller(picture.view(), 0.6).unwrap();
    assert_eq!(smaller.dim(), (3, 54, 90));
    for views in [2, 4] {
        (fixture.manifest.views, fixture.manifest.mirror_scale) = (views, Some(0.6));
        let mut expected = probability(&picture);
        for view in &View::first(views)[1..] {
            let seen = probability(&view.of(smaller.view()).to_owned()).insert_axis(Axis(0));
            expected +=
                &enlarged(&view.of(seen.view()).to_owned(), (90, 150)).unwrap().index_axis_move(Axis(0), 0);
        }
        expected *= 1.0 / views as f32;
        let told = Mutex::new(vec![]);
        let tell = |part| told.lock().unwrap().push(part);
        let control = Control::new(Some(&tell), None);
        let runtime = Runtime::load(None).unwrap();
        let network = network(fixture.to_onnx(), 1);
        let found = network.run(&runtime, &SessionOptions::default(), picture.view(), None, control).unwrap();
        let difference = (found.probability.unwrap() - expected).abs().into_iter().fold(0.0, f32::max);
        assert!(difference < 1e-5, "{difference}");
        let told = told.into_inner().unwrap();
        assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
    }
}

#[test]
fn tiles_are_shared_out_evenly_and_only_on_networks_that_take_several() {
    let onnx = Fixture::red_is_rust().to_onnx();
    let model = inspect(&onnx, None).unwrap();
    let session = Runtime::load(None).unwrap().session(&onnx, &SessionOptions::default()).unwrap();
    let at_once = |model: &Model, wanted: Option<usize>| {
        let mut fit = Fit::new(model);
        fit.wanted_at_once = wanted;
        let size = fit.size(model, &session, (200, 150));
        assert_eq!(size.plan.len(), 12);
        size.at_once
    };
    assert_eq!([1, 5, 7, 8, 12, 99].map(|wanted| at_once(&model, Some(wanted))), [1, 4, 6, 6, 12, 12]);
    if session.placement().provider() == crate::runtime::Provider::Cpu {
        assert_eq!(at_once(&model, None), 1);
    }
    assert_eq!(at_once(&Model { takes_batches: false, ..model }, Some(8)), 1);
}

/// It declares any number of pictures, and makes one row of pixels after the other out of them.
#[test]
fn a_network_that_takes_one_tile_and_says_otherwise_gets_one() {
    let fixture = Fixture::red_is_rust();
    let mut model = fixture.to_model();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.push(onnx::Tensor::ints("one.shape", &[1, 1, -1, 64]));
    let last = graph.node.last_mut().unwrap();
    last.output = vec!["many".into()];
    graph.node.push(onnx::Node {
        op_type: "Reshape".into(),
        input: vec!["many".into(), "one.shape".into()],
        output: vec![fixture.manifest.outputs[0].name.clone()],
        ..Default::default()
    });
    let picture = picture(200, 150);
    let network = network(model.encode_to_vec(), 4);
    let found = run(&network, &picture, None).unwrap();
    let expected = run(&self::network(fixture.to_onnx(), 1), &picture, None).unwrap();
    assert_eq!(difference(&found, &expected), 0.0);
}

#[test]
fn the_shipped_networks_give_the_same_for_several_tiles() {
    let picture = picture(300, 250);
    let shipped: [(&str, &[u8]); 2] = [
        ("segment-rust", include_bytes!("../../../models/segment-rust.onnx")),
        ("derust", include_bytes!("../../../models/derust.onnx")),
    ];
    for (name, onnx) in shipped {
        let mut one = network(onnx.to_vec(), 1);
        let mut four = network(onnx.to_vec(), 4);
        for network in [&mut one, &mut four] {
            network.model.manifest.tile.size = 128;
            let wanted = network.fit.wanted_at_once;
            network.fit = Fit::new(&network.model);
            network.fit.wanted_at_once = wanted;
        }
        let (one, four) = (run(&one, &picture, None).unwrap(), run(&four, &picture, None).unwrap());
        assert!(difference(&one, &four) <= 1e-5, "{name}: {}", difference(&one, &four));
    }
}

#[test]
fn progress_grows_and_a_call_stops_between_groups() {
    let network = network(Fixture::red_is_rust().to_onnx(), 5);
    let picture = picture(200, 150);
    let (told, cancel) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let hear = |done: f32| told.lock().unwrap().push(done);
    let runtime = Runtime::load(None).unwrap();
    let run = |control| network.run(&runtime, &SessionOptions::default(), picture.view(), None, control);
    run(Control::new(Some(&hear), Some(&cancel))).unwrap();
    let told = std::mem::take(&mut *told.lock().unwrap());
    let told: Vec<f32> = told.iter().map(|done| done * 12.0).collect();
    assert_eq!(told, [0.0, 0.0, 4.0, 8.0, 12.0]);
    let stop = |done: f32| cancel.store(done > 0.3, std::sync::atomic::Ordering::Relaxed);
    let error = run(Control::new(Some(&stop), Some(&cancel))).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
}
