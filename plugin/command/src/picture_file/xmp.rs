//! XMP packets (ISO 16684-1): single properties are read, taken out and put in; all else stays, byte for byte.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// IPTC Photo Metadata Standard, extension schema.
const IPTC: &str = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";
/// The properties that only this program writes.
const OWN: &str = "derust:ns:1.0/";
/// Thumbnails (XMP specification, part 2).
const XMP: &str = "http://ns.adobe.com/xap/1.0/";
/// Google's containers: further pictures and videos in the same file.
const CONTAINER: &str = "http://ns.google.com/photos/1.0/container/";
const CAMERA: &str = "http://ns.google.com/photos/1.0/camera/";
/// Gain maps (Adobe, and Apple's).
const GAIN_MAP: &str = "http://ns.adobe.com/hdr-gain-map/1.0/";
const APPLE_GAIN_MAP: &str = "http://ns.apple.com/HDRGainMap/1.0/";

/// The source of a picture parts of which a trained network made (IPTC NewsCodes, Digital Source Type).
const TREATED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
const SOURCE_TYPE: &str = "DigitalSourceType";
const MODEL: &str = "Model";
const FRACTION: &str = "TreatedFraction";

/// What a picture says of its treatment.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// The model, as NAME@VERSION.
    pub model: String,
    /// The part of the picture that was treated, 0 to 1.
    pub fraction: f64,
}

/// What was made by a network in a picture, as it says itself; `None` where it says nothing of the kind.
pub fn treatment(packet: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(packet).ok()?;
    let tags = Tags::read(text)?;
    let own = |name| tags.value(OWN, name);
    if let Some(model) = own(MODEL) {
        let part = own(FRACTION).and_then(|part| part.parse::<f64>().ok());
        let part = part.map_or(String::new(), |part| format!(", {:.1} % of it", 100.0 * part));
        return Some(format!("treated by derust with {model}{part}"));
    }
    let source = tags.value(IPTC, SOURCE_TYPE)?;
    let kind = source.rsplit('/').next()?.to_owned();
    kind.to_ascii_lowercase()
        .contains("trainedalgorithmic")
        .then(|| format!("made by a network in parts ({kind})"))
}

/// The packet with the mark in it, in the place of an older one; a new packet where there is none. `None` where the packet
/// is not understood.
pub fn marked(packet: Option<&[u8]>, mark: &Mark) -> Option<Vec<u8>> {
    const EMPTY: &str = "<?xpacket begin=\"\u{FEFF}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\
        <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
        <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"></rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>";
    let text = packet.map_or(Some(EMPTY), |packet| std::str::from_utf8(packet).ok())?;
    let older = Tags::read(text).and_then(|tags| tags.value(OWN, FRACTION)?.parse::<f64>().ok());
    let ours = |namespace: &str, name: &str| {
        namespace == OWN
            || namespace == IPTC && [SOURCE_TYPE, "AISystemUsed", "AISystemVersionUsed"].contains(&name)
    };
    let text = without(text, &ours)?;
    let tags = Tags::read(&text)?;
    let end = tags
        .list
        .iter()
        .rev()
        .find(|tag| tag.kind == Kind::Close && local(&text[tag.name.clone()]) == "RDF")?;
    let described = tags
        .list
        .iter()
        .find(|tag| tag.kind != Kind::Close && local(&text[tag.name.clone()]) == "Description");
    let about = described.and_then(|tag| tags.attribute(tag, RDF, "about")).unwrap_or_default();
    let (name, version) = mark.model.split_once('@').unwrap_or((&mark.model, ""));
    let fraction = mark.fraction.max(older.unwrap_or(0.0));
    let description = format!(
        "<rdf:Description xmlns:rdf=\"{RDF}\" rdf:about=\"{about}\" xmlns:Iptc4xmpExt=\"{IPTC}\" xmlns:derust=\"{OWN}\" \
         Iptc4xmpExt:{SOURCE_TYPE}=\"{TREATED}\" Iptc4xmpExt:AISystemUsed=\"derust, {}\" \
         Iptc4xmpExt:AISystemVersionUsed=\"{}\" derust:{MODEL}=\"{}\" derust:{FRACTION}=\"{fraction:.4}\"/>",
        escaped(name),
        escaped(version),
        escaped(&mark.model)
    );
    let (before, after) = text.split_at(end.range.start);
    // The filling at the end is there for packets that grow.
    let after = match after.find("<?xpacket end") {
        Some(at) => format!("{}\n{}", after[..at].trim_end(), &after[at..]),
        None => after.to_owned(),
    };
    Some(format!("{before}{description}{after}").into_bytes())
}

/// The packet without what no longer holds: small copies of the picture as it was, and promises of gain maps, videos and
/// further pictures that the file does not hold any more. `None` where nothing is taken out.
pub fn kept_true(packet: &[u8]) -> Option<Vec<u8>> {
    let stale = |namespace: &str, name: &str| match namespace {
        XMP => name == "Thumbnails",
        CONTAINER | GAIN_MAP | APPLE_GAIN_MAP => true,
        CAMERA => name.starts_with("MotionPhoto") || name.starts_with("MicroVideo"),
        _ => false,
    };
    let text = std::str::from_utf8(packet).ok()?;
    let kept = without(text, &stale)?;
    (kept != text).then(|| kept.into_owned().into_bytes())
}

/// Whether the packet speaks of a gain map, and of a video.
pub fn promises(packet: &[u8]) -> (bool, bool) {
    let text = String::from_utf8_lossy(packet);
    let Some(tags) = Tags::read(&text) else { return (false, false) };
    let has = |namespace: &str, name: &str| tags.value(namespace, name).is_some();
    let gain_map = has(GAIN_MAP, "Version") || has(APPLE_GAIN_MAP, "HDRGainMapVersion");
    (gain_map, has(CAMERA, "MotionPhoto") || has(CAMERA, "MicroVideo"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    /// `<a/>`
    Empty,
}

#[derive(Debug)]
struct Tag {
    kind: Kind,
    /// From `<` to behind `>`.
    range: Range<usize>,
    name: Range<usize>,
    attributes: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    /// With the space before it.
    range: Range<usize>,
    name: Range<usize>,
    value: Range<usize>,
}

/// The tags of a text in their order; `None` where it is no XML.
fn scan(text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|found| at + found) {
        let rest = &text[start..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
        if let Some((_, end)) = skipped.iter().find(|(begin, _)| rest.starts_with(begin)) {
            at = start + rest.find(end)? + end.len();
            continue;
        }
        let tag = tag(text, start)?;
        at = tag.range.end;
        tags.push(tag);
    }
    Some(tags)
}

fn tag(text: &str, start: usize) -> Option<Tag> {
    let bytes = text.as_bytes();
    let closes = bytes.get(start + 1) == Some(&b'/');
    let name_start = start + 1 + usize::from(closes);
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || [b'/', b'>', b'='].contains(byte);
    let until_end = |from: usize| bytes.get(from..)?.iter().position(is_end).map(|length| from + length);
    let name = name_start..until_end(name_start)?;
    let mut attributes = Vec::new();
    let mut at = name.end;
    loop {
        let space = at;
        at += bytes.get(at..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
        match bytes[at] {
            b'>' => {
                let kind = if closes { Kind::Close } else { Kind::Open };
                return Some(Tag { kind, range: start..at + 1, name, attributes });
            }
            b'/' if bytes.get(at + 1) == Some(&b'>') => {
                return Some(Tag { kind: Kind::Empty, range: start..at + 2, name, attributes });
            }
            b'/' | b'=' | b'<' => return None,
            _ => {}
        }
        let name = at..until_end(at)?;
        let skip =
            |from: usize| Some(from + bytes.get(from..)?.iter().position(|b| !b.is_ascii_whitespace())?);
        let equals = skip(name.end)?;
        let quote_at = skip(equals + 1)?;
        let quote = bytes[quote_at];
        if bytes[equals] != b'=' || ![b'"', b'\''].contains(&quote) {
            return None;
        }
        let value =
            quote_at + 1..quote_at + 1 + bytes[quote_at + 1..].iter().position(|byte| *byte == quote)?;
        at = value.end + 1;
        attributes.push(Attribute { range: space..at, name, value });
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The tags of a text, and what prefixes stand for; packets use a prefix for one thing.
struct Tags<'a> {
    text: &'a str,
    list: Vec<Tag>,
    spaces: HashMap<&'a str, &'a str>,
}

impl<'a> Tags<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let list = scan(text)?;
        let mut spaces = HashMap::new();
        for Attribute { name, value, .. } in list.iter().flat_map(|tag| &tag.attributes) {
            if let Some(prefix) = text[name.clone()].strip_prefix("xmlns:") {
                spaces.entry(prefix).or_insert(&text[value.clone()]);
            }
        }
        Some(Tags { text, list, spaces })
    }

    fn is(&self, name: &Range<usize>, space: &str, wanted: &str) -> bool {
        let name = &self.text[name.clone()];
        local(name) == wanted && self.space(name) == Some(space)
    }

    fn space(&self, name: &str) -> Option<&'a str> {
        self.spaces.get(name.split_once(':')?.0).copied()
    }

    fn attribute(&self, tag: &Tag, space: &str, name: &str) -> Option<&'a str> {
        let found = tag.attributes.iter().find(|attribute| self.is(&attribute.name, space, name))?;
        Some(&self.text[found.value.clone()])
    }

    /// The value of a property, written as an attribute or as an element.
    fn value(&self, space: &str, name: &str) -> Option<&'a str> {
        let of_attribute = self.list.iter().find_map(|tag| self.attribute(tag, space, name));
        let of_element = || {
            let is_meant = |tag: &Tag| tag.kind != Kind::Close && self.is(&tag.name, space, name);
            let found = self.list.iter().position(is_meant)?;
            let tag = &self.list[found];
            if let Some(resource) = self.attribute(tag, RDF, "resource") {
                return Some(resource);
            }
            let next = self.list.get(found + 1).filter(|_| tag.kind == Kind::Open);
            Some(next.map_or("", |next| self.text[tag.range.end..next.range.start].trim()))
        };
        of_attribute.or_else(of_element)
    }
}

/// The text without the properties of which a function of their namespace and name says so; `None` where it is no XML.
fn without<'a>(text: &'a str, unwanted: &dyn Fn(&str, &str) -> bool) -> Option<Cow<'a, str>> {
    let read = Tags::read(text)?;
    let tags = &read.list;
    let is_unwanted = |name: &Range<usize>| {
        let full = &text[name.clone()];
        read.space(full).is_some_and(|space| unwanted(space, local(full)))
    };
    let mut out: Vec<Range<usize>> = Vec::new();
    for (i, tag) in tags.iter().enumerate() {
        if tag.kind == Kind::Close || out.last().is_some_and(|range| range.end > tag.range.start) {
            continue;
        }
        if !is_unwanted(&tag.name) {
            let attributes = tag.attributes.iter().filter(|attribute| is_unwanted(&attribute.name));
            out.extend(attributes.map(|attribute| attribute.range.clone()));
            continue;
        }
        let mut depth = 0_usize;
        let end = tags[i..].iter().find(|other| {
            if text[other.name.clone()] == text[tag.name.clone()] {
                match other.kind {
                    Kind::Open => depth += 1,
                    Kind::Close => depth = depth.saturating_sub(1),
                    Kind::Empty => {}
                }
            }
            depth == 0
        })?;
        out.push(tag.range.start..end.range.end);
    }
    if out.is_empty() {
        return Some(text.into());
    }
    let mut kept = String::new();
    let mut at = 0;
    for range in out {
        kept += &text[at..range.start];
        at = range.end;
    }
    Some((kept + &text[at..]).into())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &str = "<?xpacket begin='\u{FEFF}' id='W5M0MpCehiHzreSzNTczkc9d'?>\n\
        <x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
        <rdf:Description rdf:about='uuid:1' xmlns:e='http://iptc.org/std/Iptc4xmpExt/2008-02-29/'\
        \u{20}xmlns:dc='http://purl.org/dc/elements/1.1/' e:DigitalSourceType='http://x/digitalCapture' dc:format='a>b'>\
        <dc:title>A &lt;bridge&gt;</dc:title><!-- <e:DigitalSourceType> --></rdf:Description>\
        </rdf:RDF></x:xmpmeta>          \n          <?xpacket end='w'?>";

    fn mark(model: &str, fraction: f64) -> Mark {
        Mark { model: model.into(), fraction }
    }

    #[test]
    fn a_mark_goes_in_beside_all_else_and_takes_the_place_of_an_older_one() {
        for packet in [None, Some(PACKET.as_bytes())] {
            assert_eq!(packet.and_then(treatment), None);
            let once = marked(packet, &mark("a@1.0.0", 0.25)).unwrap();
            assert_eq!(treatment(&once).unwrap(), "treated by derust with a@1.0.0, 25.0 % of it");
            let twice = marked(Some(&once), &mark("b@2.0.0", 0.125)).unwrap();
            assert_eq!(treatment(&twice).unwrap(), "treated by derust with b@2.0.0, 25.0 % of it");
            let text = String::from_utf8(twice).unwrap();
            assert_eq!(text.matches(TREATED).count(), 1, "{text}");
            if packet.is_some() {
                assert!(
                    text.contains("<dc:title>A &lt;bridge&gt;</dc:title><!-- <e:Digi")
                        && !text.contains("digitalCapture")
                );
                assert!(text.contains("rdf:about=\"uuid:1\"") && text.contains("dc:format='a>b'"), "{text}");
            }
            assert!(scan(&text).is_some());
        }
        assert_eq!(marked(Some(b"<a"), &mark("a@1.0.0", 0.5)), None);
        assert_eq!(marked(Some(b"\xFE\xFF\0<"), &mark("a@1.0.0", 0.5)), None);
    }

    #[test]
    fn what_other_programs_say_of_networks_is_heard() {
        let says = |kind: &str| {
            let element = format!("<e:DigitalSourceType>http://cv.iptc.org/x/{kind}</e:DigitalSourceType>");
            treatment(
                PACKET
                    .replace(" e:DigitalSourceType='http://x/digitalCapture'", "")
                    .replace("<dc:title>", &format!("{element}<dc:title>"))
                    .as_bytes(),
            )
        };
        assert!(
            says("compositeWithTrainedAlgorithmicMedia").is_some()
                && says("trainedAlgorithmicMedia").is_some()
        );
        assert_eq!((says("negativeFilm"), treatment(b"")), (None, None));
    }

    #[test]
    fn promises_that_no_longer_hold_go_and_others_stay() {
        let packet = PACKET.replace(
            "<dc:title>",
            "<C:Directory xmlns:C='http://ns.google.com/photos/1.0/container/'><rdf:Seq><rdf:li><C:Item/></rdf:li></rdf:Seq>\
             </C:Directory><h:Version xmlns:h='http://ns.adobe.com/hdr-gain-map/1.0/'>1.0</h:Version><dc:title>",
        );
        let packet = packet.replace(
            "dc:format",
            "xmlns:G='http://ns.google.com/photos/1.0/camera/' G:MotionPhoto='1' G:MotionPhotoVersion='1' G:SpecialTypeID='x' dc:format",
        );
        assert_eq!(promises(packet.as_bytes()), (true, true));
        let kept = String::from_utf8(kept_true(packet.as_bytes()).unwrap()).unwrap();
        assert!(
            !kept.contains("Directory") && !kept.contains("MotionPhoto") && !kept.contains("h:Version"),
            "{kept}"
        );
        assert!(kept.contains("G:SpecialTypeID='x'") && kept.contains("<dc:title>A"), "{kept}");
        assert_eq!((kept_true(kept.as_bytes()), promises(kept.as_bytes())), (None, (false, false)));
        assert!((0..packet.len()).all(|end| {
            let cut = &packet.as_bytes()[..end];
            kept_true(cut);
            treatment(cut);
            marked(Some(cut), &mark("a@1.0.0", 0.5));
            true
        }));
    }
}
