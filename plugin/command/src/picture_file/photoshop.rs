//! Adobe Photoshop's image resources, which JPEG and TIFF files carry: captions by the International Press
//! Telecommunications Council, and small copies of the picture.

const SIGNATURE: &[u8] = b"8BIM";
/// Captions (IPTC-NAA records).
const IPTC: u16 = 0x0404;
/// Small copies of the picture, of two ages.
const THUMBNAILS: [u16; 2] = [0x0409, 0x040C];

/// A resource: its number, its content, and all of its bytes.
struct Resource<'a> {
    number: u16,
    content: &'a [u8],
    whole: &'a [u8],
}

/// All resources; `None` where they are broken.
fn resources(mut bytes: &[u8]) -> Option<Vec<Resource<'_>>> {
    let mut found = Vec::new();
    while bytes.starts_with(SIGNATURE) {
        let number = u16::from_be_bytes(bytes.get(4..6)?.try_into().ok()?);
        // A name, and its length before it, together an even number of bytes.
        let name = (1 + usize::from(*bytes.get(6)?)).next_multiple_of(2);
        let length = u32::from_be_bytes(bytes.get(6 + name..10 + name)?.try_into().ok()?) as usize;
        let start = 10 + name;
        let content = bytes.get(start..start.checked_add(length)?)?;
        let end = (start + length.next_multiple_of(2)).min(bytes.len());
        found.push(Resource { number, content, whole: &bytes[..end] });
        bytes = &bytes[end..];
    }
    bytes.iter().all(|byte| *byte == 0).then_some(found)
}

/// The captions.
pub fn iptc(bytes: &[u8]) -> Option<Vec<u8>> {
    let found = resources(bytes)?.into_iter().find(|resource| resource.number == IPTC)?;
    Some(found.content.to_vec())
}

/// The resources without small copies of the picture; `None` where there are none.
pub fn without_thumbnails(bytes: &[u8]) -> Option<Vec<u8>> {
    let all = resources(bytes)?;
    let is_thumbnail = |resource: &Resource<'_>| THUMBNAILS.contains(&resource.number);
    all.iter().any(is_thumbnail).then(|| {
        all.iter()
            .filter(|resource| !is_thumbnail(resource))
            .flat_map(|resource| resource.whole)
            .copied()
            .collect()
    })
}

/// Captions as a resource.
pub fn of_iptc(iptc: &[u8]) -> Vec<u8> {
    let length = (iptc.len() as u32).to_be_bytes();
    let mut resource = [SIGNATURE, &IPTC.to_be_bytes(), &[0, 0], &length, iptc].concat();
    resource.resize(resource.len().next_multiple_of(2), 0);
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_found_and_small_copies_go() {
        let thumbnail = [&b"8BIM\x04\x0C\x03abc\0\0\0\x05"[..], &[0xFF, 0xD8, 1, 2, 3, 0]].concat();
        let other = b"8BIM\x03\xED\0\0\0\0\0\x02hi".to_vec();
        let all = [thumbnail.clone(), of_iptc(b"\x1C\x02\x78"), other.clone()].concat();
        assert_eq!(iptc(&all).unwrap(), b"\x1C\x02\x78");
        let kept = without_thumbnails(&all).unwrap();
        assert_eq!(kept, [of_iptc(b"\x1C\x02\x78"), other].concat());
        assert_eq!((without_thumbnails(&kept), iptc(&thumbnail)), (None, None));
        for end in 0..all.len() {
            iptc(&all[..end]);
            without_thumbnails(&all[..end]);
        }
    }
}
