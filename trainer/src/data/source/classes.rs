//! Names of the classes, and the values that stand for them in masks.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::listing::Listed;
use crate::data::photos::RUST;

/// What stands for a class in a mask's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A grey value, or an index into a palette.
    Grey(u8),
    /// Red, green, blue.
    Colour([u8; 3]),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Grey(value) => write!(f, "{value}"),
            Value::Colour([red, green, blue]) => write!(f, "#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

/// The classes that are wanted, in the order of their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes {
    /// Names; label 1 is the first.
    pub names: Vec<String>,
    /// The value of each class in masks, where it was given.
    pub values: Vec<Option<Value>>,
}

impl Classes {
    /// From the texts NAME or NAME=VALUE, VALUE 0 to 255 or `#rrggbb`; one class, `rust`, from none.
    ///
    /// # Errors
    /// When a name is empty or comes twice, a value cannot be read, or there are more than 255 classes.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut classes = Classes { names: vec![], values: vec![] };
        for text in texts {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name.trim(), Some(parse_value(value.trim())?)),
                None => (text.trim(), None),
            };
            ensure!(!name.is_empty(), "--classes: a class without a name in `{text}`");
            ensure!(classes.label(name).is_none(), "--classes: `{name}` comes twice");
            classes.names.push(name.into());
            classes.values.push(value);
        }
        ensure!(classes.names.len() <= 255, "--classes: at most 255 classes");
        if classes.names.is_empty() {
            return Ok(Classes { names: vec![RUST.into()], values: vec![None] });
        }
        Ok(classes)
    }

    /// The label of a class by its name, in small or large letters.
    pub fn label(&self, name: &str) -> Option<u8> {
        let place = self.names.iter().position(|other| other.eq_ignore_ascii_case(name))?;
        Some(place as u8 + 1)
    }

    /// Checks that a file's own names include every wanted class.
    ///
    /// # Errors
    /// When one is not among them.
    pub fn require<'a>(&self, there: impl Iterator<Item = &'a str> + Clone, file: &Path) -> Result<()> {
        for name in &self.names {
            if !there.clone().any(|other| other.eq_ignore_ascii_case(name)) {
                let there: Vec<&str> = there.collect();
                bail!(
                    "{} has no class `{name}` but {}: choose with --classes",
                    file.display(),
                    there.join(", ")
                );
            }
        }
        Ok(())
    }
}

fn parse_value(text: &str) -> Result<Value> {
    let bad = || format!("--classes: `{text}` is neither a value from 0 to 255 nor a colour #rrggbb");
    let Some(digits) = text.strip_prefix('#') else {
        return text.parse().map(Value::Grey).with_context(bad);
    };
    ensure!(digits.len() == 6 && digits.is_ascii(), bad());
    let mut colour = [0; 3];
    for (i, part) in colour.iter_mut().enumerate() {
        *part = u8::from_str_radix(&digits[i * 2..i * 2 + 2], 16).with_context(bad)?;
    }
    Ok(Value::Colour(colour))
}

/// The colours of a `labelmap.txt` as CVAT writes it beside masks, if one lies there: `name:r,g,b:parts:actions` a line.
///
/// # Errors
/// When the file cannot be read.
pub fn label_map(folder: &Path) -> Result<Option<Vec<(String, Value)>>> {
    let path = folder.join("labelmap.txt");
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut colours = vec![];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut fields = line.split(':');
        let (name, colour) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let parts: Option<Vec<u8>> = colour.split(',').map(|part| part.trim().parse().ok()).collect();
        let colour: Option<[u8; 3]> = parts.and_then(|parts| parts.try_into().ok());
        let colour =
            colour.with_context(|| format!("{}: `{line}` is not NAME:RED,GREEN,BLUE::", path.display()))?;
        colours.push((name.trim().to_owned(), Value::Colour(colour)));
    }
    Ok(Some(colours))
}

/// Files by name, for looking up which belong together.
pub fn by_name(listed: Vec<Listed>) -> std::collections::BTreeMap<String, Listed> {
    listed.into_iter().map(|one| (one.name.clone(), one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<Classes> {
        Classes::parse(&texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn classes_come_with_and_without_values() {
        let classes = parse(&["light=100", "severe = #ff8000", "scratch"]).unwrap();
        assert_eq!(classes.names, ["light", "severe", "scratch"]);
        assert_eq!(classes.values, [Some(Value::Grey(100)), Some(Value::Colour([255, 128, 0])), None]);
        assert_eq!((classes.label("Severe"), classes.label("moss")), (Some(2), None));
        assert_eq!(parse(&[]).unwrap().names, ["rust"]);
        for (bad, hint) in [
            (&["a", "A"][..], "twice"),
            (&["=3"], "without a name"),
            (&["a=300"], "0 to 255"),
            (&["a=#12345"], "#rrggbb"),
            (&["a=#12345g"], "#rrggbb"),
        ] {
            let said = format!("{:#}", parse(bad).unwrap_err());
            assert!(said.contains(hint), "{said}");
        }
    }
}
