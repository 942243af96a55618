//! What it costs to try a model out in a process of its own, and to have ten thousand models in a folder:
//! `cargo build --release -p derust-trial && cargo run --release -p derust-trial --example cost`.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use derust_engine::fixtures::{Convolution, Network};
use derust_engine::models::{Store, inspect};
use derust_engine::trial::TrialOptions;
use derust_engine::{Control, Engine, EngineOptions, Kind};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("models");
    fs::create_dir(&models)?;
    let program = std::env::current_exe()?.ancestors().nth(2).ok_or("no build folder")?.join("derust-trial");
    if !program.is_file() {
        return Err(format!("{} is missing; build it first", program.display()).into());
    }
    let engine = |trial| {
        Engine::new(EngineOptions {
            store: Store::only(std::slice::from_ref(&models)),
            trial,
            ..Default::default()
        })
    };
    let apart = TrialOptions {
        program: Some(program),
        record: Some(folder.path().join("trials")),
        ..Default::default()
    };
    let (here, apart) = (engine(TrialOptions::default()), engine(apart));

    let network = |name: &str| Network::segment(name, Convolution::pointwise(&[&[0.0; 3]], &[0.5])).to_onnx();
    let onnx = network("one");
    let model = inspect(&onnx, None)?;
    let timed = |work: &dyn Fn() -> Result<(), Box<dyn Error>>| -> Result<Duration, Box<dyn Error>> {
        let begin = Instant::now();
        work()?;
        Ok(begin.elapsed())
    };
    for _ in 0..5 {
        let times = [&here, &apart]
            .map(|engine| timed(&|| Ok(engine.try_out(&model, &onnx, 0, Control::default()).map(drop)?)));
        let [here, apart] = times;
        println!("a trial in this process {:?}, in its own {:?}", here?, apart?);
    }

    for i in 0..10_000 {
        fs::write(models.join(format!("n{i}.onnx")), network(&format!("n{i}")))?;
    }
    let prepare = || Ok(apart.prepare(Kind::SegmentRust, None, Control::default()).map(drop)?);
    println!("ten thousand models: first use {:?}", timed(&prepare)?);
    println!("ten thousand models: second use {:?}", timed(&prepare)?);
    std::thread::sleep(Duration::from_secs(4));
    for _ in 0..2 {
        println!("ten thousand models: refresh {:?}", timed(&|| Ok(apart.refresh(Control::default())?))?);
    }
    println!(
        "ten thousand models: list {:?}",
        timed(&|| {
            apart.models();
            Ok(())
        })?
    );
    Ok(())
}
