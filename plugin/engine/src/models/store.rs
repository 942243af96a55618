//! The folders of models, in the order of their rank, and which model serves.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use derust_manifest::{Kind, Manifest};
use semver::Version;

use super::{
    Because, Digest, Idle, Model, ModelError, ModelFile, Origin, Preferences, PreferencesError, Selector,
    embedded, sidecar_path,
};
use crate::user_folders;

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

/// A model file that was not opened.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) path: PathBuf,
    /// Position of its folder.
    pub(super) rank: usize,
    pub(super) stamp: Stamp,
}

/// Sizes and times of a model file and the one beside it: the same as before as long as neither has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    onnx: Option<(u64, Added)>,
    sidecar: Option<(u64, Added)>,
}

impl Stamp {
    fn of(path: &Path) -> Self {
        let look = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.len(), Added::from(&metadata)))
        };
        Stamp { onnx: look(path), sidecar: look(&sidecar_path(path)) }
    }

    /// When the later of the two came.
    pub(super) fn added(&self) -> Added {
        let parts = [self.onnx, self.sidecar];
        parts.into_iter().flatten().map(|(_, added)| added).max().unwrap_or_default()
    }

    /// Whether the last change is so long ago that the next one gets another time, on every file system.
    pub(super) fn is_settled(&self) -> bool {
        const COARSEST_CLOCK: Duration = Duration::from_secs(3);
        let Added { changed, modified } = self.added();
        let last = changed.max(modified);
        last.is_some_and(|last| last.elapsed().is_ok_and(|ago| ago > COARSEST_CLOCK))
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
        if let Some(list) = env::var_os("DERUST_MODELS").filter(|list| !list.is_empty()) {
            all.extend(env::split_paths(&list));
        }
        all.extend(user_folders::data().map(|data| data.join("derust/models")));
        all.extend(folder.map(Path::to_owned));
        all.extend(["/usr/local/share/derust/models", "/usr/share/derust/models"].map(PathBuf::from));
        let preferences = user_folders::configuration().map(|folder| folder.join("derust/models.json"));
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

    /// Every model file, by its name and times alone.
    pub(super) fn listing(&self) -> Vec<Listed> {
        let listed = |(rank, folder): (usize, &PathBuf)| {
            onnx_files(folder).into_iter().map(move |path| Listed { stamp: Stamp::of(&path), path, rank })
        };
        self.folders.iter().enumerate().flat_map(listed).collect()
    }

    /// The models that are part of this program, where they may serve.
    pub(super) fn embedded(&self) -> impl Iterator<Item = Candidate> {
        embedded::inspected().iter().filter(|_| self.embedded).map(|(model, _)| Candidate {
            origin: Origin::Embedded,
            model: model.clone(),
            rank: self.folders.len(),
            added: Added::default(),
        })
    }

    /// Looks at every model file. Folders that do not exist hold none.
    pub fn candidates(&self) -> Vec<Candidate> {
        let files = self.listing().into_iter().map(|Listed { path, rank, stamp }| {
            let model = ModelFile::read(&self.folders[rank], &path).and_then(|file| file.inspect());
            Candidate { origin: Origin::File(path), model, rank, added: stamp.added() }
        });
        files.chain(self.embedded()).collect()
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

    /// The model of this kind that serves, by its place in the list, and why it does; places that are empty do not.
    ///
    /// When one is `wanted`: the first folder that holds it, and of several versions the highest. Otherwise the
    /// caller's folders come first, then what the user has chosen, then the other folders. The first folder that holds
    /// a usable model decides; in it what the user has chosen, or else the name that was added last, and of that name
    /// the highest version.
    pub(crate) fn choose(
        &self,
        offers: &[Option<Offer<'_>>],
        kind: Kind,
        wanted: Option<&Selector>,
        preferences: &Preferences,
    ) -> Option<(usize, Because)> {
        let offered = offers.iter().enumerate().filter_map(|(place, offer)| Some((place, (*offer)?)));
        let usable: Vec<(usize, Offer<'_>)> = offered.filter(|(_, offer)| offer.kind == kind).collect();
        if let Some(wanted) = wanted {
            return selected(&usable, wanted).map(|place| (place, Because::Wanted));
        }
        let rank = usable.iter().map(|(_, offer)| offer.rank).min()?;
        let first: Vec<(usize, Offer<'_>)> =
            usable.iter().filter(|(_, offer)| offer.rank == rank).copied().collect();
        let choosable = if rank < self.callers { &first } else { &usable };
        if let Some(place) = preferences.get(kind).and_then(|chosen| selected(choosable, chosen)) {
            return Some((place, Because::Preferred));
        }
        let (_, newest) = first.iter().max_by_key(|(_, offer)| (offer.added, Reverse(offer.name)))?;
        let name = Selector::Name(newest.name.to_owned());
        selected(&first, &name).map(|place| (place, Because::Newest))
    }
}

/// What decides whether a model that can serve does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) rank: usize,
    pub(crate) added: Added,
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) version: &'a Version,
    /// Nothing where it is not known yet.
    pub(crate) digest: Option<&'a Digest>,
}

impl Candidate {
    /// What it offers; nothing where it cannot serve.
    pub(crate) fn offer(&self) -> Option<Offer<'_>> {
        let Model { manifest, digest, .. } = self.model.as_ref().ok()?;
        let Manifest { kind, name, version, .. } = manifest;
        Some(Offer { rank: self.rank, added: self.added, kind: *kind, name, version, digest: Some(digest) })
    }
}

impl Selector {
    fn means(&self, offer: &Offer<'_>) -> bool {
        match self {
            Selector::Name(name) => name == offer.name,
            Selector::Version(name, version) => name == offer.name && version == offer.version,
            Selector::Sha256(digest) => Some(digest) == offer.digest,
        }
    }
}

/// Of those that are meant the highest version, then the one added last, in the first folder that holds one.
fn selected(usable: &[(usize, Offer<'_>)], selector: &Selector) -> Option<usize> {
    let meant = || usable.iter().filter(|(_, offer)| selector.means(offer));
    let rank = meant().map(|(_, offer)| offer.rank).min()?;
    let best =
        meant().filter(|(_, offer)| offer.rank == rank).max_by_key(|(_, offer)| (offer.version, offer.added));
    best.map(|(place, _)| *place)
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

    use super::super::shelf::{Looked, Shelf};
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
        let offers: Vec<_> = candidates.iter().map(Candidate::offer).collect();
        let wanted = wanted.map(|text| text.parse().unwrap());
        let preferences = store.preferences().unwrap();
        let choice = store.choose(&offers, Kind::SegmentRust, wanted.as_ref(), &preferences);
        let from_shelf = Shelf::new(store, &mut Looked::default()).choose(
            Kind::SegmentRust,
            wanted.as_ref(),
            &preferences,
            |_| false,
        );
        let origin = |choice: &Option<(usize, Because)>| {
            choice.map(|(i, because)| (candidates[i].origin.clone(), because))
        };
        assert_eq!(from_shelf.map(|(chosen, because)| (chosen.origin, because)), origin(&choice));
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
