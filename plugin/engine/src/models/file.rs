//! Reading the files of a model folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::inspect::digest;
use super::{Digest, Model, ModelError, SIZE_LIMIT, inspect};

/// The most bytes that a sidecar may have.
const SIDECAR_LIMIT: u64 = 1 << 20;

/// A model file and the manifest beside it, as they lie in a folder; nothing has looked at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// The file's content.
    pub onnx: Vec<u8>,
    /// The text of `NAME.onnx.json`, where there is one.
    pub sidecar: Option<String>,
}

impl ModelFile {
    /// Reads a model of `folder` and its sidecar. Links are followed as long as they stay in the folder.
    ///
    /// # Errors
    /// When one of the two cannot be read, is too large, is no regular file, or lies in another folder.
    pub fn read(folder: &Path, path: &Path) -> Result<Self, ModelError> {
        let onnx = read_inside(folder, path, SIZE_LIMIT)?;
        let sidecar = match read_inside(folder, &sidecar_path(path), SIDECAR_LIMIT) {
            Ok(bytes) => Some(text_of(bytes)?),
            Err(ModelError::Read(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(ModelFile { onnx, sidecar })
    }

    /// Tells the content of the two from any other.
    pub fn digest(&self) -> Digest {
        digest(&self.onnx, self.sidecar.as_deref())
    }

    /// Inspects what was read.
    ///
    /// # Errors
    /// See [`inspect`].
    pub fn inspect(&self) -> Result<Model, ModelError> {
        inspect(&self.onnx, self.sidecar.as_deref())
    }
}

/// The text in these bytes; what is no UTF-8 is replaced, and the manifest is refused for it.
fn text_of(bytes: Vec<u8>) -> Result<String, io::Error> {
    String::from_utf8(bytes).or_else(|broken| {
        let bytes = broken.as_bytes();
        // Each of them may become three.
        String::new().try_reserve_exact(3 * bytes.len())?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    })
}

/// Where the manifest beside a model lies.
pub fn sidecar_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

fn read_inside(folder: &Path, path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let file = open_inside(folder, path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(ModelError::NoFile);
    }
    if metadata.len() > limit {
        return Err(ModelError::TooLarge);
    }
    // It may grow while it is read.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(metadata.len() as usize).map_err(io::Error::from)?;
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(ModelError::TooLarge) } else { Ok(bytes) }
}

/// Opens `path` if it lies in `folder` once all links are followed. Never waits, whatever it is.
fn open_inside(folder: &Path, path: &Path) -> Result<File, ModelError> {
    let (folder, target) = (folder.canonicalize()?, path.canonicalize()?);
    if !target.starts_with(folder) {
        return Err(ModelError::Outside(target));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // The links were followed already: one that took the file's place since then is not. And to open a pipe must
        // not wait for someone to write into it.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    Ok(options.open(target)?)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;
    use crate::fixtures::Network;

    fn refusal(folder: &Path, name: &str) -> String {
        ModelFile::read(folder, &folder.join(name)).unwrap_err().to_string()
    }

    #[test]
    fn links_are_followed_as_long_as_they_stay_in_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (root.path().join("models"), root.path().join("elsewhere"));
        fs::create_dir_all(folder.join("versions")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        let onnx = Network::red_is_rust().to_onnx();
        fs::write(folder.join("versions/1.onnx"), &onnx).unwrap();
        fs::write(elsewhere.join("2.onnx"), &onnx).unwrap();
        symlink("versions/1.onnx", folder.join("inside.onnx")).unwrap();
        assert_eq!(ModelFile::read(&folder, &folder.join("inside.onnx")).unwrap().onnx, onnx);
        symlink(&folder, root.path().join("linked-folder")).unwrap();
        let linked = root.path().join("linked-folder");
        assert_eq!(ModelFile::read(&linked, &linked.join("inside.onnx")).unwrap().onnx, onnx);

        symlink(elsewhere.join("2.onnx"), folder.join("absolute.onnx")).unwrap();
        symlink("../elsewhere/2.onnx", folder.join("relative.onnx")).unwrap();
        symlink("../elsewhere", folder.join("folder")).unwrap();
        symlink("/dev/zero", folder.join("device.onnx")).unwrap();
        for name in ["absolute.onnx", "relative.onnx", "folder/2.onnx", "device.onnx"] {
            assert!(refusal(&folder, name).contains("leads out of"), "{name}: {}", refusal(&folder, name));
        }
        symlink("../elsewhere/secret", folder.join("inside.onnx.json")).unwrap();
        assert!(ModelFile::read(&folder, &folder.join("inside.onnx")).unwrap().sidecar.is_none());
        fs::write(elsewhere.join("secret"), "{}").unwrap();
        assert!(refusal(&folder, "inside.onnx").contains("leads out of"));
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::create_dir(folder.join("folder.onnx")).unwrap();
        assert!(Command::new("mkfifo").arg(folder.join("pipe.onnx")).status().unwrap().success());
        for name in ["folder.onnx", "pipe.onnx"] {
            assert_eq!(refusal(folder, name), "it is no regular file");
        }
        symlink("circle.onnx", folder.join("circle.onnx")).unwrap();
        assert!(refusal(folder, "circle.onnx").starts_with("it cannot be read"));
        assert!(refusal(folder, "absent.onnx").starts_with("it cannot be read"));
        let file = File::create(folder.join("large.onnx")).unwrap();
        file.set_len(SIZE_LIMIT + 1).unwrap();
        assert_eq!(refusal(folder, "large.onnx"), ModelError::TooLarge.to_string());
    }
}
