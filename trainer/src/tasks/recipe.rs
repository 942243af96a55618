//! Recipes: several trainings, each of which begins where others ended, and the model file that comes of them.
//!
//! A recipe is a TOML file with a table `[[leg]]` for each training and one `[export]`. In a leg, `name` is what it is called
//! and `train` the kind of training; everything else is a setting of that kind, as in the files that `--config` names. A
//! text `@NAME` stands for the run of an earlier leg, `$NAME` for what the call hands in with `--with NAME=VALUE`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use toml::{Table, Value};

use crate::run::config::{read_table, words};
use crate::run::files;
use crate::whole_file;

/// Options of `recipe`.
#[derive(Args, Clone, Debug)]
pub struct RecipeOptions {
    /// The recipe, a TOML file such as `plugin/models/segment-rust.toml`.
    recipe: PathBuf,
    /// Folder of the photos, for every leg.
    #[arg(long)]
    data: PathBuf,
    /// Folder for the runs, one below it for each leg.
    #[arg(long)]
    out: PathBuf,
    /// The model file to write.
    #[arg(short, long)]
    output: PathBuf,
    /// What `$NAME` in the recipe stands for.
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = definition)]
    definitions: Vec<(String, String)>,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Go on where an interrupted call stopped.
    #[arg(long)]
    resume: bool,
}

fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

/// What a recipe file says.
struct Recipe {
    legs: Vec<Leg>,
    export: Table,
    export_kind: String,
}

struct Leg {
    name: String,
    kind: String,
    settings: Table,
}

/// Trains every leg and writes the model file.
///
/// # Errors
/// When the recipe is none, or a training or the export fails.
pub fn follow(options: &RecipeOptions) -> Result<ExitCode> {
    let recipe = Recipe::read(&options.recipe)?;
    let place = |value: Value| recipe.place(value, options);
    let legs = recipe.legs.iter().map(|leg| Ok((leg, placed(&leg.settings, &place)?)));
    // All of it is checked before the first training begins.
    let legs = legs.collect::<Result<Vec<_>>>()?;
    let export = placed(&recipe.export, &place)?;
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let program = std::env::current_exe().context("the system does not say where this program lies")?;
    for (leg, settings) in legs {
        println!("leg {}: train {}", leg.name, leg.kind);
        let run = options.out.join(&leg.name);
        let mut command = Command::new(&program);
        command.args(["train", &leg.kind, "--device", &options.device]);
        command.arg("--data").arg(&options.data).arg("--run").arg(&run);
        if options.resume && run.join(files::CHECKPOINT).is_file() {
            // With the settings that lie there.
            command.arg("--resume");
        } else {
            let file = options.out.join(format!("{}.toml", leg.name));
            whole_file::write(&file, toml::to_string(&settings)?.as_bytes())?;
            command.arg("--config").arg(file);
        }
        if let Some(code) = failure(&mut command)? {
            return Ok(code);
        }
    }
    let mut command = Command::new(&program);
    command.args(["export", &recipe.export_kind, "--output"]).arg(&options.output);
    for (name, value) in &export {
        let words = words(value).with_context(|| format!("`{name}` of [export] is no setting"))?;
        command.args(words.into_iter().map(|word| format!("--{name}={word}")));
    }
    Ok(failure(&mut command)?.unwrap_or(ExitCode::SUCCESS))
}

/// The exit code of a call that did not end well; it has said why itself.
fn failure(command: &mut Command) -> Result<Option<ExitCode>> {
    let status = command.status().context("cannot start this program again")?;
    if status.success() {
        return Ok(None);
    }
    Ok(Some(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)))
}

impl Recipe {
    fn read(file: &Path) -> Result<Self> {
        let shown = file.display();
        let (_, mut table) = read_table(file, "the recipe")?;
        let mut legs: Vec<Leg> = vec![];
        let Some(Value::Array(tables)) = table.remove("leg") else { bail!("{shown} has no [[leg]]") };
        for leg in tables {
            let Value::Table(mut settings) = leg else { bail!("{shown}: a leg is a table, [[leg]]") };
            let name = text_of(&mut settings, "name").with_context(|| format!("{shown}: a leg"))?;
            let kind = text_of(&mut settings, "train").with_context(|| format!("{shown}: leg {name:?}"))?;
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            ensure!(is_name, "{shown}: {name:?} is no name of a leg: letters, digits and dashes");
            ensure!(legs.iter().all(|leg| leg.name != name), "{shown} has two legs {name:?}");
            legs.push(Leg { name, kind, settings });
        }
        let Some(Value::Table(mut export)) = table.remove("export") else { bail!("{shown} has no [export]") };
        let export_kind = text_of(&mut export, "kind").with_context(|| format!("{shown}: [export]"))?;
        let more: Vec<&str> = table.keys().map(String::as_str).collect();
        ensure!(more.is_empty(), "{shown} has more than [[leg]] and [export]: {}", more.join(", "));
        Ok(Recipe { legs, export, export_kind })
    }

    /// What a text stands for.
    fn place(&self, value: Value, options: &RecipeOptions) -> Result<Value> {
        let Value::String(text) = value else { return Ok(value) };
        let shown = options.recipe.display();
        if let Some(name) = text.strip_prefix('@') {
            ensure!(self.legs.iter().any(|leg| leg.name == name), "{shown}: there is no leg {name:?}");
            let run = options.out.join(name);
            let run = run.to_str().with_context(|| format!("{} is no text", run.display()))?;
            return Ok(Value::String(run.into()));
        }
        let Some(name) = text.strip_prefix('$') else { return Ok(Value::String(text)) };
        let found = options.definitions.iter().find(|(known, _)| known == name);
        let (_, value) =
            found.with_context(|| format!("{shown} wants ${name}: hand it in with --with {name}=VALUE"))?;
        Ok(Value::String(value.clone()))
    }
}

/// Settings with what their texts stand for.
fn placed(settings: &Table, place: &impl Fn(Value) -> Result<Value>) -> Result<Table> {
    let all = settings.iter().map(|(name, value)| {
        let value = match value {
            Value::Array(values) => Value::Array(values.iter().cloned().map(place).collect::<Result<_>>()?),
            value => place(value.clone())?,
        };
        Ok((name.clone(), value))
    });
    all.collect()
}

fn text_of(table: &mut Table, name: &str) -> Result<String> {
    match table.remove(name) {
        Some(Value::String(text)) => Ok(text),
        _ => bail!("has no text `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str, definitions: &[(&str, &str)]) -> (tempfile::TempDir, RecipeOptions) {
        let folder = tempfile::tempdir().unwrap();
        let recipe = folder.path().join("recipe.toml");
        fs::write(&recipe, text).unwrap();
        let options = RecipeOptions {
            recipe,
            data: "data".into(),
            out: "runs".into(),
            output: "model.onnx".into(),
            definitions: definitions.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect(),
            device: "cpu".into(),
            resume: false,
        };
        (folder, options)
    }

    #[test]
    fn texts_stand_for_runs_and_for_what_is_handed_in() {
        let text = "[[leg]]\nname = \"a\"\ntrain = \"segment\"\nbackbone = \"$weights\"\nsteps = 3\n\n[[leg]]\nname = \"b\"\n\
            train = \"segment\"\nstart-from = [\"@a\", \"x.onnx\"]\n\n[export]\nkind = \"segment\"\nrun = \"@b\"\nviews = 2\n";
        let (_folder, options) = options(text, &[("weights", "w.safetensors")]);
        let recipe = Recipe::read(&options.recipe).unwrap();
        let all: Vec<Table> = recipe
            .legs
            .iter()
            .map(|leg| &leg.settings)
            .chain([&recipe.export])
            .map(|settings| placed(settings, &|value| recipe.place(value, &options)).unwrap())
            .collect();
        assert_eq!(all[0].to_string(), "backbone = \"w.safetensors\"\nsteps = 3\n");
        assert_eq!(words(&all[1]["start-from"]).unwrap(), ["runs/a", "x.onnx"]);
        assert_eq!(words(&all[2]["run"]).unwrap(), ["runs/b"]);
        assert_eq!(words(&all[2]["views"]).unwrap(), ["2"]);
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_trained() {
        let leg = "[[leg]]\nname = \"a\"\ntrain = \"segment\"\n";
        let export = "[export]\nkind = \"segment\"\n";
        for (text, hint) in [
            ("leg = 3\n".to_owned(), "no [[leg]]"),
            (format!("{leg}{leg}{export}"), "two legs \"a\""),
            (format!("{leg}start-from = \"@b\"\n{export}"), "no leg \"b\""),
            (format!("{leg}backbone = \"$b\"\n{export}"), "--with b=VALUE"),
            (leg.to_owned(), "no [export]"),
            (format!("{export}steps =\n"), "line 3"),
            (format!("{leg}{export}[other]\n"), "more than"),
            (format!("[[leg]]\nname = \"../a\"\ntrain = \"segment\"\n{export}"), "no name of a leg"),
            (format!("[[leg]]\nname = \"a\"\n{export}"), "no text `train`"),
        ] {
            let (folder, mut options) = options(&text, &[]);
            options.out = folder.path().join("runs");
            let said = format!("{:#}", follow(&options).unwrap_err());
            assert!(said.contains(hint) && !said.contains('\n'), "{said}");
            assert!(!options.out.exists());
        }
    }
}
