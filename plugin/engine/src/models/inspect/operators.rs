//! The operators that a network may be made of.
//!
//! The list holds what networks for pictures are made of when PyTorch, TensorFlow (tf2onnx), Keras or PaddlePaddle
//! write them, or the quantiser and the optimiser of ONNX Runtime. An operator that is not in the list never reaches
//! ONNX Runtime, whatever that brings along or learns in a later version. Left out on purpose:
//!
//! - `Loop`, `Scan` and `SequenceMap`: a loop need not end, and nothing can stop it from outside. `If` stays, because
//!   PyTorch writes it for every `squeeze` of a dimension that it does not know; it runs one branch, once.
//! - Strings, sequences, maps and optional values: pictures have none, and each is a way to make one byte of file
//!   into many bytes of memory.
//! - Random numbers: the same picture would give another result each time.
//! - Training, loss functions, classical machine learning (`ai.onnx.ml`), text, sound.
//! - `EPContext` and its like (`com.microsoft`), which hold compiled code or name other files.

/// Whether a network may use `operator` of the operator set `domain`.
pub(super) fn is_allowed(domain: &str, operator: &str) -> bool {
    let list: &[&str] = match domain {
        "" | "ai.onnx" => &STANDARD,
        "com.microsoft" => &MICROSOFT,
        _ => return false,
    };
    list.binary_search(&operator).is_ok()
}

/// Operator set and name of each.
#[cfg(any(test, feature = "fixtures"))]
pub(crate) fn allowed_operators() -> Vec<(&'static str, &'static str)> {
    let of =
        |domain, list: &[&'static str]| list.iter().map(|operator| (domain, *operator)).collect::<Vec<_>>();
    [of("", &STANDARD), of("com.microsoft", &MICROSOFT)].concat()
}

/// What older versions of ONNX Runtime crash on, and newer ones answer or refuse.
struct Mended {
    domain: &'static str,
    operator: &'static str,
    only: Only,
    /// The `N` of ONNX Runtime `1.N` from which on it does no harm.
    since: u32,
}

/// The uses of an operator that are meant.
enum Only {
    All,
    /// Those with more inputs than this.
    MoreInputs(usize),
    /// Those with this text as attribute.
    Text(&'static str, &'static str),
    /// Those with a number below 1 as attribute.
    NoneOf(&'static str),
}

/// Tried out with inputs at the edge of what operators are defined for: these end a process with 1.24, and none with 1.32.
/// What lies between was not tried. Integer `Div` and `Mod` belong here, too, but no network that reckons with sizes does
/// without them; as for what crashes every version, only a trial shows whether they do harm.
const MENDED: [Mended; 7] = [
    Mended { domain: "", operator: "MaxUnpool", only: Only::All, since: 32 },
    Mended { domain: "", operator: "GridSample", only: Only::Text("padding_mode", "reflection"), since: 32 },
    Mended { domain: "", operator: "GroupNormalization", only: Only::NoneOf("num_groups"), since: 32 },
    Mended {
        domain: "com.microsoft",
        operator: "GridSample",
        only: Only::Text("padding_mode", "reflection"),
        since: 32,
    },
    Mended { domain: "com.microsoft", operator: "GroupNorm", only: Only::NoneOf("groups"), since: 32 },
    // The mask of an attention.
    Mended { domain: "com.microsoft", operator: "Attention", only: Only::MoreInputs(3), since: 32 },
    Mended { domain: "com.microsoft", operator: "MultiHeadAttention", only: Only::MoreInputs(4), since: 32 },
];

/// An attribute's value, as far as it matters here.
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(i64),
}

/// The `N` of the ONNX Runtime `1.N` from which on an operator may be used like this, and the attribute that asks for it,
/// where older ones crash. `attribute` looks up a value by its name.
pub(super) fn since<'a>(
    domain: &str,
    operator: &str,
    inputs: usize,
    attribute: impl Fn(&str) -> Option<Value<'a>>,
) -> Option<(u32, &'static str)> {
    let domain = if domain == "ai.onnx" { "" } else { domain };
    let mut listed = MENDED.iter().filter(|mended| mended.domain == domain && mended.operator == operator);
    listed.find_map(|mended| {
        let asks = match mended.only {
            Only::All => Some(""),
            Only::MoreInputs(most) => (inputs > most).then_some("a mask"),
            Only::Text(name, text) => {
                matches!(attribute(name), Some(Value::Text(given)) if given == text).then_some(name)
            }
            Only::NoneOf(name) => {
                matches!(attribute(name), Some(Value::Number(given)) if given < 1).then_some(name)
            }
        };
        asks.map(|asks| (mended.since, asks))
    })
}

/// What ONNX itself defines, in alphabetical order.
const STANDARD: [&str; 159] = [
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "AffineGrid",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "Attention",
    "AveragePool",
    "BatchNormalization",
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Cast",
    "CastLike",
    "Ceil",
    "Celu",
    "CenterCropPad",
    "Clip",
    "Col2Im",
    "Compress",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DFT",
    "DeformConv",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "DynamicQuantizeLinear",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalLpPool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GridSample",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Hardmax",
    "Identity",
    "If",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LRN",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "LpPool",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "MaxRoiPool",
    "MaxUnpool",
    "Mean",
    "MeanVarianceNormalization",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "NonMaxSuppression",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "RMSNormalization",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "RoiAlign",
    "RotaryEmbedding",
    "Round",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "SwiGLU",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
];

/// What ONNX Runtime adds, in alphabetical order: fused and quantised forms of the above.
const MICROSOFT: [&str; 43] = [
    "Attention",
    "BiasAdd",
    "BiasGelu",
    "BiasSplitGelu",
    "ConvTransposeWithDynamicPads",
    "DequantizeLinear",
    "DynamicQuantizeMatMul",
    "FastGelu",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "FusedMatMulActivation",
    "Gelu",
    "GridSample",
    "GroupNorm",
    "LayerNormalization",
    "MatMulInteger16",
    "MatMulIntegerToFloat",
    "MatMulNBits",
    "MultiHeadAttention",
    "NhwcConv",
    "NhwcFusedConv",
    "NhwcMaxPool",
    "QAttention",
    "QGemm",
    "QLinearAdd",
    "QLinearAveragePool",
    "QLinearConcat",
    "QLinearConv",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearReduceMean",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QLinearWhere",
    "QuantizeLinear",
    "QuickGelu",
    "SimplifiedLayerNormalization",
    "SkipGroupNorm",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "Trilu",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_so_that_each_operator_is_found() {
        assert!(STANDARD.is_sorted() && MICROSOFT.is_sorted());
        for operator in ["Conv", "Resize", "If", "BatchNormalization", "Xor", "Abs"] {
            assert!(is_allowed("", operator) && is_allowed("ai.onnx", operator), "{operator}");
        }
        assert!(is_allowed("com.microsoft", "FusedConv"));
        for (domain, operator) in [
            ("", "Loop"),
            ("", "Scan"),
            ("", "ImageDecoder"),
            ("", "SequenceAt"),
            ("", "RandomNormal"),
            ("", "FusedConv"),
            ("com.microsoft", "EPContext"),
            ("com.microsoft", "Conv"),
            ("ai.onnx.ml", "LabelEncoder"),
            ("com.example", "Conv"),
        ] {
            assert!(!is_allowed(domain, operator), "{domain} {operator}");
        }
    }
}
