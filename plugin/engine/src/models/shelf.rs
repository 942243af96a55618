//! The choice between many files, of which no more is read than it needs.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use derust_manifest::Kind;

use super::glimpse::{Glimpse, glimpse};
use super::store::{Added, Candidate, Listed, Offer, Stamp, Store};
use super::{Because, Digest, Model, ModelError, ModelFile, Origin, Preferences, Rule, Selector};

/// What was seen of files, for as long as they stay as they are.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    glimpses: Cache<Glimpse>,
    models: Cache<Model>,
}

type Cache<T> = HashMap<PathBuf, (Stamp, Result<T, ModelError>)>;

/// The model files of a store, each looked at as far as was necessary.
pub(crate) struct Shelf<'a> {
    store: &'a Store,
    looked: &'a mut Looked,
    books: Vec<Book>,
}

#[derive(Clone, Debug)]
struct Book {
    origin: Origin,
    rank: usize,
    added: Added,
    /// Nothing for what is part of this program.
    file: Option<Listed>,
    known: Known,
}

/// What is known of a file.
#[derive(Clone, Debug)]
enum Known {
    Glimpse(Glimpse),
    Model(Box<Model>),
    Unusable(ModelError),
}

impl<'a> Shelf<'a> {
    /// Looks at what every file says that it is.
    pub(crate) fn new(store: &'a Store, looked: &'a mut Looked) -> Self {
        let listing = store.listing();
        let before = std::mem::take(&mut looked.glimpses);
        let mut books = Vec::with_capacity(listing.len() + 2);
        for listed in listing {
            let same = before.get(&listed.path).filter(|(stamp, _)| *stamp == listed.stamp);
            let seen = match same {
                Some((_, seen)) => seen.clone(),
                None => glimpse(&store.folders()[listed.rank], &listed.path),
            };
            if listed.stamp.is_settled() && lasts(&seen) {
                looked.glimpses.insert(listed.path.clone(), (listed.stamp, seen.clone()));
            }
            books.push(Book {
                origin: Origin::File(listed.path.clone()),
                rank: listed.rank,
                added: listed.stamp.added(),
                file: Some(listed),
                known: seen.map_or_else(Known::Unusable, Known::Glimpse),
            });
        }
        let there: HashSet<&Origin> = books.iter().map(|book: &Book| &book.origin).collect();
        looked.models.retain(|path, _| there.contains(&Origin::File(path.clone())));
        books.extend(store.embedded().map(|Candidate { origin, model, rank, added }| Book {
            origin,
            rank,
            added,
            file: None,
            known: model.map_or_else(Known::Unusable, |model| Known::Model(Box::new(model))),
        }));
        Shelf { store, looked, books }
    }

    /// The files that cannot serve, as far as they were looked at, and why.
    pub(crate) fn unusable(&self) -> impl Iterator<Item = (&Origin, &ModelError)> {
        self.books.iter().filter_map(|book| match &book.known {
            Known::Unusable(error) => Some((&book.origin, error)),
            _ => None,
        })
    }

    /// Whether there is a model of this kind that is meant.
    pub(crate) fn holds(&mut self, kind: Kind, meant: &Selector) -> bool {
        self.choose(kind, Some(meant), &Preferences::default(), |_| false).is_some()
    }

    /// See [`Store::choose`]; what is `refused` does not serve.
    pub(crate) fn choose(
        &mut self,
        kind: Kind,
        wanted: Option<&Selector>,
        preferences: &Preferences,
        refused: impl Fn(&Digest) -> bool,
    ) -> Option<(Candidate, Because)> {
        let by_content = [wanted, preferences.get(kind)];
        if by_content.into_iter().flatten().any(|selector| matches!(selector, Selector::Sha256(_))) {
            (0..self.books.len()).for_each(|place| self.inspect(place));
        }
        loop {
            let offers: Vec<Option<Offer<'_>>> = self.books.iter().map(|book| book.offer(&refused)).collect();
            let (place, because) = self.store.choose(&offers, kind, wanted, preferences)?;
            if let Known::Model(model) = &self.books[place].known {
                let Book { origin, rank, added, .. } = &self.books[place];
                let model = Ok(Model::clone(model));
                let candidate = Candidate { origin: origin.clone(), model, rank: *rank, added: *added };
                return Some((candidate, because));
            }
            self.inspect(place);
        }
    }

    /// What a file of this origin turned out to be.
    pub(crate) fn spoil(&mut self, origin: &Origin, error: ModelError) {
        if let Some(book) = self.books.iter_mut().find(|book| book.origin == *origin) {
            book.known = Known::Unusable(error);
        }
    }

    /// Puts this one where the file of its origin is, if that one cannot serve.
    pub(crate) fn stand_in(&mut self, instead: &Candidate, refused: impl Fn(&Digest) -> bool) {
        let Some(place) = self.books.iter().position(|book| book.origin == instead.origin) else { return };
        self.inspect(place);
        if self.books[place].offer(&refused).is_none()
            && let Ok(model) = &instead.model
        {
            self.books[place].known = Known::Model(Box::new(model.clone()));
            self.books[place].added = instead.added;
        }
    }

    /// Reads a file and inspects it, where that was not done.
    fn inspect(&mut self, place: usize) {
        let Book { file: Some(listed), known: known @ Known::Glimpse(_), .. } = &mut self.books[place] else {
            return;
        };
        let same = self.looked.models.get(&listed.path).filter(|(stamp, _)| *stamp == listed.stamp);
        let seen = match same {
            Some((_, seen)) => seen.clone(),
            None => {
                let file = ModelFile::read(&self.store.folders()[listed.rank], &listed.path);
                file.and_then(|file| file.inspect())
            }
        };
        if listed.stamp.is_settled() && lasts(&seen) {
            self.looked.models.insert(listed.path.clone(), (listed.stamp, seen.clone()));
        }
        *known = seen.map_or_else(Known::Unusable, |model| Known::Model(Box::new(model)));
    }
}

/// Whether what was seen of a file holds as long as that stays as it is: what could not be read, or for which there was no
/// memory, may be found out the next time.
fn lasts<T>(seen: &Result<T, ModelError>) -> bool {
    match seen {
        Err(ModelError::Read(_)) => false,
        Err(ModelError::Refused(refusal)) => refusal.rule != Rule::Memory,
        _ => true,
    }
}

impl Book {
    fn offer(&self, refused: impl Fn(&Digest) -> bool) -> Option<Offer<'_>> {
        let (glimpse, digest);
        match &self.known {
            Known::Unusable(_) => return None,
            Known::Glimpse(seen) => (glimpse, digest) = ((seen.kind, &seen.name, &seen.version), None),
            Known::Model(model) if refused(&model.digest) => return None,
            Known::Model(model) => {
                let manifest = &model.manifest;
                glimpse = (manifest.kind, &manifest.name, &manifest.version);
                digest = Some(&model.digest);
            }
        }
        let (kind, name, version) = glimpse;
        Some(Offer { rank: self.rank, added: self.added, kind, name, version, digest })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::fixtures::{Convolution, Network};

    #[test]
    fn only_what_could_win_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..50 {
            let network = Network::segment(&format!("n{i}"), Convolution::mean(1));
            let path = folder.path().join(format!("{i}.onnx"));
            // Says what it is, and is nothing that could serve.
            let mut model = network.to_model();
            if i > 0 {
                model.graph.as_mut().unwrap().node[0].domain = "com.example".into();
            }
            fs::write(&path, prost::Message::encode_to_vec(&model)).unwrap();
        }
        let store = Store::only(&[folder.path().into()]);
        let mut looked = Looked::default();
        let mut shelf = Shelf::new(&store, &mut looked);
        let none = Preferences::default();
        let wanted = "n7".parse().unwrap();
        assert!(shelf.choose(Kind::SegmentRust, Some(&wanted), &none, |_| false).is_none());
        let unusable: Vec<String> = shelf.unusable().map(|(origin, _)| origin.to_string()).collect();
        assert!(unusable.len() == 1 && unusable[0].ends_with("7.onnx"), "{unusable:?}");
        // The others come first, and fall out one after the other.
        let (chosen, _) = shelf.choose(Kind::SegmentRust, None, &none, |_| false).unwrap();
        assert_eq!(chosen.model.unwrap().manifest.name, "n0");
    }

    #[test]
    fn what_was_seen_counts_as_long_as_the_file_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        let put = |name: &str, age: u64| {
            fs::write(&path, Network::segment(name, Convolution::mean(1)).to_onnx()).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        let store = Store::only(&[folder.path().into()]);
        let mut looked = Looked::default();
        let mut serving = || {
            let mut shelf = Shelf::new(&store, &mut looked);
            let chosen = shelf.choose(Kind::SegmentRust, None, &Preferences::default(), |_| false);
            chosen.unwrap().0.model.unwrap().manifest.name
        };
        for (name, age) in [("a", 100), ("b", 100), ("c", 0), ("d", 0)] {
            put(name, age);
            assert_eq!([serving(), serving()], [name, name], "files of one size, changed in one moment");
        }
    }
}
