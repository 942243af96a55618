//! Texts in the user's language, through gettext.

use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::c_text;

/// The name of the catalogues.
pub const DOMAIN: &CStr = c"gimp-derust";

/// The catalogues that come with the plug-in: language, and content of the file that gettext reads.
const CATALOGUES: [(&str, &[u8]); 2] = [
    ("en", include_bytes!(concat!(env!("OUT_DIR"), "/en.mo"))),
    ("zh_CN", include_bytes!(concat!(env!("OUT_DIR"), "/zh_CN.mo"))),
];

type Gettext = unsafe extern "C" fn(*const c_char, *const c_char) -> *const c_char;

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
pub fn catalogues(beside: &Path) -> PathBuf {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::filter::{ABOUT, PROCEDURES};
    use crate::gimp::ParameterKind;

    /// The argument of every `tr("…")` in a source file.
    fn texts_in(source: &str) -> Vec<String> {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let literals = source.split("tr(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
        literals.map(|rest| rest[..rest.find('"').unwrap()].replace("\\n", "\n")).collect()
    }

    fn sources(folder: &Path, texts: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, texts);
            } else {
                texts.extend(texts_in(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }

    /// Every text that is shown to users.
    fn shown() -> BTreeSet<String> {
        let mut texts = BTreeSet::from([ABOUT.submenu.to_owned()]);
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
        for procedure in PROCEDURES {
            texts.extend(
                [procedure.label, procedure.title, procedure.about, procedure.help].map(String::from),
            );
            texts.extend(procedure.returns.iter().map(|value| value.about.to_owned()));
            for parameter in procedure.parameters {
                texts.extend([parameter.label, parameter.about].map(String::from));
                if let ParameterKind::Choice(choices) = parameter.kind {
                    texts.extend(choices.iter().map(|(_, label)| (*label).to_owned()));
                }
            }
        }
        texts
    }

    #[test]
    fn every_catalogue_has_every_text_and_no_other() {
        let shown = shown();
        assert!(shown.len() > 50, "{shown:?}");
        for (language, _) in CATALOGUES {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("po/{language}.po"));
            let catalogue = polib::po_file::parse(&file).unwrap();
            let known: BTreeSet<_> = catalogue.messages().map(|message| message.msgid().to_owned()).collect();
            assert_eq!(shown.difference(&known).collect::<Vec<_>>(), [""; 0], "{language} lacks these");
            assert_eq!(known.difference(&shown).collect::<Vec<_>>(), [""; 0], "{language} has these too");
            for message in catalogue.messages() {
                let (text, translation) = (message.msgid(), message.msgstr().unwrap());
                assert!(!translation.is_empty(), "{language}: {text}");
                for place in ["{0}", "{1}", "{2}", "_"] {
                    let count = |text: &str| text.matches(place).count();
                    assert_eq!(count(text), count(translation), "{language}: {place} in {text}");
                }
            }
        }
    }
}
