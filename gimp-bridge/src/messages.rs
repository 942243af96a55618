//! Texts in the user's language, through gettext.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::gimp::{Text, c_text};

/// The name of the catalogues.
pub const DOMAIN: &CStr = c"gimp-derust";

/// The catalogues that come with the plug-in: language, and content of the file that gettext reads.
const CATALOGUES: [(&str, &[u8]); 1] = [("zh_CN", include_bytes!(concat!(env!("OUT_DIR"), "/zh_CN.mo")))];

type Gettext = unsafe extern "C" fn(Text, Text) -> Text;

static GETTEXT: OnceLock<Gettext> = OnceLock::new();

/// Lets [`tr`] ask gettext, which has been told where the catalogues are.
///
/// # Safety
/// `gettext` is `dgettext`, or does what it does.
pub unsafe fn use_gettext(gettext: Gettext) {
    let _ = GETTEXT.set(gettext);
}

/// The text in the user's language; as it is where there is no translation.
pub fn tr(text: &str) -> String {
    let Some(gettext) = GETTEXT.get() else {
        return text.to_owned();
    };
    let text = c_text(text);
    // SAFETY: both texts are C texts; the answer is one of gettext's or the text itself, copied at once.
    unsafe { CStr::from_ptr(gettext(DOMAIN.as_ptr(), text.as_ptr())) }.to_string_lossy().into_owned()
}

/// The folder of the catalogues, beside the executable.
pub fn folder(beside: &Path) -> PathBuf {
    beside.join("locale")
}

/// Writes the catalogues to where gettext looks for them below `folder`.
///
/// # Errors
/// When a file cannot be written; the text names it.
pub fn write_catalogues(folder: &Path) -> Result<(), String> {
    for (language, content) in CATALOGUES {
        let place = folder.join(language).join("LC_MESSAGES");
        let file = place.join("gimp-derust.mo");
        std::fs::create_dir_all(&place)
            .and_then(|()| std::fs::write(&file, content))
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok(())
}
