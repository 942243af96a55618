//! Between float32, in which the engine computes, and the element types that graphs declare.

use half::f16;
use ndarray::{ArrayD, ArrayViewD};
use ort::session::SessionInputValue;
use ort::value::{DynTensor, Tensor, TensorElementType, TensorRef, Value};

/// The numbers as a tensor of the type that an input declares. Bytes are rounded to the nearest; what lies outside of
/// 0 to 255 becomes the end that it is beyond.
///
/// Other types than float32, float16 and uint8 get float32, which ONNX Runtime then refuses with a text that names
/// both.
pub(super) fn encode<'a>(
    array: &'a ArrayViewD<'a, f32>,
    declared: Option<TensorElementType>,
) -> Result<SessionInputValue<'a>, ort::Error> {
    match declared {
        Some(TensorElementType::Float16) => Ok(Tensor::from_array(packed(array, f16::from_f32))?.into()),
        Some(TensorElementType::Uint8) => Ok(Tensor::from_array(packed(array, byte))?.into()),
        _ if array.is_standard_layout() => Ok(TensorRef::from_array_view(array.view())?.into()),
        _ => Ok(Tensor::from_array(packed(array, |value| value))?.into()),
    }
}

/// The type of the tensor that [`encode`] makes for an input that declares this one.
pub(super) fn fed(declared: Option<TensorElementType>) -> TensorElementType {
    match declared {
        Some(known @ (TensorElementType::Float16 | TensorElementType::Uint8)) => known,
        _ => TensorElementType::Float32,
    }
}

/// Writes the numbers into a tensor of their shape and a type of [`fed`], as [`encode`] converts them.
pub(super) fn write(array: &ArrayViewD<'_, f32>, tensor: &mut DynTensor) -> Result<(), ort::Error> {
    match tensor.data_type() {
        TensorElementType::Float16 => {
            let mut target = tensor.try_extract_array_mut()?;
            target.zip_mut_with(array, |to, from| *to = f16::from_f32(*from));
        }
        TensorElementType::Uint8 => {
            tensor.try_extract_array_mut()?.zip_mut_with(array, |to, from| *to = byte(*from))
        }
        _ => tensor.try_extract_array_mut()?.assign(array),
    }
    Ok(())
}

fn byte(value: f32) -> u8 {
    // A float becomes an integer without its fraction, and within its bounds.
    (value + 0.5) as u8
}

/// The numbers in the order of their indices, converted one by one.
fn packed<T: Clone>(array: &ArrayViewD<'_, f32>, convert: impl Fn(f32) -> T) -> ArrayD<T> {
    let values = array.iter().map(|value| convert(*value)).collect();
    ArrayD::from_shape_vec(array.raw_dim(), values).expect("there are as many values as the shape says")
}

/// The numbers of a tensor, if it is one of float32, float16, uint8, int32 or int64. Integers beyond 2^24 are rounded.
pub(super) fn decode(value: &Value) -> Option<ArrayD<f32>> {
    let ort::value::ValueType::Tensor { ty, .. } = value.dtype() else { return None };
    match ty {
        TensorElementType::Float32 => Some(value.try_extract_array::<f32>().ok()?.to_owned()),
        TensorElementType::Float16 => Some(value.try_extract_array::<f16>().ok()?.map(|v| v.to_f32())),
        TensorElementType::Uint8 => Some(value.try_extract_array::<u8>().ok()?.map(|v| f32::from(*v))),
        TensorElementType::Int32 => Some(value.try_extract_array::<i32>().ok()?.map(|v| *v as f32)),
        TensorElementType::Int64 => Some(value.try_extract_array::<i64>().ok()?.map(|v| *v as f32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::super::Runtime;
    use super::*;

    #[test]
    fn numbers_become_what_is_declared_and_come_back() {
        let _runtime = Runtime::load(None).unwrap();
        let numbers = array![[0.4, 0.6, 254.5], [300.0, -3.0, 0.1]].into_dyn();
        let there_and_back = |declared| {
            let back = decode(&encode(&numbers.view(), declared).unwrap()).unwrap();
            let mut kept =
                DynTensor::new(&ort::memory::Allocator::default(), fed(declared), numbers.shape()).unwrap();
            write(&numbers.view(), &mut kept).unwrap();
            assert_eq!(decode(&kept.into_dyn()).unwrap(), back, "{declared:?}");
            back
        };
        let bytes = there_and_back(Some(TensorElementType::Uint8));
        assert_eq!(bytes, array![[0.0, 1.0, 255.0], [255.0, 0.0, 0.0]].into_dyn());
        let halves = there_and_back(Some(TensorElementType::Float16));
        assert_ne!(halves, numbers);
        assert!(
            halves.iter().zip(&numbers).all(|(half, number)| (half - number).abs() <= number.abs() / 2048.0)
        );
        assert_eq!(there_and_back(Some(TensorElementType::Float32)), numbers);
        // In the order of their indices, however they lie in memory.
        let turned = numbers.t();
        let bytes = decode(&encode(&turned, Some(TensorElementType::Uint8)).unwrap()).unwrap();
        assert_eq!(bytes, array![[0.0, 255.0], [1.0, 0.0], [255.0, 0.0]].into_dyn());
    }
}
