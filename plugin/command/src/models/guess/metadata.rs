//! What exporters write into a file's properties, and who they are.

use derust_manifest::onnx;

/// The longest property that is read, in bytes, and the most names.
const LONGEST: usize = 1 << 16;
const MOST_NAMES: usize = 4096;

/// What a file's properties tell; nothing has checked it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Metadata {
    /// The program that wrote the file, in lower case.
    pub(super) producer: String,
    /// Whether Ultralytics' exporter wrote it, which trains YOLO networks.
    pub(super) is_ultralytics: bool,
    /// What such a network is for: `segment`, `detect`, `semantic` and others.
    pub(super) task: String,
    /// The names of the classes, in their order.
    pub(super) names: Vec<String>,
    /// The long side of the pictures of its training.
    pub(super) long_side: Option<u32>,
    /// What height and width are multiples of.
    pub(super) multiple: Option<u32>,
    pub(super) licence: String,
    pub(super) description: String,
}

impl Metadata {
    pub(super) fn of(model: &onnx::Model) -> Self {
        let property = |key: &str| model.property(key).filter(|value| value.len() <= LONGEST).unwrap_or("");
        let numbers = |key: &str| {
            let parts = property(key).split(|c: char| !c.is_ascii_digit());
            parts.filter_map(|part| part.parse().ok()).collect::<Vec<u32>>()
        };
        let names = ["names", "class_names", "classes", "labels", "id2label"].map(property);
        let is_ultralytics = property("author") == "Ultralytics" || property("docs").contains("ultralytics");
        Metadata {
            producer: model.producer_name.to_lowercase(),
            is_ultralytics,
            task: property("task").trim().to_lowercase(),
            names: names.into_iter().map(names_in).find(|names| !names.is_empty()).unwrap_or_default(),
            long_side: numbers("imgsz").into_iter().max().filter(|side| (32..=4096).contains(side)),
            multiple: numbers("stride").into_iter().max().filter(|stride| (1..=256).contains(stride)),
            licence: licence(property("license")),
            description: property("description").trim().chars().take(200).collect(),
        }
    }
}

/// A licence as an SPDX expression, as far as it is known.
fn licence(text: &str) -> String {
    let text = text.trim();
    if text.starts_with("AGPL-3.0") { "AGPL-3.0-only".into() } else { text.chars().take(100).collect() }
}

/// The names in a list or in a map from numbers, written in JSON or as Python shows them; none where they are no such.
fn names_in(text: &str) -> Vec<String> {
    let text = text.trim();
    let is_map = text.starts_with('{') && text.ends_with('}');
    let is_list = text.starts_with('[') && text.ends_with(']');
    if !is_map && !is_list {
        let plain: Vec<String> = text.split([',', '\n']).map(|name| name.trim().to_owned()).collect();
        let fits = plain.len() > 1 && plain.len() <= MOST_NAMES && plain.iter().all(|name| !name.is_empty());
        return if fits { plain } else { Vec::new() };
    }
    let mut names: Vec<(u32, String)> = Vec::new();
    let mut rest = &text[1..text.len() - 1];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if rest.is_empty() {
            break;
        }
        let mut number = names.len() as u32;
        if is_map {
            let Some((key, after)) = rest.split_once(':') else { return Vec::new() };
            let Ok(key) = key.trim().trim_matches(['"', '\'']).parse() else { return Vec::new() };
            (number, rest) = (key, after.trim_start());
        }
        let Some((name, after)) = quoted(rest) else { return Vec::new() };
        names.push((number, name));
        if names.len() > MOST_NAMES {
            return Vec::new();
        }
        rest = after;
    }
    names.sort_by_key(|(number, _)| *number);
    let in_order = names.iter().enumerate().all(|(i, (number, _))| i as u32 == *number);
    if in_order { names.into_iter().map(|(_, name)| name).collect() } else { Vec::new() }
}

/// The text in the quotes at the beginning, and what comes after them.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => name.push(characters.next()?.1),
            c if c == quote => return Some((name, &text[at + 1..])),
            c => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_however_they_are_written() {
        for (text, names) in [
            ("{0: 'metal', 1: 'rust'}", &["metal", "rust"][..]),
            (r#"{1: "it's rust", 0: 'a "b"'}"#, &["a \"b\"", "it's rust"]),
            (r#"{"0": "metal", "1": "rust"}"#, &["metal", "rust"]),
            (r#"["metal", "rust"]"#, &["metal", "rust"]),
            (r"['it\'s', 'b']", &["it's", "b"]),
            ("metal, rust", &["metal", "rust"]),
            ("{0: 'metal', 2: 'rust'}", &[]),
            ("{0: 'metal", &[]),
            ("{0: metal}", &[]),
            ("{", &[]),
            ("", &[]),
            ("}{", &[]),
        ] {
            assert_eq!(names_in(text), names, "{text}");
        }
    }
}
