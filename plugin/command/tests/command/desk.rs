//! What the tests work with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use derust_engine::fixtures::Network;
use image::{DynamicImage, Rgb, RgbImage};

/// A folder of pictures, a folder of models, and nothing of the user's.
pub struct Desk {
    pub folder: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.at("models")).unwrap();
        fs::write(desk.at("models/red-is-rust.onnx"), Network::red_is_rust().to_onnx()).unwrap();
        fs::write(desk.at("models/red-to-gray.onnx"), Network::red_to_gray().to_onnx()).unwrap();
        desk
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_derust"));
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("DERUST_MODELS", self.at("models"))
            .env("HOME", self.at("home"))
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_CACHE_HOME");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the command, which must succeed, and answers with what it said.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the command, which must fail with `code`, and answers with what it complained of.
    pub fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "models" && name != "home")
            .collect();
        names.sort();
        names
    }
}

/// Gray with structure, and a red square in the corner that is a quarter of it.
pub fn rusty(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let gray = (60 + (x * 7 + y * 13) % 90) as u8;
        if x < width / 2 && y < height / 2 { Rgb([250, 10, 20]) } else { Rgb([gray; 3]) }
    })
}

pub fn open(path: &Path) -> DynamicImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
