//! A run's folder: settings, metrics, checkpoints, samples.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use image::RgbImage;
use serde_json::Value;

use super::files;
use crate::networks::checkpoint::Checkpoint;
use crate::whole_file;

/// An error where a folder holds a run already, which a new one would replace.
///
/// # Errors
/// See above.
pub fn refuse_used(path: &Path) -> Result<()> {
    let used = [files::CHECKPOINT, files::BEST, files::METRICS].iter().any(|name| path.join(name).exists());
    ensure!(
        !used,
        "{} holds a run already: --resume goes on with it, --force begins anew in its place, or name another folder with \
         --run",
        path.display()
    );
    Ok(())
}

/// Takes a run's figures, weights and samples away.
///
/// # Errors
/// When one of them cannot be removed.
pub fn clear(path: &Path) -> Result<()> {
    let Ok(entries) = fs::read_dir(path) else { return Ok(()) };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the folder {}", path.display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let whole = [files::CHECKPOINT, files::BEST, files::STEPS, files::METRICS];
        let removed = match &*name {
            files::SAMPLES => fs::remove_dir_all(entry.path()),
            name if whole.contains(&name) || files::is_numbered(name) => fs::remove_file(entry.path()),
            _ => Ok(()),
        };
        removed.with_context(|| format!("cannot remove {}", entry.path().display()))?;
    }
    Ok(())
}

/// The folder of a run that is going on.
pub struct RunFolder {
    path: PathBuf,
    /// Figures of every step.
    steps: BufWriter<File>,
    /// Figures of every measurement.
    metrics: BufWriter<File>,
    keep: usize,
}

impl RunFolder {
    /// Opens the folder, and makes it when it is not there. `first_step` is the step that comes next: figures of later
    /// ones, from a run that was killed after its last checkpoint, are taken away. `keep` is the number of checkpoints
    /// that stay beside the last and the best.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn open(path: &Path, first_step: u64, keep: usize) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make the folder {}", path.display()))?;
        Ok(RunFolder {
            steps: open_lines(&path.join(files::STEPS), |step| step < first_step)?,
            metrics: open_lines(&path.join(files::METRICS), |step| step <= first_step && first_step > 0)?,
            path: path.into(),
            keep,
        })
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes the settings as used.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_settings(&self, text: &str) -> Result<()> {
        whole_file::write(&self.file(files::SETTINGS), text.as_bytes())
    }

    /// Adds a step's figures.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_step(&mut self, line: &str) -> Result<()> {
        writeln!(self.steps, "{line}")
            .with_context(|| format!("cannot write {}", self.file(files::STEPS).display()))
    }

    /// Adds a measurement's figures; those of the steps so far are on disk after that.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn add_metrics(&mut self, line: &str) -> Result<()> {
        let written = writeln!(self.metrics, "{line}").and_then(|()| self.metrics.flush());
        written.with_context(|| format!("cannot write {}", self.file(files::METRICS).display()))
    }

    /// Writes the checkpoint of a step as the last one, and takes away those that are too old.
    ///
    /// # Errors
    /// When the folder cannot be written to or the disk is full.
    pub fn save(&mut self, checkpoint: &Checkpoint, step: u64) -> Result<()> {
        self.steps.flush().with_context(|| format!("cannot write {}", self.file(files::STEPS).display()))?;
        let last = self.file(files::CHECKPOINT);
        checkpoint.save(&last)?;
        if self.keep > 0 {
            let numbered = self.file(&files::numbered(step));
            // Two names of one file where the file system has that, which costs no space.
            let _ = fs::remove_file(&numbered);
            fs::hard_link(&last, &numbered)
                .or_else(|_| fs::copy(&last, &numbered).map(|_| ()))
                .with_context(|| format!("cannot write {}", numbered.display()))?;
        }
        self.remove_old()
    }

    fn remove_old(&self) -> Result<()> {
        let mut numbered: Vec<PathBuf> = fs::read_dir(&self.path)
            .with_context(|| format!("cannot read {}", self.path.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().is_some_and(|name| files::is_numbered(&name.to_string_lossy())))
            .collect();
        numbered.sort();
        let surplus = numbered.len().saturating_sub(self.keep);
        for old in &numbered[..surplus] {
            fs::remove_file(old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        Ok(())
    }

    /// Writes the weights that measured best.
    ///
    /// # Errors
    /// When the folder cannot be written to or the disk is full.
    pub fn save_best(&self, best: &Checkpoint) -> Result<()> {
        best.save(&self.file(files::BEST))
    }

    /// Writes a picture of what the networks make at a step.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn save_samples(&self, samples: &RgbImage, step: u64) -> Result<()> {
        let folder = self.file(files::SAMPLES);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        whole_file::write_picture(&folder.join(format!("{step:07}.jpg")), samples.clone())
    }
}

/// Opens a file of JSON lines with a `step` each, and keeps those lines whose step is wanted.
fn open_lines(path: &Path, is_kept: impl Fn(u64) -> bool) -> Result<BufWriter<File>> {
    let before = fs::read_to_string(path).unwrap_or_default();
    let step = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("step")?.as_u64();
    let kept = before.lines().filter(|line| step(line).is_some_and(&is_kept));
    let mut text = kept.collect::<Vec<_>>().join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    whole_file::write(path, text.as_bytes())?;
    let file = OpenOptions::new().append(true).open(path);
    Ok(BufWriter::new(file.with_context(|| format!("cannot write {}", path.display()))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Figures;

    #[test]
    fn a_run_that_goes_on_forgets_what_came_after_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::open(folder.path(), 0, 2).unwrap();
        for step in 0..6 {
            run.add_step(&Figures::from([("loss", 1.0)]).line(step, 0.0)).unwrap();
        }
        run.add_metrics(&Figures::from([("iou", 0.25)]).line(4, 0.0)).unwrap();
        run.add_metrics(&Figures::from([("iou", 0.5)]).line(6, 0.0)).unwrap();
        drop(run);
        drop(RunFolder::open(folder.path(), 4, 2).unwrap());
        let lines = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
        assert_eq!((lines(files::STEPS), lines(files::METRICS)), (4, 1));
        assert!(fs::read_to_string(folder.path().join(files::METRICS)).unwrap().contains("0.25"));
        drop(RunFolder::open(folder.path(), 0, 2).unwrap());
        assert_eq!((lines(files::STEPS), lines(files::METRICS)), (0, 0));
    }

    #[test]
    fn as_many_checkpoints_stay_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = RunFolder::open(folder.path(), 0, 2).unwrap();
        for step in [5, 10, 15, 100] {
            run.save(&Checkpoint::default(), step).unwrap();
        }
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with("safetensors"))
            .collect();
        names.sort();
        assert_eq!(names, [files::CHECKPOINT.into(), files::numbered(15), files::numbered(100)]);
    }
}
