//! What stands above the controls of a window: GIMP's preview, and lines of text below it.

use std::ffi::{c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use super::functions::{GLib, Pointer, Widgets};
use super::{Controls, Entry, Generation, Gimp, Procedure, Value};
use crate::text::{Problem, c_text};

/// Milliseconds from one tick of the clock to the next.
const CLOCK: u32 = 50;

/// A preview and `LINES` lines of text in the open window of `controls`, which stays open as long as this lives.
pub struct View<'a, G: Generation, const LINES: usize> {
    glib: &'a GLib,
    widgets: &'a Widgets<G::Handle>,
    preview: Pointer,
    lines: [Pointer; LINES],
}

/// Which part of the picture a preview shows.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    /// Size of the widget in its pixels.
    pub size: (u32, u32),
    /// How far it is scrolled, in its pixels.
    pub position: (i32, i32),
    /// 1 shows the whole picture.
    pub zoom: f64,
}

/// What happens while the window is open.
struct Handlers<'a> {
    tick: &'a dyn Fn(),
    draw: &'a dyn Fn(),
}

/// The clock and the signal's handler, which go with it.
struct Connected<'a> {
    glib: &'a GLib,
    preview: Pointer,
    handler: u64,
    clock: c_uint,
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        // SAFETY: what was connected, in a window that is still open. The clock never stops by itself.
        unsafe {
            (self.glib.g_source_remove)(self.clock);
            (self.glib.g_signal_handler_disconnect)(self.preview, self.handler);
        }
    }
}

impl<'a, G: Generation, const LINES: usize> View<'a, G, LINES> {
    /// Opens the window of a procedure with a preview of `drawable`; see [`Controls::open`].
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(
        gimp: &'a Gimp<G>,
        controls: &'a dyn Controls<G>,
        drawable: G::Handle,
        procedure: &'static Procedure,
        (values, entries): (&[Value], &[Entry]),
    ) -> Result<Self, Problem> {
        let widgets = controls.widgets();
        let mut parts = None;
        controls.open(procedure, values, entries, &mut |content| {
            // SAFETY: widgets of this window, made on the main thread; GTK copies texts.
            parts = Some(unsafe {
                let preview = (widgets.gimp_zoom_preview_new_from_drawable)(drawable);
                (widgets.gtk_box_pack_start)(content, preview, 1, 1, 0);
                let lines = [(); LINES].map(|()| {
                    let label = (widgets.gtk_label_new)(c"".as_ptr());
                    (widgets.gtk_misc_set_alignment)(label, 0.0, 0.5);
                    (widgets.gtk_label_set_line_wrap)(label, 1);
                    (widgets.gtk_box_pack_start)(content, label, 0, 0, 2);
                    label
                });
                (preview, lines)
            });
        })?;
        let (preview, lines) = parts.ok_or_else(|| Problem::new("the dialog has no place for a preview"))?;
        Ok(View { glib: &gimp.glib, widgets, preview, lines })
    }

    /// Lets a line say something.
    pub fn say(&self, line: usize, text: &str) {
        // SAFETY: a label of the window, which is open; GTK copies the text.
        unsafe { (self.widgets.gtk_label_set_text)(self.lines[line], c_text(text).as_ptr()) };
    }

    /// What a line says when the pointer rests on it.
    pub fn explain(&self, line: usize, text: &str) {
        // SAFETY: a label of the window, which is open; GTK copies the text.
        unsafe { (self.widgets.gtk_widget_set_tooltip_text)(self.lines[line], c_text(text).as_ptr()) };
    }

    /// Gives the part of the preview that shows the picture a size. The window has to be shown before, since GIMP sets a
    /// small size of its own then.
    pub fn set_size(&self, (width, height): (c_int, c_int)) {
        // SAFETY: the widget belongs to a window that is open.
        unsafe {
            let area = (self.widgets.gimp_preview_get_area)(self.preview);
            (self.widgets.gtk_widget_set_size_request)(area, width, height);
        }
    }

    /// Lets the preview be drawn as soon as GIMP comes to it.
    pub fn invalidate(&self) {
        // SAFETY: the widget belongs to a window that is open.
        unsafe { (self.widgets.gimp_preview_invalidate)(self.preview) };
    }

    /// What the preview shows; nothing while it has no size.
    pub fn port(&self) -> Option<Port> {
        let (mut width, mut height, mut x, mut y) = (0, 0, 0, 0);
        // SAFETY: the widget belongs to a window that is open; the places are this function's own.
        let zoom = unsafe {
            (self.widgets.gimp_preview_get_size)(self.preview, &mut width, &mut height);
            (self.widgets.gimp_preview_get_position)(self.preview, &mut x, &mut y);
            (self.widgets.gimp_zoom_preview_get_factor)(self.preview)
        };
        match (u32::try_from(width), u32::try_from(height)) {
            (Ok(columns @ 1..), Ok(rows @ 1..)) => {
                Some(Port { size: (columns, rows), position: (x, y), zoom })
            }
            _ => None,
        }
    }

    /// Draws red, green, blue and opacity of every pixel that the port shows.
    pub fn draw(&self, port: &Port, pixels: &[u8]) {
        const RGBA: c_int = 1;
        let (width, height) = port.size;
        assert_eq!(pixels.len(), width as usize * height as usize * 4);
        // SAFETY: the widget belongs to a window that is open, and the buffer has the rows that are drawn.
        unsafe {
            let area = (self.widgets.gimp_preview_get_area)(self.preview);
            let (width, height) = (width as c_int, height as c_int);
            let pixels = pixels.as_ptr();
            (self.widgets.gimp_preview_area_draw)(area, 0, 0, width, height, RGBA, pixels, width * 4);
        }
    }

    /// Calls `tick` every twentieth of a second and `draw` whenever the preview has to be drawn, until `wait` is over.
    pub fn watch<R>(&self, tick: &dyn Fn(), draw: &dyn Fn(), wait: impl FnOnce() -> R) -> R {
        let handlers = Handlers { tick, draw };
        let data: Pointer = (&raw const handlers).cast_mut().cast();
        // SAFETY: the clock and the signal's handler see the handlers, which live until both are gone. The widget belongs to a
        // window that is open.
        unsafe {
            let drawn = on_draw as unsafe extern "C" fn(Pointer, Pointer) as Pointer;
            let signal = c"invalidated".as_ptr();
            let handler = (self.glib.g_signal_connect_data)(self.preview, signal, drawn, data, null_mut(), 0);
            let clock = (self.glib.g_timeout_add)(CLOCK, on_tick, data);
            let _connected = Connected { glib: self.glib, preview: self.preview, handler, clock };
            wait()
        }
    }
}

/// The clock's callback; goes on for ever.
unsafe extern "C" fn on_tick(data: Pointer) -> c_int {
    // SAFETY: the address of the handlers, which live as long as the clock.
    let handlers = unsafe { &*data.cast::<Handlers<'_>>() };
    let _ = catch_unwind(AssertUnwindSafe(|| (handlers.tick)()));
    1
}

/// The preview shows another part of the picture, or has something new to show.
unsafe extern "C" fn on_draw(_preview: Pointer, data: Pointer) {
    // SAFETY: the address of the handlers, which live as long as the signal is connected.
    let handlers = unsafe { &*data.cast::<Handlers<'_>>() };
    let _ = catch_unwind(AssertUnwindSafe(|| (handlers.draw)()));
}
