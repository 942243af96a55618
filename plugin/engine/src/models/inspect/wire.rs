//! The wire format of Protocol Buffers, read in place: nothing is copied, nothing is trusted.
//!
//! It is read more strictly than the format asks for. What two readers could understand in two ways (a field that may
//! stand once and stands twice, a number written as something else) is an error, so that ONNX Runtime cannot see
//! another model than the one that was inspected.

use super::schema::{FieldKind, Message};

/// The content of a field, borrowed from the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Fixed32([u8; 4]),
    Fixed64,
    /// A text, bytes, a message, or numbers in a row.
    Bytes(&'a [u8]),
}

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'static str,
    pub(super) kind: FieldKind,
    pub(super) value: Value<'a>,
}

/// Why bytes are not the message that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("it ends in the middle of a field")]
    Truncated,
    #[error("it holds a number of more than 64 bits")]
    LongNumber,
    #[error("the field {0} is not in the ONNX format, as far as this version knows it")]
    Unknown(u64),
    #[error("the field `{0}` has the wrong type")]
    WrongType(&'static str),
    #[error("the field `{0}` stands there twice")]
    Twice(&'static str),
    #[error("the text in `{0}` is not UTF-8")]
    NotText(&'static str),
}

/// The fields of one message, in the order of the file.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    message: &'static Message,
    rest: &'a [u8],
    /// A bit for each field that may stand once and was seen.
    seen: u64,
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'static Message, bytes: &'a [u8]) -> Self {
        Fields { message, rest: bytes, seen: 0 }
    }

    /// What is read.
    pub(super) fn message(&self) -> &'static Message {
        self.message
    }

    /// The next field, and the bytes that it takes in the file.
    pub(super) fn next_raw(&mut self) -> Option<(Result<Field<'a>, Broken>, &'a [u8])> {
        let before = self.rest;
        let field = self.next()?;
        Some((field, &before[..before.len() - self.rest.len()]))
    }

    fn read(&mut self) -> Result<Field<'a>, Broken> {
        let tag = number(&mut self.rest)?;
        let known = self.message.fields.iter().position(|field| u64::from(field.number) == tag >> 3);
        let position = known.ok_or(Broken::Unknown(tag >> 3))?;
        let field = &self.message.fields[position];
        if !field.repeated {
            // Alternatives of which one may stand share the bit of the first.
            let bit = 1 << field.alternative_to.map_or(position, usize::from);
            if self.seen & bit != 0 {
                return Err(Broken::Twice(field.name));
            }
            self.seen |= bit;
        }
        let value = match tag & 7 {
            0 => Value::Number(number(&mut self.rest)?),
            1 => {
                take(&mut self.rest, 8)?;
                Value::Fixed64
            }
            2 => {
                let length = number(&mut self.rest)?;
                Value::Bytes(take(&mut self.rest, length)?)
            }
            5 => Value::Fixed32(array(take(&mut self.rest, 4)?)),
            _ => return Err(Broken::WrongType(field.name)),
        };
        let fits = match value {
            Value::Number(_) => field.kind == FieldKind::Number,
            Value::Fixed32(_) => field.kind == FieldKind::Float,
            Value::Fixed64 => field.kind == FieldKind::Double,
            Value::Bytes(_) => {
                let numbers = matches!(field.kind, FieldKind::Number | FieldKind::Float | FieldKind::Double);
                !numbers || field.repeated
            }
        };
        if !fits {
            return Err(Broken::WrongType(field.name));
        }
        Ok(Field { name: field.name, kind: field.kind, value })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.read())
    }
}

impl<'a> Field<'a> {
    /// The bytes of a message or of bytes; none where the field is a number.
    pub(super) fn bytes(&self) -> &'a [u8] {
        if let Value::Bytes(bytes) = self.value { bytes } else { &[] }
    }

    /// The text.
    pub(super) fn text(&self) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.bytes()).map_err(|_| Broken::NotText(self.name))
    }

    /// The number as ONNX's signed ones are written.
    pub(super) fn signed(&self) -> i64 {
        if let Value::Number(number) = self.value { number as i64 } else { 0 }
    }

    /// How many numbers a field holds that can hold several.
    pub(super) fn count(&self) -> Result<u64, Broken> {
        let Value::Bytes(bytes) = self.value else { return Ok(1) };
        let each = match self.kind {
            FieldKind::Float => 4,
            FieldKind::Double => 8,
            _ => {
                // A number ends with the byte whose highest bit is clear.
                if bytes.last().is_some_and(|last| last & 0x80 != 0) {
                    return Err(Broken::Truncated);
                }
                return Ok(bytes.iter().filter(|byte| **byte & 0x80 == 0).count() as u64);
            }
        };
        if bytes.len() % each != 0 { Err(Broken::Truncated) } else { Ok((bytes.len() / each) as u64) }
    }

    /// The whole numbers of a field that can hold several.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Result<i64, Broken>> + use<'a> {
        let (single, mut packed) = match self.value {
            Value::Number(number) => (Some(Ok(number as i64)), &[][..]),
            _ => (None, self.bytes()),
        };
        let packed = std::iter::from_fn(move || {
            (!packed.is_empty()).then(|| {
                let number = number(&mut packed).map(|number| number as i64);
                if number.is_err() {
                    packed = &[];
                }
                number
            })
        });
        single.into_iter().chain(packed)
    }

    /// The float32 numbers of a field that can hold several.
    pub(super) fn floats(&self) -> impl Iterator<Item = f32> + use<'a> {
        let single =
            if let Value::Fixed32(bytes) = self.value { Some(f32::from_le_bytes(bytes)) } else { None };
        let packed = self.bytes().chunks_exact(4).map(|bytes| f32::from_le_bytes(array(bytes)));
        single.into_iter().chain(packed)
    }
}

/// `bytes` of a known length.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

/// Takes a number of variable length off the front.
fn number(bytes: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        // Nine bytes carry seven bits each, a tenth the highest one.
        if i == 9 && byte > 1 {
            return Err(Broken::LongNumber);
        }
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *bytes = &bytes[i + 1..];
            return Ok(number);
        }
    }
    Err(Broken::Truncated)
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(length).map_err(|_| Broken::Truncated)?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(Broken::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<Field<'_>>, Broken> {
        Fields::new(&schema::TENSOR, bytes).collect()
    }

    #[test]
    fn fields_are_read_in_place() {
        let fields = read(&[0x0a, 0x02, 0x03, 0x04, 0x10, 0x01, 0x42, 0x01, b'w']).unwrap();
        let [dims, data_type, name] = fields.as_slice() else { panic!("{fields:?}") };
        assert_eq!(dims.numbers().collect::<Result<Vec<_>, _>>(), Ok(vec![3, 4]));
        assert_eq!((dims.count(), data_type.signed(), name.text()), (Ok(2), 1, Ok("w")));
        let minus_one = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&minus_one).unwrap()[0].numbers().collect::<Vec<_>>(), [Ok(-1)]);
    }

    #[test]
    fn what_is_no_message_is_told_apart() {
        for (bytes, broken) in [
            (&b"\x42\x05w"[..], Broken::Truncated),
            (b"\x42\xff\xff\xff\xff\xff\xff\xff\xff\x7f", Broken::Truncated),
            (b"\x10\xff", Broken::Truncated),
            (b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", Broken::LongNumber),
            (b"\xfa\x07\x00", Broken::Unknown(127)),
            (b"\x00\x00", Broken::Unknown(0)),
            // A group, which ONNX has none of.
            (b"\x43\x44", Broken::WrongType("name")),
            (b"\x40\x01", Broken::WrongType("name")),
            (b"\x12\x01\x01", Broken::WrongType("data_type")),
            (b"\x10\x01\x10\x07", Broken::Twice("data_type")),
        ] {
            assert_eq!(read(bytes), Err(broken), "{bytes:x?}");
        }
        assert_eq!(read(b"\x42\x01\xff").unwrap()[0].text(), Err(Broken::NotText("name")));
        assert_eq!(read(b"\x0a\x01\xff").unwrap()[0].count(), Err(Broken::Truncated));
        assert_eq!(read(b"\x0a\x01\xff").unwrap()[0].numbers().collect::<Vec<_>>(), [Err(Broken::Truncated)]);
        assert_eq!(read(b"\x22\x03\0\0\0").unwrap()[0].count(), Err(Broken::Truncated));
    }
}
