//! Weights that lie in a file beside the model's, as exporters leave them.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path};

use super::inspect::{Refusal, Rule, pack};
use super::{ModelError, SIZE_LIMIT};

/// The content of one ONNX file that holds what lies in `onnx`, the content of the file at `path`, and in the files of
/// weights that it names. Those lie in the same folder, are named without a path, and are no links.
///
/// # Errors
/// When the file is no ONNX file, when a file of weights is elsewhere, is none or cannot be read, or when all would be more
/// than [`SIZE_LIMIT`].
pub fn with_weights(path: &Path, onnx: &[u8]) -> Result<Vec<u8>, ModelError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    pack(onnx, &mut |name, range| read_part(folder, name, range))
}

fn refused(name: &str, problem: &str) -> ModelError {
    let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    Refusal {
        rule: Rule::ExternalData,
        place: String::new(),
        problem: format!("its values lie in `{shown}`, {problem}"),
    }
    .into()
}

fn read_part(folder: &Path, name: &str, range: Range<u64>) -> Result<Vec<u8>, ModelError> {
    let mut components = Path::new(name).components();
    let is_plain = matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name);
    if !is_plain || name.contains(['/', '\\', ':', '\0']) {
        return Err(refused(name, "which is not the plain name of a file in the same folder"));
    }
    let path = folder.join(name);
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => refused(name, "which is not there: it belongs beside the model"),
        _ => error.into(),
    };
    if !fs::symlink_metadata(&path).map_err(missing)?.is_file() {
        return Err(refused(name, "which is no regular file"));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // It may have become a link or a pipe since.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let mut file = options.open(&path).map_err(missing)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused(name, "which is no regular file"));
    }
    let end = if range.end == u64::MAX { metadata.len() } else { range.end };
    let length = end.checked_sub(range.start).filter(|_| end <= metadata.len());
    let length = length.ok_or_else(|| refused(name, "which has fewer bytes than the model asks for"))?;
    if length > SIZE_LIMIT {
        return Err(ModelError::TooLarge);
    }
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(io::Error::from)?;
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(refused(name, "which changed meanwhile")) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use prost::Message as _;

    use super::*;
    use crate::fixtures::Network;
    use crate::models::inspect;

    /// A field of bytes, as Protocol Buffers write it.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        assert!(content.len() < 128 && number < 16);
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    /// The fixture with the values of its first tensor in `name`, where they begin at byte 8; and that file.
    fn split(name: &str, more: &[(&str, &str)]) -> (Vec<u8>, Vec<u8>) {
        let mut model = Network::red_is_rust().to_model();
        let mut first = model.graph.as_mut().unwrap().initializer.remove(0);
        let data = [&[7; 8][..], &std::mem::take(&mut first.raw_data)].concat();
        let mut tensor = first.encode_to_vec();
        let length = (data.len() - 8).to_string();
        for (key, value) in [("location", name), ("offset", "8"), ("length", &length)].iter().chain(more) {
            let note = [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
            tensor.extend(field(13, &note));
        }
        tensor.extend([14 << 3, 1]);
        let mut graph = model.graph.take().unwrap().encode_to_vec();
        let mut length = tensor.len();
        graph.push(5 << 3 | 2);
        while length >= 128 {
            graph.push(length as u8 | 128);
            length >>= 7;
        }
        graph.push(length as u8);
        graph.extend(tensor);
        let mut onnx = model.encode_to_vec();
        onnx.push(7 << 3 | 2);
        let mut length = graph.len();
        while length >= 128 {
            onnx.push(length as u8 | 128);
            length >>= 7;
        }
        onnx.push(length as u8);
        onnx.extend(graph);
        (onnx, data)
    }

    #[test]
    fn weights_beside_the_file_are_put_into_it_and_it_means_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        let (onnx, data) = split("a.onnx.data", &[]);
        let refusal = inspect(&onnx, None).unwrap_err().to_string();
        assert!(refusal.contains("external_data=False"), "{refusal}");
        let missing = with_weights(&path, &onnx).unwrap_err().to_string();
        assert!(missing.contains("`a.onnx.data`, which is not there"), "{missing}");
        fs::write(folder.path().join("a.onnx.data"), &data).unwrap();
        let packed = with_weights(&path, &onnx).unwrap();
        inspect(&packed, None).unwrap();
        let graph = |onnx: &[u8]| {
            let mut graph = derust_manifest::onnx::Model::decode(onnx).unwrap().graph.unwrap();
            graph.initializer.sort_by(|a, b| a.name.cmp(&b.name));
            graph
        };
        assert_eq!(graph(&packed), graph(&Network::red_is_rust().to_onnx()));
        // What is one file already stays as it is, to the byte.
        let whole = Network::red_is_rust().to_onnx();
        assert_eq!(with_weights(&path, &whole).unwrap(), whole);
    }

    #[test]
    fn only_a_file_of_the_same_folder_is_read_and_only_as_much_as_there_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("models");
        fs::create_dir_all(folder.join("below")).unwrap();
        let (_, data) = split("", &[]);
        for place in ["secret", "models/below/secret", "models/plain"] {
            fs::write(root.path().join(place), &data).unwrap();
        }
        symlink(root.path().join("secret"), folder.join("link")).unwrap();
        symlink("plain", folder.join("inner-link")).unwrap();
        let refusal = |name: &str, more: &[(&str, &str)]| {
            with_weights(&folder.join("a.onnx"), &split(name, more).0).unwrap_err().to_string()
        };
        with_weights(&folder.join("a.onnx"), &split("plain", &[]).0).unwrap();
        let absolute = root.path().join("secret");
        for name in
            [absolute.to_str().unwrap(), "../secret", "below/secret", "./plain", ".", "..", "plain/", "a\\b"]
        {
            let refusal = refusal(name, &[]);
            assert!(refusal.contains("plain name"), "{name}: {refusal}");
        }
        for name in ["link", "inner-link", "below"] {
            assert!(refusal(name, &[]).contains("no regular file"), "{name}");
        }
        let too_long = refusal("plain", &[("length", "4000")]);
        assert!(too_long.contains("fewer bytes"), "{too_long}");
        for (key, value) in [("offset", "18446744073709551615"), ("length", "99999999999"), ("length", "-1")]
        {
            let refusal = refusal("plain", &[(key, value)]);
            assert!(
                refusal.contains("MB") || refusal.contains("no number") || refusal.contains("fewer"),
                "{refusal}"
            );
        }
    }
}
