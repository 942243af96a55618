//! A plug-in is an object of a type of its own, and procedures have named arguments.

use std::ffi::{CStr, c_char, c_double, c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};

use libloading::Library;
use once_cell::sync::OnceCell;

use super::Three;
use super::config::{self, Config};
use super::window::Window;
use crate::gimp::functions::{Pointer, Text, c_name, in_full, name_in, table};
use crate::gimp::generation::open;
use crate::gimp::{About, Call, Controls, Ending, Generation, Gimp, Offer, ParameterKind, Procedure};
use crate::text::{self, c_text, tr};

/// `GType`
type Type = usize;
/// `GimpRunImageFunc`
type RunFunction = unsafe extern "C" fn(Pointer, c_int, Pointer, *mut Pointer, Pointer, Pointer) -> Pointer;

/// `GimpPDBStatusType`
mod status {
    use std::ffi::c_int;
    pub const EXECUTION_ERROR: c_int = 0;
    pub const SUCCESS: c_int = 3;
    pub const CANCEL: c_int = 4;
}

/// `GIMP_RUN_INTERACTIVE`
const INTERACTIVE: c_int = 0;

/// `GIMP_PROCEDURE_SENSITIVE_DRAWABLE`
const ONE_DRAWABLE: c_int = 1;

/// `G_PARAM_READWRITE`; `GIMP_PARAM_READWRITE` promises beside it that texts stay where they are, and translations do not.
const READ_WRITE: c_uint = 3;

/// `GTypeQuery`
#[repr(C)]
#[derive(Default)]
struct TypeQuery {
    type_: Type,
    name: usize,
    class_size: c_uint,
    instance_size: c_uint,
}

/// `GimpPlugInClass`: what every object's class has, and the functions of a plug-in.
#[repr(C)]
struct PlugInClass {
    /// `GObjectClass`
    object: [usize; 17],
    query_procedures: Option<unsafe extern "C" fn(Pointer) -> Pointer>,
    init_procedures: Option<unsafe extern "C" fn(Pointer) -> Pointer>,
    create_procedure: Option<unsafe extern "C" fn(Pointer, Text) -> Pointer>,
    quit: Option<unsafe extern "C" fn(Pointer)>,
    set_i18n: Option<unsafe extern "C" fn(Pointer, Text, *mut Pointer, *mut Pointer) -> c_int>,
}

table! {
    /// What GIMP 3 has for plug-ins, and GIMP 2.10 does differently or not at all.
    struct PlugIn {
        g_type_query(Type, *mut TypeQuery);
        g_type_register_static_simple(Type, Text, c_uint, Pointer, c_uint, Pointer, c_uint) -> Type;
        g_value_set_double(Pointer, c_double);
        g_value_set_int(Pointer, c_int);
        g_strdup(Text) -> *mut c_char;
        g_list_append(Pointer, Pointer) -> Pointer;
        g_error_new_literal(c_uint, c_int, Text) -> Pointer;
        g_quark_from_string(Text) -> c_uint;
        gimp_plug_in_get_type() -> Type;
        gimp_main(Type, c_int, *mut *mut c_char) -> c_int;
        gimp_image_procedure_new(Pointer, Text, c_int, RunFunction, Pointer, Pointer) -> Pointer;
        gimp_procedure_get_name(Pointer) -> Text;
        gimp_procedure_set_menu_label(Pointer, Text);
        gimp_procedure_add_menu_path(Pointer, Text);
        gimp_procedure_set_documentation(Pointer, Text, Text, Text);
        gimp_procedure_set_attribution(Pointer, Text, Text, Text);
        gimp_procedure_set_image_types(Pointer, Text);
        gimp_procedure_set_sensitivity_mask(Pointer, c_int);
        gimp_choice_new() -> Pointer;
        gimp_choice_add(Pointer, Text, c_int, Text, Text);
        gimp_procedure_add_choice_argument(Pointer, Text, Text, Text, Pointer, Text, c_uint);
        gimp_procedure_add_double_argument(Pointer, Text, Text, Text, c_double, c_double, c_double, c_uint);
        gimp_procedure_add_boolean_argument(Pointer, Text, Text, Text, c_int, c_uint);
        gimp_procedure_add_string_argument(Pointer, Text, Text, Text, Text, c_uint);
        gimp_procedure_add_double_return_value(
            Pointer, Text, Text, Text, c_double, c_double, c_double, c_uint
        );
        gimp_procedure_add_int_return_value(Pointer, Text, Text, Text, c_int, c_int, c_int, c_uint);
        gimp_procedure_new_return_values(Pointer, c_int, Pointer) -> Pointer;
        gimp_value_array_index(Pointer, c_int) -> Pointer;
    }
}

struct Connected {
    gimp: Gimp<Three>,
    plug_in: PlugIn,
    config: config::Functions,
    offer: Offer<Three>,
}

static CONNECTED: OnceCell<Connected> = OnceCell::new();

fn find() -> Result<(Gimp<Three>, PlugIn, config::Functions), String> {
    let library = open::<Three>("gimp")?;
    Ok((Gimp::find()?, PlugIn::find::<Three>(library)?, config::Functions::find::<Three>(library)?))
}

/// See [`Generation::run`].
///
/// # Safety
/// `arguments` are `count` texts that live as long as the process, and NULL.
pub(super) unsafe fn run(
    offer: Offer<Three>,
    count: c_int,
    arguments: *mut *mut c_char,
) -> Result<c_int, String> {
    let Connected { gimp, plug_in, offer, .. } = CONNECTED.get_or_try_init(|| {
        let (gimp, plug_in, config) = find()?;
        Ok::<_, String>(Connected { gimp, plug_in, config, offer })
    })?;
    gimp.use_catalogues(&offer.folder);
    let mut query = TypeQuery::default();
    // SAFETY: `query` is filled; GLib and GIMP copy what they keep; `prepare` gets a class of at least the size that is
    // checked here; the arguments are those of the process.
    unsafe {
        let parent = (plug_in.gimp_plug_in_get_type)();
        (plug_in.g_type_query)(parent, &mut query);
        if (query.class_size as usize) < size_of::<PlugInClass>() {
            return Err(format!("{}'s class of plug-ins is another one", Three::NAME));
        }
        let prepare = prepare as unsafe extern "C" fn(Pointer, Pointer);
        let (class, instance) = (query.class_size, query.instance_size);
        let name = c"DerustPlugIn".as_ptr();
        let nothing = null_mut();
        let plug_in_type = (plug_in.g_type_register_static_simple)(
            parent,
            name,
            class,
            prepare as Pointer,
            instance,
            nothing,
            0,
        );
        Ok((plug_in.gimp_main)(plug_in_type, count, arguments))
    }
}

/// Finds every function, and says how many there are.
pub(super) fn check() -> Result<usize, String> {
    find()?;
    Ok(Gimp::<Three>::function_count() + PlugIn::COUNT + config::Functions::COUNT)
}

/// Tells GIMP which functions the plug-in has.
unsafe extern "C" fn prepare(class: Pointer, _: Pointer) {
    // SAFETY: GLib hands over the class of the type that `serve` registered, which has this layout.
    let class = unsafe { &mut *class.cast::<PlugInClass>() };
    class.query_procedures = Some(query);
    class.create_procedure = Some(create);
    class.set_i18n = Some(no_i18n);
}

/// The catalogues are opened by [`Gimp::use_catalogues`], in both generations.
unsafe extern "C" fn no_i18n(_: Pointer, _: Text, _: *mut Pointer, _: *mut Pointer) -> c_int {
    0
}

/// The names of the procedures.
unsafe extern "C" fn query(_: Pointer) -> Pointer {
    let Some(Connected { plug_in, offer, .. }) = CONNECTED.get() else { return null_mut() };
    offer.procedures.iter().fold(null_mut(), |list, procedure| {
        // SAFETY: the list takes the copy of the text.
        unsafe {
            let name = (plug_in.g_strdup)(c_text(procedure.name).as_ptr());
            (plug_in.g_list_append)(list, name.cast())
        }
    })
}

/// Describes a procedure.
unsafe extern "C" fn create(plug_in_object: Pointer, name: Text) -> Pointer {
    const PLUG_IN: c_int = 1;
    let create = || {
        let Connected { plug_in, offer, .. } = CONNECTED.get()?;
        // SAFETY: GIMP hands over a C text.
        let known = offer.named(&unsafe { CStr::from_ptr(name) }.to_string_lossy())?;
        // SAFETY: the object is GIMP's; GIMP copies texts.
        let procedure = unsafe {
            let nothing = null_mut();
            (plug_in.gimp_image_procedure_new)(plug_in_object, name, PLUG_IN, run_procedure, nothing, nothing)
        };
        describe(plug_in, offer.about, procedure, known);
        Some(procedure)
    };
    catch_unwind(AssertUnwindSafe(create)).ok().flatten().unwrap_or(null_mut())
}

fn describe(plug_in: &PlugIn, all: &About, procedure: Pointer, known: &Procedure) {
    let translated = |text: &str| c_text(&tr(text));
    let name = c_text(known.name);
    // SAFETY: the procedure is the one that is being made; GIMP copies texts.
    unsafe {
        (plug_in.gimp_procedure_set_image_types)(procedure, c_text(all.image_types).as_ptr());
        (plug_in.gimp_procedure_set_sensitivity_mask)(procedure, ONE_DRAWABLE);
        (plug_in.gimp_procedure_set_menu_label)(procedure, translated(known.label).as_ptr());
        let menu = c_text(&format!("{}/{}", all.menu, tr(all.submenu)));
        (plug_in.gimp_procedure_add_menu_path)(procedure, menu.as_ptr());
        let (about, help) = (translated(known.about), translated(known.help));
        (plug_in.gimp_procedure_set_documentation)(procedure, about.as_ptr(), help.as_ptr(), name.as_ptr());
        let [authors, copyright, date] = [all.authors, all.copyright, all.date].map(c_text);
        let set_attribution = plug_in.gimp_procedure_set_attribution;
        set_attribution(procedure, authors.as_ptr(), copyright.as_ptr(), date.as_ptr());
    }
    for parameter in known.parameters {
        let (name, label, about) =
            (c_text(parameter.name), translated(parameter.label), translated(parameter.about));
        let (name, label, about) = (name.as_ptr(), label.as_ptr(), about.as_ptr());
        // SAFETY: see above; the procedure takes the choice.
        unsafe {
            match parameter.kind {
                ParameterKind::Text => {
                    let add = plug_in.gimp_procedure_add_string_argument;
                    add(procedure, name, label, about, c"".as_ptr(), READ_WRITE);
                }
                ParameterKind::Number { from, to, default } => {
                    let add = plug_in.gimp_procedure_add_double_argument;
                    add(procedure, name, label, about, from, to, default, READ_WRITE);
                }
                ParameterKind::Toggle => {
                    let add = plug_in.gimp_procedure_add_boolean_argument;
                    add(procedure, name, label, about, 0, READ_WRITE);
                }
                ParameterKind::Choice(choices) => {
                    let choice = (plug_in.gimp_choice_new)();
                    for (index, (word, label)) in choices.iter().enumerate() {
                        let (word, label) = (c_text(word), translated(label));
                        (plug_in.gimp_choice_add)(
                            choice,
                            word.as_ptr(),
                            index as c_int,
                            label.as_ptr(),
                            null(),
                        );
                    }
                    let default = c_text(choices[0].0);
                    let add = plug_in.gimp_procedure_add_choice_argument;
                    add(procedure, name, label, about, choice, default.as_ptr(), READ_WRITE);
                }
            }
        }
    }
    for value in known.returns {
        let (name, about) = (c_text(value.name), translated(value.about));
        let (name, about) = (name.as_ptr(), about.as_ptr());
        // SAFETY: see above.
        unsafe {
            if value.whole {
                let add = plug_in.gimp_procedure_add_int_return_value;
                add(procedure, name, about, about, 0, c_int::MAX, 0, READ_WRITE);
            } else {
                let add = plug_in.gimp_procedure_add_double_return_value;
                add(procedure, name, about, about, 0.0, 1.0, 0.0, READ_WRITE);
            }
        }
    }
}

/// Runs a procedure; `data` is nothing.
unsafe extern "C" fn run_procedure(
    procedure: Pointer,
    mode: c_int,
    image: Pointer,
    drawables: *mut Pointer,
    config: Pointer,
    _data: Pointer,
) -> Pointer {
    let Some(connected) = CONNECTED.get() else { return null_mut() };
    let plug_in = &connected.plug_in;
    // SAFETY: GIMP hands over a list of drawables that ends with NULL.
    let drawable = unsafe {
        let first = if drawables.is_null() { null_mut() } else { *drawables };
        (!first.is_null() && (*drawables.add(1)).is_null()).then_some(first)
    };
    let config = Config { procedure, object: config, functions: &connected.config };
    let answer = || match drawable {
        None => Err(tr("Derust works on one layer at a time: select one.")),
        Some(drawable) => answer(connected, config, mode, image, drawable),
    };
    let answer = catch_unwind(AssertUnwindSafe(answer));
    let answer = answer.unwrap_or_else(|_| Err(tr("A bug in Derust: it panicked.")));
    // SAFETY: GIMP takes the error and the values, and copies texts.
    unsafe {
        match answer {
            Err(message) => {
                let domain = (plug_in.g_quark_from_string)(text::DOMAIN.as_ptr());
                let error = (plug_in.g_error_new_literal)(domain, 0, c_text(&message).as_ptr());
                (plug_in.gimp_procedure_new_return_values)(procedure, status::EXECUTION_ERROR, error)
            }
            Ok(None) => (plug_in.gimp_procedure_new_return_values)(procedure, status::CANCEL, null_mut()),
            Ok(Some(returns)) => {
                let success = status::SUCCESS;
                let values = (plug_in.gimp_procedure_new_return_values)(procedure, success, null_mut());
                for (index, (whole, number)) in (1..).zip(returns) {
                    let value = (plug_in.gimp_value_array_index)(values, index);
                    // `as` takes care of what is out of range.
                    match whole {
                        true => (plug_in.g_value_set_int)(value, number as c_int),
                        false => (plug_in.g_value_set_double)(value, number),
                    }
                }
                values
            }
        }
    }
}

/// Runs the procedure: what it returns, each with whether it is a whole number; nothing if the user has closed the dialog; or
/// a message.
fn answer(
    connected: &'static Connected,
    config: Config,
    mode: c_int,
    image: Pointer,
    drawable: Pointer,
) -> Result<Option<Vec<(bool, f64)>>, String> {
    // SAFETY: GIMP's own text, copied at once.
    let name = unsafe { CStr::from_ptr((connected.plug_in.gimp_procedure_get_name)(config.procedure)) };
    let name = name.to_string_lossy();
    let procedure = connected.offer.named(&name).ok_or_else(|| name.into_owned())?;
    let window = if mode == INTERACTIVE { Some(Window::new(config)?) } else { None };
    let controls = window.as_ref().map(|window| window as &dyn Controls<Three>);
    let call = Call { procedure, image, drawable, values: config.values(procedure), controls };
    match (connected.offer.run)(&connected.gimp, &connected.offer.folder, &call) {
        Ok(Ending::Done { returns, .. }) => {
            Ok(Some(procedure.returns.iter().map(|known| known.whole).zip(returns).collect()))
        }
        Ok(Ending::Cancelled) => Ok(None),
        Err(problem) if problem.is_cancelled() => Ok(None),
        Err(problem) => Err(problem.to_string()),
    }
}
