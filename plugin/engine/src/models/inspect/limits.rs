//! How much a model file may hold.

/// How much a model file may hold. What goes beyond is refused before memory is spent on it.
///
/// The default lets through what segmentation and image-to-image networks need, ten times over: the largest in
/// common use have some thousand nodes. It keeps what ONNX Runtime holds for a file before it runs it to a small
/// multiple of the file's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Fields in the file: names, numbers, messages. Each takes two bytes or more in the file and up to about a hundred
    /// once it is an object in memory.
    pub fields: u64,
    /// Nodes, those of nested graphs included.
    pub nodes: u64,
    /// Tensors whose values are in the file: initialisers and those of attributes.
    pub tensors: u64,
    /// Bytes of all these tensors and of the attributes' lists of numbers, unpacked.
    pub weight_bytes: u64,
    /// Bytes of the largest value whose shape the graph fixes, or whose shape stands in it as a constant.
    pub value_bytes: u64,
    /// Graphs inside one another; the outermost counts as one.
    pub nesting: u64,
    /// Bytes of the longest name.
    pub name_bytes: u64,
    /// Bytes of the manifest in the file.
    pub manifest_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes: 256 << 20,
            fields: 1_000_000,
            nodes: 50_000,
            tensors: 50_000,
            weight_bytes: 256 << 20,
            value_bytes: 1 << 30,
            nesting: 4,
            name_bytes: 1024,
            manifest_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// No room for anything: what a file uses is counted up from here.
    pub(super) const ZERO: Limits = Limits {
        file_bytes: 0,
        fields: 0,
        nodes: 0,
        tensors: 0,
        weight_bytes: 0,
        value_bytes: 0,
        nesting: 0,
        name_bytes: 0,
        manifest_bytes: 0,
    };

    /// Every number with its name, in the order of the fields.
    pub fn each(&self) -> [(&'static str, u64); 9] {
        [
            ("file bytes", self.file_bytes),
            ("fields", self.fields),
            ("nodes", self.nodes),
            ("tensors", self.tensors),
            ("weight bytes", self.weight_bytes),
            ("value bytes", self.value_bytes),
            ("nesting", self.nesting),
            ("name bytes", self.name_bytes),
            ("manifest bytes", self.manifest_bytes),
        ]
    }
}
