//! Procedures with positional arguments; GIMP keeps the values of the last run.

use std::ffi::{CStr, CString, c_char, c_double, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;

use libloading::Library;
use once_cell::sync::OnceCell;

use super::Two;
use super::window::Window;
use crate::gimp::functions::{Pointer, Text, c_name, in_full, name_in, table};
use crate::gimp::generation::open;
use crate::gimp::{Call, Controls, Ending, Generation, Gimp, Offer, ParameterKind, Procedure, Value};
use crate::text::{self, c_text, tr};

/// `GimpPDBArgType`
mod kind {
    use std::ffi::c_int;
    pub const INT32: c_int = 0;
    pub const FLOAT: c_int = 3;
    pub const STRING: c_int = 4;
    pub const IMAGE: c_int = 13;
    pub const DRAWABLE: c_int = 16;
    pub const STATUS: c_int = 21;
}

/// `GimpPDBStatusType`
mod status {
    pub const EXECUTION_ERROR: i32 = 0;
    pub const CALLING_ERROR: i32 = 1;
    pub const SUCCESS: i32 = 3;
    pub const CANCEL: i32 = 4;
}

/// `GimpRunMode`
mod run_mode {
    pub const INTERACTIVE: i32 = 0;
    pub const NONINTERACTIVE: i32 = 1;
}

/// `GimpPlugInInfo`
#[repr(C)]
struct PlugInInfo {
    init: Option<unsafe extern "C" fn()>,
    quit: Option<unsafe extern "C" fn()>,
    query: Option<unsafe extern "C" fn()>,
    run: Option<unsafe extern "C" fn(Text, c_int, *const Param, *mut c_int, *mut *mut Param)>,
}

/// `GimpParamData`
#[repr(C)]
#[derive(Clone, Copy)]
union ParamData {
    int: i32,
    float: c_double,
    text: Text,
    /// The largest of them is a colour.
    size: [c_double; 4],
}

/// `GimpParam`
#[repr(C)]
#[derive(Clone, Copy)]
struct Param {
    kind: c_int,
    data: ParamData,
}

/// `GimpParamDef`
#[repr(C)]
struct ParamDef {
    kind: c_int,
    name: Text,
    description: Text,
}

table! {
    /// What GIMP 2.10 has for plug-ins, and GIMP 3 does differently.
    struct PlugIn {
        gimp_main(*const PlugInInfo, c_int, *mut *mut c_char) -> c_int;
        gimp_install_procedure(
            Text, Text, Text, Text, Text, Text, Text, Text, c_int, c_int, c_int, *const ParamDef, *const ParamDef
        );
        gimp_plugin_domain_register(Text, Text) -> c_int;
        gimp_plugin_menu_branch_register(Text, Text) -> c_int;
        gimp_plugin_menu_register(Text, Text) -> c_int;
        gimp_procedural_db_get_data_size(Text) -> c_int;
        gimp_procedural_db_get_data(Text, Pointer) -> c_int;
        gimp_procedural_db_set_data(Text, *const c_void, c_uint) -> c_int;
    }
}

struct Connected {
    gimp: Gimp<Two>,
    plug_in: PlugIn,
    offer: Offer<Two>,
}

static CONNECTED: OnceCell<Connected> = OnceCell::new();

static INFO: PlugInInfo = PlugInInfo { init: None, quit: None, query: Some(query), run: Some(run_procedure) };

fn find() -> Result<(Gimp<Two>, PlugIn), String> {
    Ok((Gimp::find()?, PlugIn::find::<Two>(open::<Two>("gimp")?)?))
}

/// See [`Generation::run`].
///
/// # Safety
/// `arguments` are `count` texts that live as long as the process, and NULL.
pub(super) unsafe fn run(
    offer: Offer<Two>,
    count: c_int,
    arguments: *mut *mut c_char,
) -> Result<c_int, String> {
    let connected = CONNECTED.get_or_try_init(|| {
        let (gimp, plug_in) = find()?;
        Ok::<_, String>(Connected { gimp, plug_in, offer })
    })?;
    connected.gimp.use_catalogues(&connected.offer.folder);
    // SAFETY: the struct is static; the arguments are those of the process.
    Ok(unsafe { (connected.plug_in.gimp_main)(&INFO, count, arguments) })
}

/// Finds every function, and says how many there are.
pub(super) fn check() -> Result<usize, String> {
    find()?;
    Ok(Gimp::<Two>::function_count() + PlugIn::COUNT)
}

/// Says what the plug-in offers.
unsafe extern "C" fn query() {
    // A panic must not go through GIMP's library; GIMP then knows of no procedure, which it reports.
    let _ = catch_unwind(|| {
        let Some(connected) = CONNECTED.get() else { return };
        let Connected { plug_in, offer, .. } = connected;
        let catalogues = c_text(&text::catalogues(&offer.folder).to_string_lossy());
        // SAFETY: GIMP copies texts; so below.
        unsafe {
            (plug_in.gimp_plugin_domain_register)(text::DOMAIN.as_ptr(), catalogues.as_ptr());
            let (menu, submenu) = (c_text(offer.about.menu), c_text(offer.about.submenu));
            (plug_in.gimp_plugin_menu_branch_register)(menu.as_ptr(), submenu.as_ptr());
        }
        for procedure in offer.procedures {
            install(plug_in, offer, procedure);
        }
    });
}

fn install(plug_in: &PlugIn, offer: &Offer<Two>, procedure: &Procedure) {
    const PLUG_IN: c_int = 1;
    let mut texts: Vec<CString> = Vec::new();
    let mut text = |text: &str| {
        // The heap memory of a text stays where it is when the vector grows.
        let text = c_text(text);
        let pointer = text.as_ptr();
        texts.push(text);
        pointer
    };
    let mut parameters = vec![
        ParamDef {
            kind: kind::INT32,
            name: text("run-mode"),
            description: text(
                "The run mode { RUN-INTERACTIVE (0), RUN-NONINTERACTIVE (1), RUN-WITH-LAST-VALS (2) }",
            ),
        },
        ParamDef { kind: kind::IMAGE, name: text("image"), description: text("The image") },
        ParamDef { kind: kind::DRAWABLE, name: text("drawable"), description: text("The layer") },
    ];
    for parameter in procedure.parameters_in::<Two>() {
        let (kind, range) = match parameter.kind {
            ParameterKind::Text => (kind::STRING, String::new()),
            ParameterKind::Number { from, to, .. } => (kind::FLOAT, format!(" ({from} to {to})")),
            ParameterKind::Toggle => (kind::INT32, " { FALSE (0), TRUE (1) }".into()),
            ParameterKind::Choice(choices) => {
                let words = choices.iter().enumerate().map(|(index, (word, _))| format!("{word} ({index})"));
                (kind::INT32, format!(" {{ {} }}", words.collect::<Vec<_>>().join(", ")))
            }
        };
        let description = text(&format!("{}{range}", parameter.about));
        parameters.push(ParamDef { kind, name: text(parameter.name), description });
    }
    let returns: Vec<_> = procedure
        .returns
        .iter()
        .map(|value| ParamDef {
            kind: if value.whole { kind::INT32 } else { kind::FLOAT },
            name: text(value.name),
            description: text(value.about),
        })
        .collect();
    let name = text(procedure.name);
    let (about, help, label) = (text(procedure.about), text(procedure.help), text(procedure.label));
    let (authors, copyright) = (text(offer.about.authors), text(offer.about.copyright));
    let (date, image_types) = (text(offer.about.date), text(offer.about.image_types));
    let menu = text(&format!("{}/{}", offer.about.menu, offer.about.submenu.replace('_', "")));
    // SAFETY: the counts are those of the arrays; texts and arrays live until the calls are over.
    unsafe {
        (plug_in.gimp_install_procedure)(
            name,
            about,
            help,
            authors,
            copyright,
            date,
            label,
            image_types,
            PLUG_IN,
            parameters.len() as c_int,
            returns.len() as c_int,
            parameters.as_ptr(),
            if returns.is_empty() { null() } else { returns.as_ptr() },
        );
        (plug_in.gimp_plugin_menu_register)(name, menu);
    }
}

/// Runs a procedure.
unsafe extern "C" fn run_procedure(
    name: Text,
    count: c_int,
    parameters: *const Param,
    return_count: *mut c_int,
    returns: *mut *mut Param,
) {
    // SAFETY: GIMP hands over a C text and `count` parameters.
    let (name, parameters) = unsafe {
        (
            CStr::from_ptr(name).to_string_lossy(),
            std::slice::from_raw_parts(parameters, count.max(0) as usize),
        )
    };
    let answer = catch_unwind(AssertUnwindSafe(|| answer(&name, parameters)));
    let answer =
        answer.unwrap_or_else(|_| failed(status::EXECUTION_ERROR, &tr("A bug in Derust: it panicked.")));
    // GIMP reads the values when this function is over, and never frees them.
    let answer = Box::leak(answer.into_boxed_slice());
    // SAFETY: both places are GIMP's own.
    unsafe {
        *return_count = answer.len() as c_int;
        *returns = answer.as_mut_ptr();
    }
}

fn ended(status: i32) -> Param {
    Param { kind: kind::STATUS, data: ParamData { int: status } }
}

fn failed(status: i32, message: &str) -> Vec<Param> {
    let text = c_text(message).into_raw();
    vec![ended(status), Param { kind: kind::STRING, data: ParamData { text } }]
}

fn answer(name: &str, parameters: &[Param]) -> Vec<Param> {
    let Some(connected) = CONNECTED.get() else { return failed(status::CALLING_ERROR, name) };
    let Some(procedure) = connected.offer.named(name) else {
        return failed(status::CALLING_ERROR, name);
    };
    let [mode, image, drawable, given @ ..] = parameters else {
        return failed(status::CALLING_ERROR, name);
    };
    // SAFETY: GIMP has checked the types of what it hands over.
    let (mode, image, drawable) = unsafe { (mode.data.int, image.data.int, drawable.data.int) };
    let values = if mode == run_mode::NONINTERACTIVE {
        let parameters = procedure.parameters_in::<Two>();
        if given.len() != procedure.parameters_in::<Two>().count() {
            return failed(status::CALLING_ERROR, name);
        }
        parameters.zip(given).map(|(parameter, given)| value(parameter.kind, given)).collect()
    } else {
        last_values(&connected.plug_in, procedure)
    };
    let controls = if mode == run_mode::INTERACTIVE {
        match Window::find() {
            Ok(window) => Some(window),
            Err(problem) => return failed(status::EXECUTION_ERROR, &problem),
        }
    } else {
        None
    };
    let controls = controls.as_ref().map(|window| window as &dyn Controls<Two>);
    let call = Call { procedure, image, drawable, values, controls };
    match (connected.offer.run)(&connected.gimp, &connected.offer.folder, &call) {
        Ok(Ending::Cancelled) => vec![ended(status::CANCEL)],
        Ok(Ending::Done { values, returns }) => {
            if mode == run_mode::INTERACTIVE {
                keep_values(&connected.plug_in, procedure, &values);
            }
            let mut answer = vec![ended(status::SUCCESS)];
            answer.extend(procedure.returns.iter().zip(returns).map(|(known, number)| match known.whole {
                // `as` takes care of what is out of range.
                true => Param { kind: kind::INT32, data: ParamData { int: number as i32 } },
                false => Param { kind: kind::FLOAT, data: ParamData { float: number } },
            }));
            answer
        }
        Err(problem) if problem.is_cancelled() => vec![ended(status::CANCEL)],
        Err(problem) => failed(status::EXECUTION_ERROR, &problem.to_string()),
    }
}

fn value(kind: ParameterKind, given: &Param) -> Value {
    // SAFETY: GIMP has checked the types of what it hands over.
    unsafe {
        match kind {
            ParameterKind::Number { .. } => Value::Number(given.data.float),
            ParameterKind::Toggle => Value::Toggle(given.data.int != 0),
            ParameterKind::Choice(_) => Value::Choice(usize::try_from(given.data.int).unwrap_or(usize::MAX)),
            ParameterKind::Text if given.data.text.is_null() => Value::Text(String::new()),
            ParameterKind::Text => {
                Value::Text(CStr::from_ptr(given.data.text).to_string_lossy().into_owned())
            }
        }
    }
}

/// The values of the last run in this session of GIMP, or the defaults.
fn last_values(plug_in: &PlugIn, procedure: &Procedure) -> Vec<Value> {
    let name = c_text(procedure.name);
    // SAFETY: a C text.
    let size = unsafe { (plug_in.gimp_procedural_db_get_data_size)(name.as_ptr()) };
    let mut kept = vec![0u8; size.max(0) as usize];
    if !kept.is_empty() {
        // SAFETY: GIMP writes as many bytes as it said.
        unsafe { (plug_in.gimp_procedural_db_get_data)(name.as_ptr(), kept.as_mut_ptr().cast()) };
    }
    let text = String::from_utf8_lossy(&kept);
    let mut lines = text.lines();
    let read = |(kind, line): (ParameterKind, Option<&str>)| {
        let read = line.and_then(|line| match kind {
            ParameterKind::Text => Some(Value::Text(line.to_owned())),
            ParameterKind::Number { .. } => line.parse().ok().map(Value::Number),
            ParameterKind::Toggle => line.parse().ok().map(Value::Toggle),
            ParameterKind::Choice(_) => line.parse().ok().map(Value::Choice),
        });
        read.unwrap_or_else(|| kind.default())
    };
    procedure.parameters_in::<Two>().map(|parameter| read((parameter.kind, lines.next()))).collect()
}

fn keep_values(plug_in: &PlugIn, procedure: &Procedure, values: &[Value]) {
    let lines: Vec<_> = values
        .iter()
        .map(|value| match value {
            Value::Text(text) => text.replace('\n', " "),
            Value::Number(number) => number.to_string(),
            Value::Toggle(value) => value.to_string(),
            Value::Choice(index) => index.to_string(),
        })
        .collect();
    let (name, text) = (c_text(procedure.name), lines.join("\n"));
    // SAFETY: GIMP copies the bytes of the text.
    unsafe {
        (plug_in.gimp_procedural_db_set_data)(name.as_ptr(), text.as_ptr().cast(), text.len() as c_uint)
    };
}
