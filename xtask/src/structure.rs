//! `cargo xtask structure`: the rooms of each crate, the ways between them, and circles.
//!
//! A room is a folder or a file right below a crate's `src`; a way leads from one room to another that it names (`crate::…`)
//! outside of tests. Rooms that can all be reached from each other are a circle. Read as text, so a way may be missing where
//! a macro makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// The crates that are looked at, by their folders.
const CRATES: [&str; 10] = [
    "plugin/manifest",
    "plugin/engine",
    "plugin/interface",
    "plugin/capi",
    "plugin/client",
    "plugin/command",
    "gimp-bridge",
    "trainer",
    "trainer/render",
    "xtask",
];

/// Ways from each room to others.
type Ways = BTreeMap<String, BTreeSet<String>>;

/// Prints what every crate is made of.
///
/// # Errors
/// When a file cannot be read, or a crate that has to be free of circles has one.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut torn = vec![];
    for folder in CRATES {
        let (ways, lines) = read(&workspace.root.join(folder).join("src"))?;
        let count: usize = ways.values().map(BTreeSet::len).sum();
        println!("{folder}: {} rooms, {count} ways, {lines} lines without tests", ways.len());
        for (room, others) in ways.iter().filter(|(_, others)| !others.is_empty()) {
            println!("    {room} -> {}", others.iter().cloned().collect::<Vec<_>>().join(", "));
        }
        for circle in circles(&ways) {
            println!("    a circle: {}", circle.join(", "));
            torn.push(folder);
        }
    }
    ensure!(torn.is_empty(), "{} has a circle", torn.join(", "));
    Ok(())
}

/// The ways in a crate's source, and its lines outside of tests.
fn read(source: &Path) -> Result<(Ways, usize)> {
    let mut files = vec![];
    files_below(source, &mut files)?;
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut lines = 0;
    for (file, text) in &files {
        let place = file.strip_prefix(source).context("a file outside of its folder")?;
        let Some(first) = place.components().next() else { continue };
        let room = first.as_os_str().to_string_lossy();
        let room = room.strip_suffix(".rs").unwrap_or(&room).to_owned();
        lines += text.lines().count();
        if !["main", "lib"].contains(&&*room) {
            *texts.entry(room).or_default() += text;
        }
    }
    let rooms: BTreeSet<String> = texts.keys().cloned().collect();
    let ways = texts.into_iter().map(|(room, text)| {
        let mut others = named(&text);
        others.retain(|other| rooms.contains(other) && *other != room);
        (room, others)
    });
    Ok((ways.collect(), lines))
}

/// The files below a folder and what they say outside of tests, without files that hold nothing but tests.
fn files_below(folder: &Path, files: &mut Vec<(PathBuf, String)>) -> Result<()> {
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut entries = vec![];
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        entries.push(entry.with_context(cannot_read)?.path());
    }
    entries.sort();
    let mut tests: BTreeSet<String> = ["tests".to_owned()].into();
    let mut texts = vec![];
    for path in entries.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let (text, inside) = without_tests(&text);
        // Of other files the modules lie a folder deeper, where they are called tests.
        if ["mod", "lib", "main"].map(Some).contains(&path.file_stem().and_then(OsStr::to_str)) {
            tests.extend(inside);
        }
        texts.push((path.clone(), text));
    }
    let is_test = |path: &Path| tests.contains(&*path.file_stem().unwrap_or_default().to_string_lossy());
    files.extend(texts.into_iter().filter(|(path, _)| !is_test(path)));
    for path in entries.iter().filter(|path| path.is_dir() && !is_test(path)) {
        files_below(path, files)?;
    }
    Ok(())
}

/// A file up to its tests, without comments, and the modules of tests that lie in files of their own.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let (mut code, mut tests) = (String::new(), vec![]);
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//")).peekable();
    while let Some(line) = lines.next() {
        let is_for_tests = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,");
        let module = lines.peek().and_then(|next| next.strip_prefix("mod ")).filter(|_| is_for_tests);
        match module {
            Some(module) if module.ends_with(';') => {
                tests.push(module.trim_end_matches(';').to_owned());
                lines.next();
            }
            Some(_) => break,
            None => {
                code += line;
                code.push('\n');
            }
        }
    }
    (code, tests)
}

/// The rooms that `crate::ROOM` names.
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.split("crate::").skip(1) {
        let name = |text: &str| {
            let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
            text[..end].to_owned()
        };
        // `use crate::{one, two::{three, four}};`
        let Some(inside) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut is_first) = (0_usize, true);
        for (place, c) in inside.char_indices() {
            if is_first && depth == 0 && !c.is_whitespace() {
                found.insert(name(&inside[place..]));
                is_first = false;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_first = true,
                _ => {}
            }
        }
    }
    found
}

/// Groups of rooms that can all be reached from each other.
fn circles(ways: &Ways) -> Vec<Vec<String>> {
    let reached = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(room) = open.pop() {
            for next in &ways[room] {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> = ways.keys().map(|room| (room, reached(room))).collect();
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for (room, others) in &reach {
        let circle: Vec<String> =
            others.iter().filter(|other| reach[other].contains(*room)).cloned().collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_read_off_the_code_and_not_off_tests_and_comments() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("main.rs", "mod a;\nmod b;\nuse crate::b::X;\n");
        put(
            "a/mod.rs",
            "#[cfg(test)]\nmod proof;\nuse crate::{\n    b::{x, e},\n    c::C,\n};\n// crate::d\n",
        );
        put("a/inner.rs", "fn f() { crate::d::g() }\n");
        put("a/proof.rs", "use crate::e;\n");
        put("b.rs", "struct X;\n\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n");
        put("c.rs", "use crate::a::Y;\n");
        put("d.rs", "\n#[cfg(all(test, unix))]\nmod tests {\n    use crate::a;\n}\n");
        put("e.rs", "");
        let (ways, lines) = read(folder.path()).unwrap();
        let of = |room: &str| ways[room].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("a"), ["b", "c", "d"]);
        assert_eq!((of("b").len(), of("c")), (0, vec!["a"]));
        assert_eq!(circles(&ways), [["a", "c"]]);
        assert_eq!((of("d").len(), lines), (0, 3 + 4 + 1 + 2 + 1 + 1));
    }

    fn rooms_of(folder: &str) -> Ways {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join("src")).unwrap().0
    }

    #[test]
    fn no_circle_has_come_back() {
        for folder in CRATES {
            let circles = circles(&rooms_of(folder));
            assert!(circles.is_empty(), "{folder}: {circles:?}");
        }
    }

    /// The map names the rooms of these crates in an order in which each knows only those before it.
    #[test]
    fn the_map_is_the_tree() {
        let text = include_str!("../../CONTRIBUTING.md");
        for folder in ["plugin/engine", "plugin/capi", "plugin/client", "gimp-bridge", "trainer"] {
            let map = text
                .split(&format!("(`{folder}/src`)"))
                .nth(1)
                .and_then(|rest| rest.split("\n- ").next())
                .unwrap_or_else(|| panic!("{folder}/src is not on the map"));
            let map = map.split_whitespace().collect::<Vec<_>>().join(" ");
            let ways = rooms_of(folder);
            let place = |room: &str| map.find(&format!("`{room}`"));
            for (room, others) in &ways {
                let own = place(room).unwrap_or_else(|| panic!("{folder}: {room} is not on the map"));
                for other in others {
                    assert!(
                        place(other).is_some_and(|place| place < own),
                        "{folder}: {room} knows {other}, which comes later"
                    );
                }
            }
            let (_, named) = map.split_once(": ").unwrap();
            let names = named.split(". ").next().unwrap_or_default().split('`').skip(1).step_by(2);
            for name in names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
                assert!(ways.contains_key(name), "{folder}: {name} is on the map and not in the tree");
            }
        }
    }
}
