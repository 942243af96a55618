//! Between float32, in which the engine computes, and the element types that graphs declare.

use half::f16;
use ndarray::{ArrayD, ArrayViewD};
use ort::session::SessionInputValue;
use ort::value::{DynTensor, PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, Value};

use super::RuntimeError;
use super::session::failure;
use crate::control::Stopped;
use crate::room;

/// The numbers as a tensor of the type that an input declares. Bytes are rounded to the nearest; what lies outside of
/// 0 to 255 becomes the end that it is beyond.
///
/// Other types than float32, float16 and uint8 get float32, which ONNX Runtime then refuses with a text that names
/// both.
pub(super) fn encode<'a>(
    array: &'a ArrayViewD<'a, f32>,
    declared: Option<TensorElementType>,
) -> Result<SessionInputValue<'a>, RuntimeError> {
    let tensor = match declared {
        Some(TensorElementType::Float16) => {
            Tensor::from_array(room::map(array.view(), |value| f16::from_f32(*value))?).map(Into::into)
        }
        Some(TensorElementType::Uint8) => {
            Tensor::from_array(room::map(array.view(), |value| byte(*value))?).map(Into::into)
        }
        _ if array.is_standard_layout() => TensorRef::from_array_view(array.view()).map(Into::into),
        _ => Tensor::from_array(room::copy(array.view())?).map(Into::into),
    };
    tensor.map_err(failure)
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

/// The numbers of a tensor, if it is one of float32, float16, uint8, int32 or int64. Integers beyond 2^24 are rounded.
pub(super) fn decode(value: &Value) -> Result<Option<ArrayD<f32>>, Stopped> {
    let ort::value::ValueType::Tensor { ty, .. } = value.dtype() else { return Ok(None) };
    match ty {
        TensorElementType::Float32 => converted(value, |v: &f32| *v),
        TensorElementType::Float16 => converted(value, |v: &f16| v.to_f32()),
        TensorElementType::Uint8 => converted(value, |v: &u8| f32::from(*v)),
        TensorElementType::Int32 => converted(value, |v: &i32| *v as f32),
        TensorElementType::Int64 => converted(value, |v: &i64| *v as f32),
        _ => Ok(None),
    }
}

fn converted<T: PrimitiveTensorElementType>(
    value: &Value,
    convert: impl Fn(&T) -> f32,
) -> Result<Option<ArrayD<f32>>, Stopped> {
    value.try_extract_array::<T>().ok().map(|array| room::map(array, convert)).transpose()
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
            let back = decode(&encode(&numbers.view(), declared).unwrap()).unwrap().unwrap();
            let mut kept =
                DynTensor::new(&ort::memory::Allocator::default(), fed(declared), numbers.shape()).unwrap();
            write(&numbers.view(), &mut kept).unwrap();
            assert_eq!(decode(&kept.into_dyn()).unwrap().unwrap(), back, "{declared:?}");
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
        let bytes = decode(&encode(&turned, Some(TensorElementType::Uint8)).unwrap()).unwrap().unwrap();
        assert_eq!(bytes, array![[0.0, 255.0], [1.0, 0.0], [255.0, 0.0]].into_dyn());
    }
}
