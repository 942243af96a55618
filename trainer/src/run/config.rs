//! Settings from a TOML file: one line for each flag, `learning-rate = 1e-3` for `--learning-rate 1e-3`.
//!
//! A file's lines are put among the arguments of the call, so that both are checked alike. What the call itself says
//! counts first.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, Command};
use serde::Serialize;
use toml::{Table, Value};

use super::files;

/// The flag that names a file.
const FLAG: &str = "config";
/// Settings of which a call's one replaces a file's other.
const INSTEAD: [(&str, &str); 2] = [("steps", "minutes"), ("minutes", "steps")];

/// The arguments of a call together with those of its file.
pub struct Arguments {
    /// What clap parses.
    pub all: Vec<OsString>,
    file: Option<SettingsFile>,
}

struct SettingsFile {
    path: PathBuf,
    text: String,
    /// Flags that come from the file.
    used: Vec<String>,
}

/// Looks for a file in the arguments of a call, program name first, and adds what it says. A run that goes on takes
/// its own file.
///
/// # Errors
/// When the file cannot be read, is no TOML, or has a setting that the subcommand does not know.
pub fn expand(arguments: Vec<OsString>, program: &Command) -> Result<Arguments> {
    let (command, depth) = subcommand(&arguments, program);
    let Some(path) = file_of(&arguments[depth..]) else {
        return Ok(Arguments { all: arguments, file: None });
    };
    let (text, table) = read_table(&path, "the settings")?;
    let mut file = SettingsFile { path, text, used: vec![] };
    let mut all = arguments[..depth].to_vec();
    for (name, value) in &table {
        let is_said = |flag: &str| flag_value(&arguments[depth..], flag).is_some();
        let replaced = INSTEAD.iter().any(|(one, other)| one == name && is_said(other));
        let argument = command.get_arguments().find(|argument| argument.get_long() == Some(name.as_str()));
        let Some(argument) = argument.filter(|argument| argument.get_long() != Some(FLAG)) else {
            bail!("{}", file.unknown(name, command));
        };
        if is_said(name) || replaced {
            continue;
        }
        let words = words(value).with_context(|| {
            format!(
                "{}: `{name}` is neither text, number, true or false, nor a list of these",
                file.place(name)
            )
        })?;
        file.used.push(name.clone());
        if matches!(argument.get_action(), ArgAction::SetTrue) {
            if words == ["true"] {
                all.push(format!("--{name}").into());
            }
            continue;
        }
        let joined = argument.get_value_delimiter().map(|delimiter| words.join(&delimiter.to_string()));
        let words = joined.map_or(words, |joined| vec![joined]);
        all.extend(words.into_iter().map(|word| OsString::from(format!("--{name}={word}"))));
    }
    all.extend_from_slice(&arguments[depth..]);
    Ok(Arguments { all, file: Some(file) })
}

/// Reads a TOML file, as text and as what it says; `what` names it.
///
/// # Errors
/// When the file cannot be read or is no TOML, with the line.
pub fn read_table(path: &Path, what: &str) -> Result<(String, Table)> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {what} {}", path.display()))?;
    let table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        anyhow::anyhow!("{}, line {line}: {}", path.display(), error.message().replace('\n', " "))
    })?;
    Ok((text, table))
}

impl Arguments {
    /// What clap says of a value, with its place in the file if it came from there; otherwise nothing.
    pub fn explain(&self, error: &clap::Error) -> Option<String> {
        let file = self.file.as_ref()?;
        let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
        let name = argument.trim_start_matches('-').split([' ', '=']).next()?;
        let name = file.used.iter().find(|used| *used == name)?;
        let text = error.render().to_string();
        let said = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let known: Vec<&str> =
            text.lines().filter(|line| line.trim().starts_with("[possible")).map(str::trim).collect();
        Some(format!("{}: {said} {}", file.place(name), known.join(" ")).trim_end().to_string())
    }
}

impl SettingsFile {
    fn place(&self, name: &str) -> String {
        let begins = |line: &str| line.trim_start().trim_start_matches('"').starts_with(name);
        let line = self.text.lines().position(begins).map_or(1, |line| line + 1);
        format!("{}, line {line}", self.path.display())
    }

    fn unknown(&self, name: &str, command: &Command) -> String {
        let known = command.get_arguments().filter_map(|argument| argument.get_long());
        let nearest = known
            .map(|known| (strsim::jaro_winkler(name, known), known))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hint = nearest.map_or_else(
            || format!("`{} --help` lists them all", command.get_name()),
            |(_, known)| format!("is `{known}` meant?"),
        );
        format!("{}: there is no setting `{name}`; {hint}", self.place(name))
    }
}

/// The innermost subcommand that the arguments name, and where its own arguments begin.
fn subcommand<'a>(arguments: &[OsString], program: &'a Command) -> (&'a Command, usize) {
    let (mut command, mut depth) = (program, 1);
    while let Some(inner) = arguments.get(depth).and_then(|name| command.find_subcommand(name)) {
        (command, depth) = (inner, depth + 1);
    }
    (command, depth.min(arguments.len()))
}

/// The file of a call: the one that it names, else that of the run that is to go on.
fn file_of(arguments: &[OsString]) -> Option<PathBuf> {
    if let Some(named) = flag_value(arguments, FLAG) {
        return named.map(PathBuf::from);
    }
    flag_value(arguments, "resume")?;
    let run = flag_value(arguments, "run")??;
    Some(Path::new(&run).join(files::SETTINGS)).filter(|path| path.is_file())
}

/// Whether a flag is among the arguments, and its value if it has one.
fn flag_value(arguments: &[OsString], name: &str) -> Option<Option<OsString>> {
    arguments.iter().enumerate().find_map(|(i, argument)| {
        let argument = argument.to_str()?.strip_prefix("--")?.strip_prefix(name)?;
        match argument.strip_prefix('=') {
            Some(value) => Some(Some(value.into())),
            None => argument.is_empty().then(|| arguments.get(i + 1).cloned()),
        }
    })
}

/// A setting as words of a call; nothing where it is neither text, number, true or false, nor a list of these.
pub fn words(value: &Value) -> Option<Vec<String>> {
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().map(word).collect(),
        value => Some(vec![word(value)?]),
    }
}

/// The settings as a file that [`expand`] reads, below a line that says which program made it.
///
/// # Errors
/// When a setting cannot be written as TOML.
pub fn to_text(settings: &impl Serialize) -> Result<String> {
    let text = toml::to_string(settings).context("the settings cannot be written as TOML")?;
    Ok(format!("# Settings of this run, as used by derust-trainer {}.\n{text}", super::CODE_VERSION))
}

#[cfg(test)]
mod tests {
    use clap::{Arg, value_parser};

    use super::*;

    fn program() -> Command {
        let flags = Command::new("fit")
            .arg(Arg::new("config").long("config"))
            .arg(Arg::new("run").long("run"))
            .arg(Arg::new("steps").long("steps").value_parser(value_parser!(u64)))
            .arg(Arg::new("minutes").long("minutes").value_parser(value_parser!(f64)))
            .arg(Arg::new("names").long("names").value_delimiter(',').action(ArgAction::Append))
            .arg(Arg::new("resume").long("resume").action(ArgAction::SetTrue))
            .arg(Arg::new("loud").long("loud").action(ArgAction::SetTrue));
        Command::new("trainer").subcommand(Command::new("train").subcommand(flags))
    }

    fn call(file: &Path, rest: &[&str]) -> Vec<OsString> {
        let file = format!("--config={}", file.display());
        ["trainer", "train", "fit", &file].iter().chain(rest).map(OsString::from).collect()
    }

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fit.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_stands_in_for_flags_and_the_call_counts_first() {
        let (_folder, path) = written("steps = 20\nnames = [\"a\", \"b\"]\nloud = true\nrun = \"here\"\n");
        let parse = |rest: &[&str]| {
            let arguments = expand(call(&path, rest), &program()).unwrap();
            let matches = program().try_get_matches_from(arguments.all).unwrap();
            let fit = matches.subcommand().unwrap().1.subcommand().unwrap().1.clone();
            let names: Vec<String> = fit.get_many("names").unwrap().cloned().collect();
            (
                fit.get_one::<u64>("steps").copied(),
                names,
                fit.get_flag("loud"),
                fit.get_one::<f64>("minutes").copied(),
            )
        };
        let names = vec!["a".to_string(), "b".to_string()];
        assert_eq!(parse(&[]), (Some(20), names.clone(), true, None));
        assert_eq!(parse(&["--steps", "7"]), (Some(7), names.clone(), true, None));
        assert_eq!(parse(&["--minutes=2.5"]), (None, names, true, Some(2.5)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let refusal = |text: &str| {
            let (_folder, path) = written(text);
            let expanded = match expand(call(&path, &[]), &program()) {
                Err(error) => return format!("{error:#}"),
                Ok(expanded) => expanded,
            };
            let error = program().try_get_matches_from(&expanded.all).unwrap_err();
            expanded.explain(&error).unwrap()
        };
        for (text, hint) in [
            ("steps = 20\nstepps = 3\n", "line 2: there is no setting `stepps`; is `steps` meant?"),
            ("# a\nzzz = 3\n", "line 2: there is no setting `zzz`; `fit --help`"),
            ("steps = 20\nminutes = = 3\n", "line 2: "),
            ("\nsteps = \"many\"\n", "line 2: invalid value 'many' for '--steps <steps>'"),
            ("steps = { a = 1 }\n", "line 1: `steps` is neither"),
        ] {
            let said = refusal(text);
            assert!(
                said.contains("fit.toml, ") && said.contains(hint) && said.lines().count() == 1,
                "{text}: {said}"
            );
        }
    }

    #[test]
    fn a_run_that_goes_on_takes_its_own_settings() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(files::SETTINGS), "steps = 9\n").unwrap();
        let run = folder.path().to_str().unwrap();
        let call = ["trainer", "train", "fit", "--run", run, "--resume"].map(OsString::from);
        let expanded = expand(call.to_vec(), &program()).unwrap();
        assert!(expanded.all.contains(&"--steps=9".into()), "{:?}", expanded.all);
        let fresh = ["trainer", "train", "fit", "--run", run].map(OsString::from);
        assert_eq!(expand(fresh.to_vec(), &program()).unwrap().all, fresh);
    }
}
