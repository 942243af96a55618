//! A plug-in for GIMP 2.10 that reads a layer and writes it back: what every filter pays that is a plug-in.

use std::env;
use std::ffi::{CStr, CString, OsString, c_char, c_double, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use derust_tests_gimp::Generation;
use libloading::Library;

/// The name of the plug-in's folder and program.
pub const NAME: &str = "gimp-speed";

/// The call of its procedure.
pub fn call(_: Generation, image: &str, layer: &str) -> String {
    format!("(plug-in-gimp-speed-copy RUN-NONINTERACTIVE {image} {layer})")
}

type Pointer = *mut c_void;
type Text = *const c_char;

/// `GimpPlugInInfo`
#[repr(C)]
struct PlugInInfo {
    init: Option<unsafe extern "C" fn()>,
    quit: Option<unsafe extern "C" fn()>,
    query: Option<unsafe extern "C" fn()>,
    run: Option<unsafe extern "C" fn(Text, c_int, *const Param, *mut c_int, *mut *mut Param)>,
}

/// `GimpParam`, as far as it is a number.
#[repr(C)]
struct Param {
    kind: c_int,
    data: ParamData,
}

/// `GimpParamData`, which is as large as a colour of four doubles.
#[repr(C, align(8))]
struct ParamData {
    number: i32,
    rest: [i32; 7],
}

/// `GimpParamDef`
#[repr(C)]
struct ParamDef {
    kind: c_int,
    name: Text,
    description: Text,
}

/// `GeglRectangle`
#[repr(C)]
struct Rectangle {
    x: c_int,
    y: c_int,
    width: c_int,
    height: c_int,
}

static INFO: PlugInInfo = PlugInInfo { init: None, quit: None, query: Some(query), run: Some(copy) };

/// A function of libgimp's, or of a library that comes with it.
///
/// # Safety
/// `F` is the type of the C function of that name.
unsafe fn function<F: Copy>(name: &str) -> F {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    // SAFETY: GIMP's own library, which every plug-in loads.
    let library = LIBRARY.get_or_init(|| unsafe { Library::new("libgimp-2.0.so.0") }.expect("libgimp"));
    // SAFETY: the caller's promise.
    *unsafe { library.get(name) }.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Answers GIMP, which started this program with these arguments.
pub fn serve(arguments: &[OsString]) -> ExitCode {
    let texts: Vec<_> =
        arguments.iter().map(|word| CString::new(word.as_bytes()).expect("a C text")).collect();
    let mut pointers: Vec<_> = texts.iter().map(|text| text.as_ptr().cast_mut()).collect();
    pointers.push(null_mut());
    // As the plug-in does: no operations.
    // SAFETY: the process has one thread yet.
    unsafe { env::set_var("GEGL_PATH", "/nonexistent") };
    // SAFETY: the type is that of `gimp_main`; the struct is static, the arguments are C texts.
    let code = unsafe {
        let main: unsafe extern "C" fn(*const PlugInInfo, c_int, *mut *mut c_char) -> c_int =
            function("gimp_main");
        main(&INFO, texts.len() as c_int, pointers.as_mut_ptr())
    };
    if code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tells GIMP of the procedure.
unsafe extern "C" fn query() {
    type Install = unsafe extern "C" fn(
        Text,
        Text,
        Text,
        Text,
        Text,
        Text,
        Text,
        Text,
        c_int,
        c_int,
        c_int,
        *const ParamDef,
        *const ParamDef,
    );
    const PLUG_IN: c_int = 1;
    let define = |kind, name: &CStr| ParamDef { kind, name: name.as_ptr(), description: name.as_ptr() };
    // `GIMP_PDB_INT32`, `_IMAGE`, `_DRAWABLE`
    let parameters = [define(0, c"run-mode"), define(13, c"image"), define(16, c"drawable")];
    let (name, nothing, types) = (c"plug-in-gimp-speed-copy".as_ptr(), c"".as_ptr(), c"*".as_ptr());
    // SAFETY: the type is that of the function; texts and parameters live until the call is over.
    unsafe {
        let install: Install = function("gimp_install_procedure");
        install(
            name,
            nothing,
            nothing,
            nothing,
            nothing,
            nothing,
            null(),
            types,
            PLUG_IN,
            parameters.len() as c_int,
            0,
            parameters.as_ptr(),
            null(),
        );
    }
}

/// Reads the whole layer and lets the same pixels replace it.
unsafe extern "C" fn copy(
    _: Text,
    _: c_int,
    parameters: *const Param,
    return_count: *mut c_int,
    returns: *mut *mut Param,
) {
    type Number = unsafe extern "C" fn(i32) -> c_int;
    type Get = unsafe extern "C" fn(i32) -> Pointer;
    type Read = unsafe extern "C" fn(Pointer, *const Rectangle, c_double, Pointer, *mut u8, c_int, c_int);
    type Write = unsafe extern "C" fn(Pointer, *const Rectangle, c_int, Pointer, *const u8, c_int);
    // SAFETY: the types are those of the functions; GIMP hands over three parameters, as `query` says, and has checked
    // the drawable; the pixels have the size that is read and written; GIMP reads the answer when this is over.
    unsafe {
        function::<unsafe extern "C" fn(Pointer, Pointer)>("gegl_init")(null_mut(), null_mut());
        let layer = (*parameters.add(2)).data.number;
        let width = function::<Number>("gimp_drawable_width")(layer);
        let height = function::<Number>("gimp_drawable_height")(layer);
        let format = function::<Get>("gimp_drawable_get_format")(layer);
        let bytes =
            function::<unsafe extern "C" fn(Pointer) -> c_int>("babl_format_get_bytes_per_pixel")(format);
        let mut pixels = vec![0u8; width as usize * height as usize * bytes as usize];
        let all = Rectangle { x: 0, y: 0, width, height };
        let unref: unsafe extern "C" fn(Pointer) = function("g_object_unref");
        let buffer = function::<Get>("gimp_drawable_get_buffer")(layer);
        function::<Read>("gegl_buffer_get")(buffer, &all, 1.0, format, pixels.as_mut_ptr(), 0, 0);
        unref(buffer);
        let shadow = function::<Get>("gimp_drawable_get_shadow_buffer")(layer);
        function::<Write>("gegl_buffer_set")(shadow, &all, 0, format, pixels.as_ptr(), 0);
        unref(shadow);
        function::<unsafe extern "C" fn(i32, c_int) -> c_int>("gimp_drawable_merge_shadow")(layer, 1);
        let update: unsafe extern "C" fn(i32, c_int, c_int, c_int, c_int) -> c_int =
            function("gimp_drawable_update");
        update(layer, 0, 0, width, height);
        // `GIMP_PDB_STATUS`, `GIMP_PDB_SUCCESS`
        let success = Param { kind: 21, data: ParamData { number: 3, rest: [0; 7] } };
        *return_count = 1;
        *returns = Box::leak(Box::new(success));
    }
}
