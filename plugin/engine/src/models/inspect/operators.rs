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
