//! Starting GIMP, asking it, and ending it.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use derust_test_support::{build_folder, checkout};

use crate::networks;
use crate::script_fu::{self, quoted};

/// GIMP asks its plug-ins what they offer when it starts, which takes its time on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(240);

/// Far more than any expression of the tests needs.
const ANSWER_LIMIT: Duration = Duration::from_secs(300);

const GUARD: &str = include_str!("guard.sh");
const IN_ROOT: &str = include_str!("root.sh");

/// Names the folder in which `cargo xtask install-gimp` put the plug-in.
const PLUG_INS: &str = "DERUST_GIMP_PLUG_INS";

/// Names the folder of a Debian with GIMP 3.
const ROOT: &str = "DERUST_GIMP_ROOT";

/// The two families of GIMP that the plug-in serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// GIMP 2.10, the machine's own.
    Two,
    /// GIMP 3, in a root of its own.
    Three,
}

/// Whether GIMP shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window<'a> {
    /// It has no window.
    None,
    /// On this screen, such as `:5`.
    On(&'a str),
}

/// A running GIMP with the plug-in. It ends when this is dropped or the process ends.
pub struct Gimp {
    /// Which one it is.
    pub generation: Generation,
    folder: PathBuf,
    port: u16,
    guard: Child,
    lifeline: Option<ChildStdin>,
}

impl Generation {
    /// The word that files are named after.
    pub fn word(self) -> &'static str {
        match self {
            Generation::Two => "gimp-2",
            Generation::Three => "gimp-3",
        }
    }

    /// The words of the tests, as this generation says them.
    fn words(self) -> &'static str {
        match self {
            Generation::Two => include_str!("../scheme/gimp-2.scm"),
            Generation::Three => include_str!("../scheme/gimp-3.scm"),
        }
    }

    /// A program that sees this generation's GIMP, and of this machine and user nothing but `folder`, where its home
    /// is.
    pub fn command(self, folder: &Path, program: &str) -> Command {
        let mut command = match self {
            Generation::Two => {
                let mut command = Command::new("env");
                command.arg("-i");
                command
            }
            Generation::Three => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-e", "-c", IN_ROOT, "sh"]);
                command.arg(root()).arg(folder).args(["env", "-i"]);
                command
            }
        };
        let variable = |name: &str, value: &Path| format!("{name}={}", value.display());
        command.args(["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "NO_AT_BRIDGE=1"]);
        command.arg(variable("HOME", &folder.join("home")));
        command.arg(variable("GIMP2_DIRECTORY", &folder.join("config")));
        command.arg(variable("GIMP3_DIRECTORY", &folder.join("config")));
        command.arg(program);
        command
    }
}

impl Gimp {
    /// Starts GIMP with the plug-in, the networks of [`networks`] and no other setting of anybody's.
    ///
    /// # Panics
    /// When it does not start; the text is what it said.
    pub fn start(generation: Generation, window: Window<'_>) -> Self {
        Self::start_after(generation, window, |plug_in| networks::write(&plug_in.join("models")))
    }

    /// Starts GIMP with the plug-in, after its folder was changed by `prepare`.
    ///
    /// # Panics
    /// When it does not start; the text is what it said.
    pub fn start_after(generation: Generation, window: Window<'_>, prepare: impl FnOnce(&Path)) -> Self {
        Self::start_in(generation, window, "en", prepare)
    }

    /// The same with a language for what GIMP and the plug-in show, such as `zh_CN`.
    ///
    /// # Panics
    /// When it does not start; the text is what it said.
    pub fn start_in(
        generation: Generation,
        window: Window<'_>,
        language: &str,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let folder = new_folder();
        prepare(&folder.join("config/plug-ins/gimp-derust"));
        let port = script_fu::free_port();
        let mut settings = "(undo-levels 20)\n(check-updates no)\n".to_owned();
        if generation == Generation::Three {
            settings += "(show-welcome-dialog no)\n";
        }
        fs::write(folder.join("config/gimprc"), settings).expect("GIMP's settings");

        let mut program = generation.command(&folder, "env");
        program.arg(format!("LANGUAGE={language}"));
        match window {
            Window::None => program.args(["gimp-console", "-i", "-d"]),
            Window::On(screen) => program.arg(format!("DISPLAY={screen}")).arg("gimp"),
        };
        program.args([
            "-n",
            "-s",
            "--batch-interpreter=plug-in-script-fu-eval",
            "-b",
            &server(generation, port),
        ]);
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(program.get_program()).args(program.get_args());
        let log = File::create(folder.join("log")).expect("a file for what GIMP says");
        guard.env("DERUST_TEST_FOLDER", &folder);
        guard.stdin(Stdio::piped()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let mut guard = guard.spawn().expect("a shell");
        let lifeline = guard.stdin.take();
        let gimp = Gimp { generation, folder, port, guard, lifeline };
        if let Err(error) = script_fu::wait_for(port, START_LIMIT) {
            panic!("{generation:?} does not answer: {error}\n{}", gimp.log());
        }
        for definition in [generation.words(), include_str!("../scheme/common.scm")] {
            gimp.evaluate(&format!("(begin {definition})"));
        }
        gimp
    }

    /// A folder that GIMP and the tests both see at the same place.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The plug-in's own folder.
    pub fn plug_in(&self) -> PathBuf {
        self.folder.join("config/plug-ins/gimp-derust")
    }

    /// The value of an expression that has one.
    ///
    /// # Panics
    /// When it ends with an error.
    pub fn evaluate(&self, expression: &str) -> String {
        self.try_evaluate(expression).unwrap_or_else(|error| panic!("{expression}\n{error}\n{}", self.log()))
    }

    /// The value of an expression, or the error that it ended with.
    ///
    /// # Errors
    /// With what GIMP said.
    ///
    /// # Panics
    /// When GIMP is gone or hangs.
    pub fn try_evaluate(&self, expression: &str) -> Result<String, String> {
        script_fu::evaluate(self.port, expression, ANSWER_LIMIT)
            .unwrap_or_else(|error| panic!("no answer to {expression}: {error}\n{}", self.log()))
    }

    /// What it has said so far, without the server's account of its requests.
    pub fn log(&self) -> String {
        const ACCOUNT: [&str; 5] =
            ["Server: ", "Received request", ",[Request", "Request #", "Processing request"];
        let bytes = fs::read(self.folder.join("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| !ACCOUNT.iter().any(|word| line.starts_with(word)));
        lines.flat_map(|line| [line, "\n"]).collect()
    }
}

impl Drop for Gimp {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.guard.wait();
    }
}

/// The expression that starts the Script-Fu server.
fn server(generation: Generation, port: u16) -> String {
    match generation {
        Generation::Two => format!("(plug-in-script-fu-server RUN-NONINTERACTIVE \"127.0.0.1\" {port} \"\")"),
        Generation::Three => format!(
            "(plug-in-script-fu-server #:run-mode RUN-NONINTERACTIVE #:ip \"127.0.0.1\" #:port {port} #:logfile {})",
            quoted("")
        ),
    }
}

/// A new folder with a home, and the plug-in installed in GIMP's configuration.
pub fn new_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("derust-gimp-").tempdir().expect("a folder").keep();
    fs::create_dir_all(folder.join("home")).expect("a home");
    copy(plug_ins(), &folder.join("config/plug-ins"));
    folder
}

/// The folder with the installed plug-in: `$DERUST_GIMP_PLUG_INS`, else one in the build folder, optimised if this
/// program is.
pub fn plug_ins() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        given(PLUG_INS).unwrap_or_else(|| {
            let (name, profile): (_, &[_]) = if cfg!(debug_assertions) {
                ("test-plug-ins", &["--debug"])
            } else {
                ("speed-plug-ins", &[])
            };
            let folder = build_folder().join(name);
            let path = folder.display().to_string();
            xtask(&[&["install-gimp", "--plug-ins", &path], profile].concat());
            folder
        })
    })
}

/// The root with GIMP 3: `$DERUST_GIMP_ROOT`, else the one in the build folder.
fn root() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        given(ROOT).unwrap_or_else(|| {
            xtask(&["gimp-root"]);
            build_folder().join("gimp-trixie")
        })
    })
}

/// The number of the process whose first argument is this program.
pub fn process_of(program: &Path) -> Option<String> {
    fs::read_dir("/proc").expect("the processes").flatten().find_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let first = line.split(|byte| *byte == 0).next()?;
        (first == program.as_os_str().as_encoded_bytes()).then(|| entry.file_name().into_string().ok())?
    })
}

fn given(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable).filter(|path| !path.is_empty())?);
    assert!(path.is_absolute(), "{variable} is {}, but has to be an absolute path", path.display());
    Some(path)
}

fn xtask(arguments: &[&str]) {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(checkout())
        // The tests may have been built into another folder than the one that is set.
        .env("CARGO_TARGET_DIR", build_folder())
        .args(["run", "--quiet", "--package", "xtask", "--"])
        .args(arguments)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{arguments:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn copy(source: &Path, target: &Path) {
    fs::create_dir_all(target).expect("a folder");
    for entry in fs::read_dir(source).expect("the plug-in's folder") {
        let entry = entry.expect("an entry of the plug-in's folder");
        let target = target.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
