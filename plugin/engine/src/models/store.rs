//! The folders of models, in the order of their rank, and which model serves.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use derust_manifest::Kind;

use super::{
    Because, Digest, Idle, Model, ModelError, ModelFile, Origin, Preferences, PreferencesError, Selector,
    embedded, sidecar_path,
};

/// The folders that may hold models, and the file that keeps the user's choice.
#[derive(Clone, Debug)]
pub struct Store {
    folders: Vec<PathBuf>,
    /// How many of the folders the caller named.
    callers: usize,
    /// Whether the embedded models come last.
    embedded: bool,
    preferences: Option<PathBuf>,
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
    pub(crate) added: Added,
}

/// When a file came into its folder.
///
/// The time of the last change of its entry comes first, where the system has one: copies often keep the time at which
/// the content was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Added {
    changed: Option<SystemTime>,
    modified: Option<SystemTime>,
}

impl Added {
    /// Nothing where there is no such file.
    fn of(path: &Path) -> Self {
        fs::metadata(path).map_or_else(|_| Added::default(), |metadata| Added::from(&metadata))
    }
}

impl From<&fs::Metadata> for Added {
    fn from(metadata: &fs::Metadata) -> Self {
        Added { changed: changed(metadata), modified: metadata.modified().ok() }
    }
}

#[cfg(unix)]
fn changed(metadata: &fs::Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = Duration::from_secs(metadata.ctime().try_into().ok()?);
    let nanoseconds = Duration::from_nanos(metadata.ctime_nsec().try_into().ok()?);
    Some(SystemTime::UNIX_EPOCH + seconds + nanoseconds)
}

#[cfg(not(unix))]
fn changed(metadata: &fs::Metadata) -> Option<SystemTime> {
    metadata.created().ok().max(metadata.modified().ok())
}

impl Store {
    /// The caller's folders, then `$DERUST_MODELS`, the user's data folder, `models/` beside the executable, the
    /// system's folders, and last the embedded models. The user's choice is kept in the user's configuration folder.
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
        let home = |name, below| {
            variable(name).map(PathBuf::from).or_else(|| Some(PathBuf::from(variable("HOME")?).join(below)))
        };
        all.extend(home("XDG_DATA_HOME", ".local/share").map(|data| data.join("derust/models")));
        all.extend(folder.map(Path::to_owned));
        all.extend(["/usr/local/share/derust/models", "/usr/share/derust/models"].map(PathBuf::from));
        let preferences = home("XDG_CONFIG_HOME", ".config").map(|config| config.join("derust/models.json"));
        Store { folders: all, callers: folders.len(), embedded: true, preferences }
    }

    /// These folders and nothing else: not the embedded models, nor the user's choice.
    pub fn only(folders: &[PathBuf]) -> Self {
        Store { folders: folders.to_vec(), callers: folders.len(), embedded: false, preferences: None }
    }

    /// Keeps the user's choice in this file.
    pub fn with_preferences(self, path: PathBuf) -> Self {
        Store { preferences: Some(path), ..self }
    }

    /// The folders, whether they exist or not.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The file that keeps the user's choice, if there can be one.
    pub fn preferences_file(&self) -> Option<&Path> {
        self.preferences.as_deref()
    }

    /// The user's choice.
    ///
    /// # Errors
    /// When the file that keeps it cannot be read.
    pub fn preferences(&self) -> Result<Preferences, PreferencesError> {
        self.preferences.as_deref().map_or_else(|| Ok(Preferences::default()), Preferences::read)
    }

    /// The paths of all files that decide what serves: models, sidecars, the user's choice.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let models = self.folders.iter().flat_map(|folder| onnx_files(folder));
        let with_sidecars = models.flat_map(|path| [sidecar_path(&path), path]);
        with_sidecars.chain(self.preferences.clone()).collect()
    }

    /// Looks at every model file. Folders that do not exist hold none.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (rank, folder) in self.folders.iter().enumerate() {
            for path in onnx_files(folder) {
                let added = Added::of(&path).max(Added::of(&sidecar_path(&path)));
                let model = ModelFile::read(folder, &path).and_then(|file| file.inspect());
                candidates.push(Candidate { origin: Origin::File(path), model, rank, added });
            }
        }
        for (model, _) in embedded::inspected().iter().filter(|_| self.embedded) {
            let (model, rank) = (model.clone(), self.folders.len());
            candidates.push(Candidate { origin: Origin::Embedded, model, rank, added: Added::default() });
        }
        candidates
    }

    /// The ONNX file's content of a model that was found at `origin`.
    ///
    /// # Errors
    /// When there is something else by now.
    pub(crate) fn content(&self, origin: &Origin, digest: &Digest) -> Result<Cow<'static, [u8]>, ModelError> {
        match origin {
            Origin::File(path) => {
                let file = ModelFile::read(path.parent().unwrap_or(Path::new("")), path)?;
                if file.digest() == *digest { Ok(file.onnx.into()) } else { Err(ModelError::Changed) }
            }
            Origin::Embedded => {
                let has_digest = |model: &Result<Model, ModelError>| {
                    model.as_ref().is_ok_and(|model| model.digest == *digest)
                };
                let found = embedded::inspected().iter().find(|(model, _)| has_digest(model));
                found.map(|(_, onnx)| Cow::Borrowed(*onnx)).ok_or(ModelError::Changed)
            }
        }
    }

    /// The candidate of this kind that serves, by its place in the list, and why it does; `refused` ones do not.
    ///
    /// When one is `wanted`: the first folder that holds it, and of several versions the highest. Otherwise the
    /// caller's folders come first, then what the user has chosen, then the other folders. The first folder that holds
    /// a usable model decides; in it what the user has chosen, or else the name that was added last, and of that name
    /// the highest version.
    pub(crate) fn choose(
        &self,
        candidates: &[Candidate],
        kind: Kind,
        wanted: Option<&Selector>,
        preferences: &Preferences,
        refused: &HashMap<Digest, String>,
    ) -> Option<(usize, Because)> {
        let usable: Vec<Usable> = candidates
            .iter()
            .enumerate()
            .filter_map(|(place, candidate)| {
                let model = candidate.model.as_ref().ok()?;
                let fits = model.manifest.kind == kind && !refused.contains_key(&model.digest);
                fits.then_some(Usable { place, candidate, model })
            })
            .collect();
        if let Some(wanted) = wanted {
            return selected(&usable, wanted).map(|place| (place, Because::Wanted));
        }
        let rank = usable.iter().map(|one| one.candidate.rank).min()?;
        let (first, _): (Vec<Usable>, Vec<Usable>) =
            usable.iter().partition(|one| one.candidate.rank == rank);
        let choosable = if rank < self.callers { &first } else { &usable };
        if let Some(place) = preferences.get(kind).and_then(|chosen| selected(choosable, chosen)) {
            return Some((place, Because::Preferred));
        }
        let key = |one: &&Usable| (one.candidate.added, Reverse(one.model.manifest.name.clone()));
        let newest = first.iter().max_by_key(key)?;
        let name = Selector::Name(newest.model.manifest.name.clone());
        selected(&first, &name).map(|place| (place, Because::Newest))
    }
}

/// A candidate that can serve, by its place in the list.
#[derive(Clone, Copy)]
struct Usable<'a> {
    place: usize,
    candidate: &'a Candidate,
    model: &'a Model,
}

/// Of those that are meant the highest version, then the one added last, in the first folder that holds one.
fn selected(usable: &[Usable], selector: &Selector) -> Option<usize> {
    let meant = || usable.iter().filter(|one| selector.fits(one.model));
    let rank = meant().map(|one| one.candidate.rank).min()?;
    let best = meant()
        .filter(|one| one.candidate.rank == rank)
        .max_by_key(|one| (&one.model.manifest.version, one.candidate.added));
    best.map(|one| one.place)
}

/// Why a usable candidate does not serve while `serving` does.
pub(crate) fn reason(candidate: &Candidate, serving: &Candidate, because: Because) -> Idle {
    let name = |candidate: &Candidate| {
        candidate.model.as_ref().map_or_else(|_| String::new(), |model| model.manifest.name.clone())
    };
    let serving_name = name(serving);
    if name(candidate) == serving_name && candidate.rank == serving.rank {
        Idle::Older(serving_name)
    } else if because == Because::Preferred {
        Idle::Unchosen(serving_name)
    } else if candidate.rank > serving.rank {
        Idle::Outranked(serving.origin.clone())
    } else {
        Idle::AddedEarlier(serving_name)
    }
}

fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use sha2::Digest as _;

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

    fn serving(store: &Store, wanted: Option<&str>) -> String {
        let candidates = store.candidates();
        let wanted = wanted.map(|text| text.parse().unwrap());
        let preferences = store.preferences().unwrap();
        let choice =
            store.choose(&candidates, Kind::SegmentRust, wanted.as_ref(), &preferences, &HashMap::new());
        match choice.map(|(i, because)| (&candidates[i].origin, because)) {
            Some((Origin::File(path), because)) => {
                format!("{} {because:?}", path.file_name().unwrap().to_string_lossy())
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_first_folder_then_the_newest_name_then_the_highest_version_serves() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::only(&[first.path().into(), "/nowhere".into(), second.path().into()]);
        put(second.path(), "later.onnx", "later", "9.0.0", 0);
        assert_eq!(serving(&store, None), "later.onnx Newest");
        put(first.path(), "a.onnx", "a", "9.0.0", 5);
        assert_eq!(serving(&store, None), "a.onnx Newest");
        put(first.path(), "b-new.onnx", "b", "0.1.0", 1);
        assert_eq!(serving(&store, None), "b-new.onnx Newest");
        put(first.path(), "b-old.onnx", "b", "0.2.0", 0);
        assert_eq!(serving(&store, None), "b-old.onnx Newest");
        fs::write(first.path().join("broken.onnx"), "no model").unwrap();
        assert_eq!(serving(&store, None), "b-old.onnx Newest");
        fs::write(first.path().join("a.onnx.json"), "{}").unwrap();
        assert_eq!(serving(&store, Some("a")), "None", "a broken sidecar makes its model unusable");
    }

    #[test]
    fn a_name_a_version_or_a_digest_says_which_model_is_wanted() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = Store::only(&[first.path().into(), second.path().into()]);
        put(first.path(), "one.onnx", "a", "1.0.0", 2);
        put(first.path(), "two.onnx", "a", "2.0.0", 1);
        put(second.path(), "three.onnx", "a", "3.0.0", 0);
        assert_eq!(serving(&store, Some("a")), "two.onnx Wanted");
        assert_eq!(serving(&store, Some("a@1.0.0")), "one.onnx Wanted");
        assert_eq!(serving(&store, Some("a@3.0.0")), "three.onnx Wanted");
        assert_eq!(serving(&store, Some("a@4.0.0")), "None");
        let content = fs::read(first.path().join("one.onnx")).unwrap();
        let pinned = Selector::Sha256(sha2::Sha256::digest(&content).into()).to_string();
        assert_eq!(serving(&store, Some(&pinned)), "one.onnx Wanted");
        put(first.path(), "one.onnx", "a", "1.0.1", 0);
        assert_eq!(serving(&store, Some(&pinned)), "None", "other content under the same name");
    }

    #[test]
    fn what_the_user_has_chosen_serves_unless_the_caller_names_folders() {
        let (user, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = user.path().join("models.json");
        let folders = [user.path().to_owned(), system.path().to_owned()];
        let mut store = Store { callers: 0, ..Store::only(&folders).with_preferences(file.clone()) };
        put(system.path(), "c.onnx", "c", "1.0.0", 5);
        put(user.path(), "a.onnx", "a", "1.0.0", 4);
        put(user.path(), "b.onnx", "b", "1.0.0", 3);
        assert_eq!(serving(&store, None), "b.onnx Newest");
        for (chosen, serves) in [
            ("a", "a.onnx Preferred"),
            ("c", "c.onnx Preferred"),
            ("c@1.0.0", "c.onnx Preferred"),
            ("gone", "b.onnx Newest"),
        ] {
            let mut preferences = Preferences::default();
            preferences.set(Kind::SegmentRust, Some(chosen.parse().unwrap()));
            fs::write(&file, preferences.to_json()).unwrap();
            assert_eq!(serving(&store, None), serves, "{chosen} was chosen");
            assert_eq!(serving(&store, Some("b")), "b.onnx Wanted", "{chosen} was chosen");
        }
        let mut preferences = Preferences::default();
        preferences.set(Kind::SegmentRust, Some("c".parse().unwrap()));
        fs::write(&file, preferences.to_json()).unwrap();
        store.callers = 1;
        assert_eq!(serving(&store, None), "b.onnx Newest", "the first folder is the caller's");
    }

    #[test]
    fn content_that_changed_since_it_was_looked_at_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::only(&[folder.path().into()]);
        put(folder.path(), "a.onnx", "a", "1.0.0", 0);
        let candidate = store.candidates().remove(0);
        let digest = candidate.model.unwrap().digest;
        let content = store.content(&candidate.origin, &digest).unwrap();
        assert_eq!(content, fs::read(folder.path().join("a.onnx")).unwrap());
        put(folder.path(), "a.onnx", "a", "1.0.1", 0);
        assert!(matches!(store.content(&candidate.origin, &digest), Err(ModelError::Changed)));
    }
}
