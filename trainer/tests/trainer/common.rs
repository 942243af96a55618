//! What the tests of the trainer share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of rendered photos with masks, `side` pixels wide and high.
pub fn data(count: u64, side: u32) -> TempDir {
    rendered(count, (side, side))
}

/// The same with photos of this width and height.
pub fn rendered(count: u64, (width, height): (u32, u32)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["images", "masks"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for seed in 0..count {
        let scene = derust_render::scene(seed + 100, width, height);
        scene.rusty.save(folder.path().join(format!("images/{seed:03}.png"))).unwrap();
        scene.mask.save(folder.path().join(format!("masks/{seed:03}.png"))).unwrap();
    }
    folder
}

/// Runs the trainer.
pub fn trainer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_derust-trainer")).args(arguments).output().unwrap()
}

/// Runs the trainer and answers with what it printed.
pub fn succeed(arguments: &[&str]) -> String {
    let output = trainer(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The objects of a file of JSON lines; none while it is not there.
pub fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // The last line may just be being written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a run's metrics file.
pub fn metrics(run: &Path) -> Vec<Value> {
    lines(&run.join("metrics.jsonl"))
}

/// A folder of photos with masks, and what trainings need beside them.
pub struct Photos {
    folder: TempDir,
    finder: std::cell::OnceCell<PathBuf>,
}

/// Photos of corroded metal where `DERUST_DATA` names some, otherwise rendered ones, at most `side` pixels wide and high;
/// beside them `rusty/` and `clean/`, crops with much rust and with none,
/// and `severity/`, with rust of two classes.
pub fn photos(count: u64, side: u32) -> Photos {
    let folder = match std::env::var_os("DERUST_DATA") {
        Some(data) => reduced(&Path::new(&data).join("corrosion").join("train"), count as usize, side),
        None => data(count, side),
    };
    crops(folder.path());
    severities(folder.path());
    Photos { folder, finder: std::cell::OnceCell::new() }
}

impl Photos {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A segmentation run that learned next to nothing, for a generator to learn beside.
    pub fn finder(&self) -> &Path {
        self.finder.get_or_init(|| {
            let run = self.folder().join("finder");
            let budget =
                ["--steps", "2", "--side", "64", "--batch", "2", "--width", "0.25", "--held-out", "0.4"];
            succeed(
                &[&["train", "segment", "--data", text(self.folder()), "--run", text(&run)], &budget[..]]
                    .concat(),
            );
            run
        })
    }
}

/// Evenly chosen photos of a data folder, made smaller.
fn reduced(source: &Path, count: usize, side: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(source.join("images")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for path in names.iter().step_by(names.len() / count).take(count) {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let mask = source.join("masks").join(format!("{stem}.png"));
        for (name, from) in [("images", path), ("masks", &mask)] {
            let to = folder.path().join(name);
            std::fs::create_dir_all(&to).unwrap();
            let small = image::open(from).unwrap().thumbnail_exact(side, side);
            small.save(to.join(format!("{stem}.png"))).unwrap();
        }
    }
    folder
}

/// The same photos in `severity/`, their rust in two classes: grey value 100 where it is bright, 200 where it is dark.
fn severities(folder: &Path) {
    let severity = folder.join("severity");
    for name in ["images", "masks"] {
        std::fs::create_dir_all(severity.join(name)).unwrap();
    }
    for entry in std::fs::read_dir(folder.join("images")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        let light = image::open(&path).unwrap().blur(2.0).into_luma8();
        let mut mask = image::open(folder.join("masks").join(name)).unwrap().into_luma8();
        for (label, light) in mask.pixels_mut().zip(light.pixels()) {
            label.0[0] = match (label.0[0] >= 128, light.0[0] > 90) {
                (false, _) => 0,
                (true, true) => 100,
                (true, false) => 200,
            };
        }
        std::fs::copy(&path, severity.join("images").join(name)).unwrap();
        mask.save(severity.join("masks").join(name)).unwrap();
    }
}

/// Quarters of the photos: those that are mostly rust, and those without any.
fn crops(folder: &Path) {
    for name in ["rusty", "clean"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    for entry in std::fs::read_dir(folder.join("images")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_string();
        let picture = image::open(&path).unwrap().into_rgb8();
        let mask = image::open(folder.join(format!("masks/{stem}.png"))).unwrap().into_luma8();
        let (width, height) = (picture.width() / 2, picture.height() / 2);
        for (i, (x, y)) in [(0, 0), (width, 0), (0, height), (width, height)].into_iter().enumerate() {
            let part = image::imageops::crop_imm(&mask, x, y, width, height).to_image();
            let rust =
                part.pixels().filter(|pixel| pixel.0[0] >= 128).count() as f32 / (width * height) as f32;
            let kind = if rust > 0.3 {
                "rusty"
            } else if rust == 0.0 {
                "clean"
            } else {
                continue;
            };
            let crop = image::imageops::crop_imm(&picture, x, y, width, height).to_image();
            crop.save(folder.join(kind).join(format!("{stem}-{i}.png"))).unwrap();
        }
    }
}
