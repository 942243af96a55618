//! The folders of models, in the order of their rank, and which model serves.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use derust_manifest::Kind;

use super::{Digest, Model, ModelError, Origin, SIZE_LIMIT, embedded, inspect};

/// The folders that may hold models.
#[derive(Clone, Debug)]
pub struct Store {
    folders: Vec<PathBuf>,
    /// Whether the embedded models come last.
    embedded: bool,
}

/// A model file that was looked at.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it lies.
    pub origin: Origin,
    /// The model, or why it cannot serve.
    pub model: Result<Model, ModelError>,
    /// Position of its folder; the lowest rank comes first, the embedded models last.
    pub(crate) rank: usize,
    pub(crate) added: SystemTime,
}

impl Store {
    /// The caller's folders, then `$DERUST_MODELS`, the user's data folder, `models/` beside the executable, the
    /// system's folders, and last the embedded models.
    pub fn new(folders: &[PathBuf]) -> Self {
        let executable = env::current_exe().ok();
        let beside = executable.as_deref().and_then(Path::parent).map(|folder| folder.join("models"));
        Store::installed_with(folders, beside.as_deref())
    }

    /// [`Store::new`] for a host whose models were installed in `folder` rather than beside the executable.
    pub fn installed_with(folders: &[PathBuf], folder: Option<&Path>) -> Self {
        let mut all = folders.to_vec();
        let variable = |name| env::var_os(name).filter(|value| !value.is_empty());
        if let Some(list) = variable("DERUST_MODELS") {
            all.extend(env::split_paths(&list));
        }
        let user_data = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/share")));
        all.extend(user_data.map(|data| data.join("derust/models")));
        all.extend(folder.map(Path::to_owned));
        all.extend(["/usr/local/share/derust/models", "/usr/share/derust/models"].map(PathBuf::from));
        Store { folders: all, embedded: true }
    }

    /// These folders and nothing else, not even the embedded models.
    pub fn only(folders: &[PathBuf]) -> Self {
        Store { folders: folders.to_vec(), embedded: false }
    }

    /// The folders, whether they exist or not.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The paths of all model files and of the sidecars beside them.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let models = self.folders.iter().flat_map(|folder| onnx_files(folder));
        models.flat_map(|path| [sidecar_path(&path), path]).collect()
    }

    /// Looks at every model file. Folders that do not exist hold none.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (rank, folder) in self.folders.iter().enumerate() {
            for path in onnx_files(folder) {
                let added = modified(&path).max(modified(&sidecar_path(&path)));
                let model = read(&path);
                candidates.push(Candidate { origin: Origin::File(path), model, rank, added });
            }
        }
        for (_, onnx) in embedded::MODELS.iter().filter(|_| self.embedded) {
            let model = inspect(Cow::Borrowed(onnx), None);
            let rank = self.folders.len();
            candidates.push(Candidate {
                origin: Origin::Embedded,
                model,
                rank,
                added: SystemTime::UNIX_EPOCH,
            });
        }
        candidates
    }
}

/// The candidate of this kind that serves, by its place in the list; `refused` ones do not.
///
/// The first folder that holds a usable model of the kind (and of the `name`, if one is wanted) decides; in it the
/// name that was added last, and of that name the highest version.
pub(crate) fn choose(
    candidates: &[Candidate],
    kind: Kind,
    name: Option<&str>,
    refused: &HashMap<Digest, String>,
) -> Option<usize> {
    let fits = |candidate: &Candidate| {
        let model = candidate.model.as_ref().ok().filter(|model| !refused.contains_key(&model.digest))?;
        let manifest = &model.manifest;
        (manifest.kind == kind && name.is_none_or(|name| name == manifest.name))
            .then(|| (manifest.name.clone(), manifest.version.clone()))
    };
    let usable =
        || candidates.iter().enumerate().filter_map(|(i, candidate)| Some((i, candidate, fits(candidate)?)));
    let rank = usable().map(|(_, candidate, _)| candidate.rank).min()?;
    let ranked = || usable().filter(move |(_, candidate, _)| candidate.rank == rank);
    let newest = ranked().max_by_key(|(_, candidate, (name, _))| (candidate.added, Reverse(name.clone())))?;
    let (_, _, (name, _)) = newest;
    let best = ranked()
        .filter(|(_, _, (other, _))| *other == name)
        .max_by_key(|(_, candidate, (_, version))| (version.clone(), candidate.added))?;
    Some(best.0)
}

/// Why a usable candidate does not serve while `serving` does.
pub(crate) fn reason(candidate: &Candidate, serving: &Candidate) -> String {
    let names = |candidate: &Candidate| {
        candidate.model.as_ref().map_or_else(|_| String::new(), |model| model.manifest.name.clone())
    };
    if candidate.rank > serving.rank {
        format!("{} comes first", serving.origin)
    } else if names(candidate) != names(serving) {
        format!("`{}` was added later", names(serving))
    } else {
        format!("another file holds the same or a higher version of `{}`", names(serving))
    }
}

fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}

fn sidecar_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn read(path: &Path) -> Result<Model, ModelError> {
    const SIDECAR_LIMIT: u64 = 1 << 20;
    let onnx = read_limited(path, SIZE_LIMIT)?;
    let sidecar = match read_limited(&sidecar_path(path), SIDECAR_LIMIT) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(ModelError::Read(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    inspect(onnx.into(), sidecar.as_deref())
}

fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(ModelError::TooLarge) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixtures::{Convolution, Network};

    fn put(folder: &Path, file: &str, name: &str, version: &str, age_in_hours: u64) {
        let mut network = Network::segment(name, Convolution::mean(1));
        network.manifest.version = version.parse().unwrap();
        let path = folder.join(file);
        fs::write(&path, network.to_onnx()).unwrap();
        let time = SystemTime::now() - Duration::from_secs(3600 * age_in_hours);
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    }

    fn serving(store: &Store, name: Option<&str>) -> String {
        let candidates = store.candidates();
        match choose(&candidates, Kind::SegmentRust, name, &HashMap::new()).map(|i| &candidates[i].origin) {
            Some(Origin::File(path)) => path.file_name().unwrap().to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_first_folder_then_the_newest_name_then_the_highest_version_serves() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::only(&[first.path().into(), "/nowhere".into(), second.path().into()]);
        put(second.path(), "later.onnx", "later", "9.0.0", 0);
        assert_eq!(serving(&store, None), "later.onnx");
        put(first.path(), "a.onnx", "a", "9.0.0", 5);
        assert_eq!(serving(&store, None), "a.onnx");
        put(first.path(), "b-new.onnx", "b", "0.1.0", 1);
        assert_eq!(serving(&store, None), "b-new.onnx");
        put(first.path(), "b-old.onnx", "b", "0.2.0", 9);
        assert_eq!(serving(&store, None), "b-old.onnx");
        assert_eq!(serving(&store, Some("later")), "later.onnx");
        fs::write(first.path().join("broken.onnx"), "no model").unwrap();
        assert_eq!(serving(&store, None), "b-old.onnx");
        fs::write(first.path().join("a.onnx.json"), "{}").unwrap();
        assert_eq!(serving(&store, Some("a")), "None", "a broken sidecar makes its model unusable");
    }
}
