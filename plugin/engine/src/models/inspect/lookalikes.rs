//! Files that people take for ONNX and that are something else: what they are, and the way to an ONNX file.

/// One line that makes an ONNX file of a PyTorch network.
const TORCH: &str = "`torch.onnx.export(network.eval(), (torch.rand(1, 3, 512, 512),), \"model.onnx\")`";

/// What a file is instead of ONNX, and what to do, where its first bytes tell.
pub(super) fn other_format(bytes: &[u8]) -> Option<String> {
    let begins = |beginning: &[u8]| bytes.starts_with(beginning);
    let text = |beginning: &str| {
        let from = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        bytes
            .get(from..from + beginning.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    // Of a zip archive only the name of its first file matters.
    let names = |name: &[u8]| bytes[..bytes.len().min(512)].windows(name.len()).any(|window| window == name);
    Some(if begins(b"version https://git-lfs.github.com/") {
        "it is a pointer of Git LFS, a few lines of text in place of the file: run `git lfs pull` where it comes from, or \
         download the file itself"
            .into()
    } else if begins(b"PK\x03\x04") && (names(b"config.json") || names(b"metadata.json")) {
        "it is a zip archive, as Keras saves networks (.keras), and not ONNX: `python -m tf2onnx.convert` makes ONNX of a \
         network that `model.export(\"folder\")` saved"
            .into()
    } else if begins(b"PK\x03\x04") {
        format!(
            "it is a zip archive, as PyTorch saves weights (.pt, .pth), and not ONNX: load it in Python and write {TORCH}; \
             of YOLO's, `YOLO(\"best.pt\").export(format=\"onnx\")`"
        )
    } else if begins(b"\x80\x02") || begins(b"\x80\x03") || begins(b"\x80\x04") || begins(b"\x80\x05") {
        format!(
            "it is a Python pickle, as old PyTorch saves weights (.pt, .pth), and not ONNX: load it in Python and write {TORCH}"
        )
    } else if begins(b"\x89HDF\r\n") {
        "it is an HDF5 file, as Keras saves networks (.h5), and not ONNX: `python -m tf2onnx.convert` makes ONNX of a \
         network that `model.export(\"folder\")` saved"
            .into()
    } else if bytes.get(4..8) == Some(b"TFL3") {
        "it is a TensorFlow Lite file and not ONNX: `python -m tf2onnx.convert --tflite FILE --output model.onnx` converts it"
            .into()
    } else if bytes.get(8..9) == Some(b"{") && bytes.get(5..8) == Some(&[0; 3]) {
        format!(
            "it is a safetensors file, weights without a network, and not ONNX: load it into its network in Python and write {TORCH}"
        )
    } else if text("<!doctype html") || text("<html") {
        "it is a web page and no ONNX file: what was saved is the page about the file and not the file; use the page's link for the download"
            .into()
    } else if text("<?xml") || text("<net") {
        "it is XML, as OpenVINO keeps networks, and not ONNX: take the ONNX file of which it was made".into()
    } else if bytes.get(4..8) == Some(b"ORTM") {
        // ONNX Runtime would take such a file for its own format, which nothing has inspected.
        "it is in ONNX Runtime's own format (.ort), not in ONNX; take the ONNX file of which it was made"
            .into()
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use crate::models::inspect;

    #[test]
    fn what_is_no_onnx_is_called_by_its_name() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n";
        let mut lite = *b"\x1c\0\0\0TFL3\0\0";
        lite[0] = 0x20;
        for (bytes, parts) in [
            (&pointer[..], &["Git LFS", "git lfs pull"][..]),
            (b"PK\x03\x04\0\0\0\0archive/data.pkl", &[".pt", "torch.onnx.export", ".eval()"]),
            (b"PK\x03\x04\0\0\0\0config.json", &[".keras", "tf2onnx"]),
            (b"\x80\x02}q\0", &["pickle", "torch.onnx.export"]),
            (b"\x89HDF\r\n\x1a\n", &[".h5", "tf2onnx"]),
            (&lite, &["TensorFlow Lite", "--tflite"]),
            (b"\x40\x01\0\0\0\0\0\0{\"a\":", &["safetensors"]),
            (b"\n<!DOCTYPE html><html>", &["web page"]),
            (b"<?xml version=\"1.0\"?><net>", &["OpenVINO"]),
            (b"\x20\0\0\0ORTM\0\0", &[".ort"]),
        ] {
            let refusal = inspect(bytes, Some("{}")).unwrap_err().to_string();
            assert!(parts.iter().all(|part| refusal.contains(part)), "{bytes:x?}: {refusal}");
        }
    }
}
