//! Memory whose size a picture or a file decides: where it cannot be had, the call ends with an error and the program goes on.
//!
//! `Vec`, `String` and ndarray end the program where they get no memory. What is taken here does not: planes, rows,
//! tiles, answers, regions, contours, model files. What is left to them has a size that neither a picture nor a file decides,
//! or one within some kilobytes: texts of messages, names and numbers of a manifest (a mebibyte at most, which is
//! tried for before it is read), lists of files, of tiles along a side, of a network's inputs and outputs.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use ndarray::{Array, ArrayView, Dimension, IntoDimension};

use crate::control::Stopped;

fn no_room<T>(length: usize) -> Stopped {
    Stopped::NoMemory { bytes: length.saturating_mul(size_of::<T>()) }
}

/// An empty list with room for `length` values.
pub(crate) fn list<T>(length: usize) -> Result<Vec<T>, Stopped> {
    let mut list = Vec::new();
    list.try_reserve_exact(length).map_err(|_| no_room::<T>(length))?;
    Ok(list)
}

/// A row of `length` times the value.
pub(crate) fn row<T: Clone>(value: T, length: usize) -> Result<Vec<T>, Stopped> {
    let mut row = list(length)?;
    row.resize(length, value);
    Ok(row)
}

/// Adds a value to a list that grows.
pub(crate) fn push<T>(list: &mut Vec<T>, value: T) -> Result<(), Stopped> {
    if list.len() == list.capacity() {
        list.try_reserve(1).map_err(|_| no_room::<T>(list.len() + 1))?;
    }
    list.push(value);
    Ok(())
}

/// What comes, as a list.
pub(crate) fn collect<T>(values: impl IntoIterator<Item = T>) -> Result<Vec<T>, Stopped> {
    let values = values.into_iter();
    let mut list = list(values.size_hint().0)?;
    for value in values {
        push(&mut list, value)?;
    }
    Ok(list)
}

/// [`collect`] of values each of which may not come.
pub(crate) fn try_collect<T, E: From<Stopped>>(
    values: impl IntoIterator<Item = Result<T, E>>,
) -> Result<Vec<T>, E> {
    let values = values.into_iter();
    let mut list = list(values.size_hint().0)?;
    for value in values {
        push(&mut list, value?)?;
    }
    Ok(list)
}

/// An array of one value.
pub(crate) fn filled<T: Clone, I: IntoDimension>(shape: I, value: T) -> Result<Array<T, I::Dim>, Stopped> {
    let shape = shape.into_dimension();
    let values = row(value, length::<T, _>(&shape)?)?;
    Ok(Array::from_shape_vec(shape, values).expect("there are as many values as the shape says"))
}

/// An array of what a function makes of every index.
pub(crate) fn from_fn<T, I: IntoDimension>(
    shape: I,
    make: impl FnMut(<I::Dim as Dimension>::Pattern) -> T,
) -> Result<Array<T, I::Dim>, Stopped> {
    let shape = shape.into_dimension();
    let mut values = list(length::<T, _>(&shape)?)?;
    values.extend(ndarray::indices(shape.clone()).into_iter().map(make));
    Ok(Array::from_shape_vec(shape, values).expect("there are as many values as the shape says"))
}

/// An array of what a function makes of every value; it lies in the order of its indices.
pub(crate) fn map<T, U, D: Dimension>(
    array: ArrayView<'_, T, D>,
    make: impl FnMut(&T) -> U,
) -> Result<Array<U, D>, Stopped> {
    let mut values = list(array.len())?;
    let shape = array.raw_dim();
    match array.as_slice() {
        Some(slice) => values.extend(slice.iter().map(make)),
        None => values.extend(array.iter().map(make)),
    }
    Ok(Array::from_shape_vec(shape, values).expect("there are as many values as the shape says"))
}

/// A copy of an array, which lies in the order of its indices.
pub(crate) fn copy<T: Clone, D: Dimension>(array: ArrayView<'_, T, D>) -> Result<Array<T, D>, Stopped> {
    map(array, T::clone)
}

/// A copy of a text.
pub(crate) fn text(text: &str) -> Result<String, Stopped> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(|_| no_room::<u8>(text.len()))?;
    copy.push_str(text);
    Ok(copy)
}

/// Makes a map fit to take one more entry.
pub(crate) fn for_one_more<K: Eq + Hash, V>(map: &mut HashMap<K, V>) -> Result<(), Stopped> {
    map.try_reserve(1).map_err(|_| no_room::<(K, V)>(2 * map.len()))
}

/// Makes a set fit to take one more value.
pub(crate) fn for_one_more_in<K: Eq + Hash>(set: &mut HashSet<K>) -> Result<(), Stopped> {
    set.try_reserve(1).map_err(|_| no_room::<K>(2 * set.len()))
}

/// Checks that so many bytes are to be had at the moment, for what takes them by itself.
pub(crate) fn probe(bytes: usize) -> Result<(), Stopped> {
    list::<u8>(bytes).map(drop)
}

fn length<T, D: Dimension>(shape: &D) -> Result<usize, Stopped> {
    let sides = shape.slice().iter();
    let length = sides.copied().try_fold(1_usize, usize::checked_mul);
    // More is no array of ndarray's, nor anything that there is memory for.
    length.filter(|length| isize::try_from(*length).is_ok()).ok_or_else(|| no_room::<T>(usize::MAX))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, array};

    use super::*;

    #[test]
    fn what_there_is_no_memory_for_is_an_error() {
        let much = usize::MAX / 64;
        for refused in [
            list::<u64>(much).map(drop),
            row([0.0_f32; 4], much).map(drop),
            filled((much, 8), 0.0_f32).map(drop),
            filled((usize::MAX, usize::MAX), 0_u8).map(drop),
            from_fn((2, much), |_| 1_u64).map(drop),
            collect((0..much).map(|i| [i; 4])).map(drop),
            probe(much),
        ] {
            assert!(matches!(refused, Err(Stopped::NoMemory { .. })), "{refused:?}");
        }
        let text = list::<u64>(much).unwrap_err().to_string();
        assert!(text.contains(&(much * 8).to_string()) && text.contains("memory"), "{text}");
    }

    #[test]
    fn arrays_are_those_of_ndarray() {
        let planes = Array3::from_shape_fn((2, 3, 4), |(c, y, x)| 100 * c + 10 * y + x);
        assert_eq!(from_fn((2, 3, 4), |(c, y, x)| 100 * c + 10 * y + x).unwrap(), planes);
        assert_eq!(filled((2, 3), 7).unwrap(), Array2::from_elem((2, 3), 7));
        let turned = planes.view().reversed_axes();
        let copied = copy(turned.view()).unwrap();
        assert!(copied == turned && copied.is_standard_layout());
        assert_eq!(map(array![[1, 2], [3, 4]].t(), |value| value * 2).unwrap(), array![[2, 6], [4, 8]]);
        assert_eq!(collect((0..5).filter(|i| i % 2 == 0)).unwrap(), [0, 2, 4]);
        assert_eq!(try_collect([Ok(1), Err(Stopped::Cancelled)]), Err(Stopped::Cancelled));
    }
}
