//! One file of a model whose weights lie in another.

use std::ops::Range;

use super::examine::malformed;
use super::refusal::{Refusal, Rule, quoted};
use super::schema::{self, Message};
use super::wire::{Field, Fields};
use super::{ModelError, SIZE_LIMIT};
use crate::room;

/// Graphs inside one another, messages of tensors included, that are walked.
const DEEPEST: usize = 32;

/// Where a tensor's values lie.
#[derive(Debug, Default)]
struct Place<'a> {
    location: &'a str,
    offset: u64,
    /// Up to the end of the file where it is absent.
    length: Option<u64>,
}

/// Reads a part of the file of a name.
pub type Reader<'r> = dyn FnMut(&str, Range<u64>) -> Result<Vec<u8>, ModelError> + 'r;

/// The ONNX file with the values that lie elsewhere in it; nothing else changes. `read` answers with the bytes of a range of
/// the file of a name, to its end where the range's end is `u64::MAX`.
///
/// # Errors
/// When the file is no ONNX file, when it would have more than [`SIZE_LIMIT`] bytes, and those of `read`.
pub fn pack<'r>(onnx: &[u8], read: &'r mut Reader<'r>) -> Result<Vec<u8>, ModelError> {
    let mut packer = Packer { read, bytes: onnx.len() as u64 };
    packer.message(&schema::MODEL, onnx, 0)
}

struct Packer<'r> {
    read: &'r mut Reader<'r>,
    /// Bytes of the file so far.
    bytes: u64,
}

/// The messages in a field in which tensors lie.
fn holds_tensors(message: &Message, field: &str) -> Option<&'static Message> {
    Some(match (message.name, field) {
        ("model", "graph") | ("attribute", "g") => &schema::GRAPH,
        ("graph", "node") => &schema::NODE,
        ("graph", "initializer") | ("attribute", "t") => &schema::TENSOR,
        ("node", "attribute") => &schema::ATTRIBUTE,
        _ => return None,
    })
}

impl Packer<'_> {
    fn message(
        &mut self,
        message: &'static Message,
        bytes: &[u8],
        depth: usize,
    ) -> Result<Vec<u8>, ModelError> {
        if depth > DEEPEST {
            return Err(Refusal::new(Rule::Limits, "its graphs lie too deep in one another").into());
        }
        let mut packed = room::list(bytes.len()).map_err(Refusal::from)?;
        let mut place = None;
        let mut fields = Fields::new(message, bytes);
        while let Some((field, raw)) = fields.next_raw() {
            let field = field.map_err(|broken| malformed(message, &broken))?;
            if message.name == "tensor" && matches!(field.name, "external_data" | "data_location") {
                note(place.get_or_insert_default(), field)?;
                continue;
            }
            let Some(inner) = holds_tensors(message, field.name) else {
                append(&mut packed, raw)?;
                continue;
            };
            let content = self.message(inner, field.bytes(), depth + 1)?;
            append_field(&mut packed, raw, &content)?;
        }
        let Some(Place { location, offset, length }) =
            place.filter(|place: &Place<'_>| !place.location.is_empty())
        else {
            return Ok(packed);
        };
        let end = length.map_or(Some(u64::MAX), |length| offset.checked_add(length));
        let end = end.ok_or_else(|| too_much(location))?;
        if length.is_some_and(|length| self.bytes.saturating_add(length) > SIZE_LIMIT) {
            return Err(too_much(location));
        }
        let values = (self.read)(location, offset..end)?;
        self.bytes = self.bytes.saturating_add(values.len() as u64);
        if self.bytes > SIZE_LIMIT {
            return Err(too_much(location));
        }
        // The field `raw_data`, number 9, of bytes.
        append_field(&mut packed, &[(9 << 3) | 2], &values)?;
        Ok(packed)
    }
}

/// Reads one of a tensor's notes about where its values lie.
fn note<'a>(place: &mut Place<'a>, field: Field<'a>) -> Result<(), ModelError> {
    if field.name != "external_data" {
        return Ok(());
    }
    let (mut key, mut value) = ("", "");
    for part in Fields::new(&schema::PROPERTY, field.bytes()) {
        let part = part.map_err(|broken| malformed(&schema::PROPERTY, &broken))?;
        let text = part.text().map_err(|broken| malformed(&schema::PROPERTY, &broken))?;
        if part.name == "key" { key = text } else { value = text }
    }
    let number = || {
        let problem = || format!("the {} of a tensor's values is {}, no number", key, quoted(value));
        value.parse().map_err(|_| Refusal::new(Rule::ExternalData, problem()))
    };
    match key {
        "location" => place.location = value,
        "offset" => place.offset = number()?,
        "length" => place.length = Some(number()?),
        // The checksum has no use: whoever changed the values could change it too.
        _ => {}
    }
    Ok(())
}

fn too_much(location: &str) -> ModelError {
    let problem = format!("with the values in {} it has more than {} MB", quoted(location), SIZE_LIMIT >> 20);
    Refusal::new(Rule::Limits, problem).into()
}

fn append(packed: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Refusal> {
    packed.try_reserve(bytes.len()).map_err(|_| Refusal::from(room::probe(usize::MAX).unwrap_err()))?;
    packed.extend_from_slice(bytes);
    Ok(())
}

/// Appends a field of bytes with this content; its tag is the number at the beginning of `raw`.
fn append_field(packed: &mut Vec<u8>, raw: &[u8], content: &[u8]) -> Result<(), Refusal> {
    let tag = raw.iter().position(|byte| byte & 0x80 == 0).map_or(raw, |last| &raw[..=last]);
    append(packed, tag)?;
    let mut length = content.len() as u64;
    while length >= 0x80 {
        append(packed, &[length as u8 | 0x80])?;
        length >>= 7;
    }
    append(packed, &[length as u8])?;
    append(packed, content)
}
