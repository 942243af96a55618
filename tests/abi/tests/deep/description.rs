//! Descriptions of binary interfaces as libabigail writes them, one element to a line.

use std::collections::{BTreeMap, BTreeSet};

/// An element, with the lines that begin and end it; the latter is empty where it is one line.
#[derive(Debug, Default)]
struct Element {
    begin: String,
    inside: Vec<Element>,
    end: String,
    /// Whether it is kept as a whole.
    kept: bool,
}

/// Of a description of a library in Rust, which tells of everything that was compiled into it, what can be reached from
/// the exported functions.
pub fn of_exported_functions(description: &str) -> String {
    let mut lines = description.lines();
    let mut root = Element::default();
    read(&mut lines, &mut root);
    let mut places = BTreeMap::new();
    let mut wanted = Vec::new();
    find(&root, &mut Vec::new(), &mut places, &mut wanted);
    let mut seen = BTreeSet::new();
    while let Some(place) = wanted.pop() {
        if !seen.insert(place.clone()) {
            continue;
        }
        let element = place.iter().fold(&mut root, |element, i| &mut element.inside[*i]);
        element.kept = true;
        types(element, &mut |id| wanted.extend(places.get(id).cloned()));
    }
    let (mut text, mut units) = (String::new(), 0);
    root.inside.iter().for_each(|element| write(element, &mut units, &mut text));
    text
}

fn read<'a>(lines: &mut impl Iterator<Item = &'a str>, parent: &mut Element) {
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("</") {
            parent.end = line.into();
            return;
        }
        let mut element = Element { begin: line.into(), ..Element::default() };
        if !line.ends_with("/>") {
            read(lines, &mut element);
        }
        parent.inside.push(element);
    }
}

/// Where the types are, and which elements are exported functions.
fn find(
    element: &Element,
    place: &mut Vec<usize>,
    places: &mut BTreeMap<String, Vec<usize>>,
    functions: &mut Vec<Vec<usize>>,
) {
    if let Some(id) = attribute(&element.begin, "id") {
        places.insert(id.into(), place.clone());
    }
    if attribute(&element.begin, "elf-symbol-id").is_some_and(|symbol| symbol.starts_with("derust_")) {
        functions.push(place.clone());
    }
    for (i, inside) in element.inside.iter().enumerate() {
        place.push(i);
        find(inside, place, places, functions);
        place.pop();
    }
}

/// Names the types that an element uses.
fn types(element: &Element, use_type: &mut impl FnMut(&str)) {
    if let Some(id) = attribute(&element.begin, "type-id") {
        use_type(id);
    }
    element.inside.iter().for_each(|inside| types(inside, use_type));
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!(" {name}='"))?.1.split('\'').next()
}

fn write(element: &Element, units: &mut u32, text: &mut String) {
    let begin = element.begin.trim_start();
    if begin.starts_with("<elf-") || element.kept {
        return write_whole(element, text);
    }
    let mut inside = String::new();
    element.inside.iter().for_each(|element| write(element, units, &mut inside));
    if inside.is_empty() {
        return;
    }
    let mut begin = element.begin.clone();
    if let Some(path) = attribute(&begin, "path").map(str::to_owned) {
        // The compiler gives its units another name each time.
        *units += 1;
        begin = begin.replace(&path, &format!("unit {units}"));
    }
    *text += &format!("{begin}\n{inside}{}\n", element.end);
}

fn write_whole(element: &Element, text: &mut String) {
    *text += &format!("{}\n", element.begin);
    element.inside.iter().for_each(|inside| write_whole(inside, text));
    if !element.end.is_empty() {
        *text += &format!("{}\n", element.end);
    }
}

/// The description without the fields that structs have got since `first`. Structs that say their own size may grow at
/// their ends: programs and libraries of different age understand one another.
pub fn without_growth(description: &str, first: &str) -> String {
    let sizes = sizes_of_sized_structs(first);
    let mut text = String::new();
    // The size of the struct that these lines are of, as it was first.
    let mut size = None;
    let mut is_new = false;
    for line in description.lines() {
        if line.contains("<class-decl ") {
            size = attribute(line, "name").and_then(|name| sizes.get(name)).copied();
        }
        if let (Some(first), Some(offset)) = (size, number(line, "layout-offset-in-bits")) {
            is_new = offset >= first;
        }
        match (size, number(line, "size-in-bits")) {
            (Some(first), Some(now)) if now > first && line.contains("<class-decl ") => {
                let [now, first] = [now, first].map(|size| format!(" size-in-bits='{size}'"));
                text += &format!("{}\n", line.replace(&now, &first));
            }
            _ if is_new => {}
            _ => text += &format!("{line}\n"),
        }
        is_new &= !line.contains("</data-member>");
        if line.contains("</class-decl>") {
            size = None;
        }
    }
    text
}

/// Structs whose first field is `struct_size`, and their sizes in bits.
fn sizes_of_sized_structs(description: &str) -> BTreeMap<&str, u64> {
    let mut sizes = BTreeMap::new();
    let mut last = None;
    for line in description.lines() {
        if line.contains("<class-decl ") {
            last = attribute(line, "name").zip(number(line, "size-in-bits"));
        }
        if line.contains(" name='struct_size' ") {
            sizes.extend(last);
        }
    }
    sizes
}

fn number(line: &str, name: &str) -> Option<u64> {
    attribute(line, name)?.parse().ok()
}
