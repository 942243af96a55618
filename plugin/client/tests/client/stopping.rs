//! Progress, stopping, panics, and callbacks that come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use derust_client::*;
use derust_engine::fixtures::{Convolution, Network};

use crate::{engine, image, layout, load, options, picture};

#[test]
fn a_progress_function_watches_and_stops_a_call() {
    let pixels = picture();
    let mut told = vec![];
    let mut progress = |done: f32| {
        told.push(done);
        true
    };
    let options = SegmentOptions { progress: Some(&mut progress), ..Default::default() };
    engine().segment(&image(&pixels), Default::default(), options).unwrap();
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
    let mut stop = |_: f32| false;
    let options = RemoveOptions { progress: Some(&mut stop), ..Default::default() };
    let stopped = engine().analyse_removal(&image(&pixels), options).map(drop).unwrap_err();
    assert!(stopped.is_cancelled(), "{stopped}");
}

#[test]
fn a_call_that_takes_too_long_says_so() {
    let pixels = picture();
    let mut dawdle = |_: f32| {
        std::thread::sleep(Duration::from_millis(30));
        true
    };
    let timeout = Some(Duration::from_millis(10));
    let late = |error: Error| {
        assert_eq!((error.kind(), error.name()), (ErrorKind::Timeout, "DERUST_ERROR_TIMEOUT"));
    };
    let options = SegmentOptions { progress: Some(&mut dawdle), timeout, ..Default::default() };
    late(engine().segment(&image(&pixels), Default::default(), options).map(drop).unwrap_err());
    let options = RemoveOptions { progress: Some(&mut dawdle), timeout, ..Default::default() };
    late(engine().analyse_removal(&image(&pixels), options).map(drop).unwrap_err());
    let analysis = engine().analyse(&image(&pixels), Default::default()).unwrap();
    let mut target = pixels.clone();
    let options = ComposeOptions { progress: Some(&mut dawdle), timeout, ..Default::default() };
    late(analysis.overlay_in_place(&mut ImageMut::new(&mut target, layout()), options).unwrap_err());
    let enough = SegmentOptions { timeout: Some(Duration::MAX), ..Default::default() };
    engine().segment(&image(&pixels), Default::default(), enough).unwrap();
}

#[test]
fn a_panic_in_a_progress_function_goes_on_in_the_caller_and_the_engine_works_on() {
    let pixels = picture();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let mut progress = |_: f32| -> bool { panic!("over board") };
        let options = SegmentOptions { progress: Some(&mut progress), ..Default::default() };
        engine().segment(&image(&pixels), Default::default(), options).map(drop)
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"over board"));
    engine().segment(&image(&pixels), Default::default(), Default::default()).unwrap();
}

#[test]
fn a_cancel_stops_calls_until_it_is_reset() {
    load();
    let pixels = picture();
    let cancel = Cancel::new().unwrap();
    std::thread::scope(|scope| scope.spawn(|| cancel.request()).join()).unwrap();
    let asked = || RemoveOptions { cancel: Some(&cancel), ..Default::default() };
    let mut output = vec![0u8; pixels.len()];
    let remove =
        |output: &mut [u8]| engine().remove(&image(&pixels), &mut ImageMut::new(output, layout()), asked());
    assert_eq!(remove(&mut output).unwrap_err().kind(), ErrorKind::Cancelled);
    cancel.reset();
    remove(&mut output).unwrap();
    assert_ne!(output, pixels);
}

#[test]
fn an_engine_is_not_entered_by_its_own_callback() {
    let pixels = picture();
    let mut inner = None;
    let mut progress = |_: f32| {
        inner = Some(engine().models().map(drop).unwrap_err().kind());
        true
    };
    let options = SegmentOptions { progress: Some(&mut progress), ..Default::default() };
    engine().segment(&image(&pixels), Default::default(), options).unwrap();
    assert_eq!(inner, Some(ErrorKind::Reentered));
}

#[test]
fn messages_reach_the_log_which_may_free_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("red.onnx"), Network::red_is_rust().to_onnx()).unwrap();
    let place: Arc<Mutex<Weak<Engine>>> = Arc::default();
    let (told, heard) = channel();
    let (kept, freed) = channel::<Arc<Engine>>();
    let (freed, found) = (Mutex::new(freed), place.clone());
    let log = move |level: LogLevel, message: &str| {
        let engine = found.lock().unwrap().upgrade();
        // From here on this thread is the last one that has the engine.
        if let Ok(last) = freed.lock().unwrap().recv_timeout(Duration::from_secs(60)) {
            drop(last);
        }
        drop(engine);
        told.send((level, message.to_owned(), std::thread::current().id())).unwrap();
    };
    let options = EngineOptions {
        model_folders: vec![folder.path().to_path_buf()],
        watch: Some(Duration::from_millis(20)),
        log: Some(Box::new(log)),
        ..options()
    };
    let engine = Arc::new(Engine::new(options).unwrap());
    *place.lock().unwrap() = Arc::downgrade(&engine);
    let other = Network::segment("other", Convolution::pointwise(&[&[0.0, 1.0, 0.0]], &[0.0]));
    std::fs::write(folder.path().join("other.onnx"), other.to_onnx()).unwrap();
    kept.send(engine).unwrap();
    let (level, message, thread) = heard.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!((level, &*message), (LogLevel::Info, "model files have changed"));
    assert_ne!(thread, std::thread::current().id());
    assert!(place.lock().unwrap().upgrade().is_none(), "the engine is gone");
    // Whatever the thread still has to say goes to the log, which has to be there.
    drop(kept);
    while heard.recv_timeout(Duration::from_millis(500)).is_ok() {}
}
