//! Whether the coded pixels of a JPEG file are all there (ITU-T T.81, annexes B and F), for files that lack their end.

/// Codes of a Huffman table: how many there are of each length, and what they stand for.
struct Table<'a> {
    counts: &'a [u8],
    symbols: &'a [u8],
}

/// A channel of the picture: its name, and how many of its blocks lie across and down in a unit.
struct Component {
    name: u8,
    across: u32,
    down: u32,
}

struct Bits<'a> {
    bytes: &'a [u8],
    /// Where the next byte is.
    at: usize,
    byte: u8,
    /// Bits of `byte` that are not read yet.
    left: u32,
}

impl<'a> Bits<'a> {
    fn from(bytes: &'a [u8], at: usize) -> Self {
        Bits { bytes, at, byte: 0, left: 0 }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            self.byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if self.byte == 0xFF {
                // It is written with a zero behind it; anything else is a marker, which is no pixels.
                self.bytes.get(self.at).filter(|byte| **byte == 0)?;
                self.at += 1;
            }
            self.left = 8;
        }
        self.left -= 1;
        Some(u32::from(self.byte) >> self.left & 1)
    }

    fn skip(&mut self, count: u8) -> Option<()> {
        (0..count).try_for_each(|_| self.bit().map(drop))
    }

    fn symbol(&mut self, table: &Table<'_>) -> Option<u8> {
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_usize);
        for count in table.counts {
            code = code << 1 | self.bit()?;
            let offset = code.checked_sub(first)?;
            if offset < u32::from(*count) {
                return table.symbols.get(index + offset as usize).copied();
            }
            index += usize::from(*count);
            first = (first + u32::from(*count)) << 1;
        }
        None
    }

    fn block(&mut self, [direct, other]: [&Table<'_>; 2]) -> Option<()> {
        let bits = self.symbol(direct)?;
        self.skip(bits)?;
        let mut at = 1;
        while at < 64 {
            let symbol = self.symbol(other)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => at += 16,
                (_, 0) => break,
                (zeros, bits) => {
                    at += usize::from(zeros) + 1;
                    self.skip(bits)?;
                }
            }
        }
        Some(())
    }
}

/// Whether all pixels of a file are there that was coded in one pass and does not end as it should.
pub fn is_whole(bytes: &[u8]) -> bool {
    whole(bytes).unwrap_or(false)
}

fn whole(bytes: &[u8]) -> Option<bool> {
    let mut tables: [Option<Table<'_>>; 8] = Default::default();
    let mut frame: Option<(u32, u32, Vec<Component>)> = None;
    let mut restart = 0;
    let mut at = 2;
    loop {
        let [0xFF, marker, high, low] = *bytes.get(at..at + 4)? else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let content = bytes.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        match marker {
            0xC4 => {
                let mut rest = content;
                while let [kind, after @ ..] = rest {
                    let counts = after.get(..16)?;
                    let total = counts.iter().map(|count| usize::from(*count)).sum::<usize>();
                    let symbols = after.get(16..16 + total)?;
                    tables[usize::from((kind >> 4 & 1) * 4 + (kind & 3))] = Some(Table { counts, symbols });
                    rest = &after[16 + total..];
                }
            }
            0xC0 | 0xC1 => {
                let number = |at: usize| {
                    Some(u32::from(u16::from_be_bytes([*content.get(at)?, *content.get(at + 1)?])))
                };
                let component = |c: &[u8]| Component {
                    name: c[0],
                    across: u32::from(c[1] >> 4),
                    down: u32::from(c[1] & 15),
                };
                let components = content.get(6..)?.chunks_exact(3).map(component).collect();
                frame = Some((number(3)?, number(1)?, components));
            }
            // Several passes.
            0xC2..=0xCF if marker != 0xCC => return None,
            0xDD => restart = u32::from(u16::from_be_bytes([*content.first()?, *content.get(1)?])),
            0xDA => {
                let (width, height, components) = frame?;
                let scan: Vec<&[u8]> =
                    content.get(1..)?.chunks_exact(2).take(usize::from(content[0])).collect();
                return (scan.len() == components.len())
                    .then(|| pixels(&bytes[at..], (width, height), &components, &scan, &tables, restart))?;
            }
            _ => {}
        }
    }
}

fn pixels(
    bytes: &[u8],
    (width, height): (u32, u32),
    components: &[Component],
    scan: &[&[u8]],
    tables: &[Option<Table<'_>>; 8],
    restart: u32,
) -> Option<bool> {
    let most = |side: fn(&Component) -> u32| components.iter().map(side).max().filter(|most| *most > 0);
    let (across, down) = (most(|c| c.across)?, most(|c| c.down)?);
    // Alone, a channel has no units of several blocks.
    let alone = components.len() == 1;
    let (across, down) = if alone { (1, 1) } else { (across, down) };
    let units = width.div_ceil(8 * across).checked_mul(height.div_ceil(8 * down))?;
    let mut bits = Bits::from(bytes, 0);
    for unit in 0..units {
        if restart > 0 && unit > 0 && unit % restart == 0 {
            let [0xFF, 0xD0..=0xD7] = *bytes.get(bits.at..bits.at + 2)? else { return None };
            bits = Bits::from(bytes, bits.at + 2);
        }
        for chosen in scan {
            let component = components.iter().find(|component| component.name == chosen[0])?;
            let table = |kind: u8, number: u8| tables.get(usize::from(kind * 4 + (number & 3)))?.as_ref();
            let both = [table(0, chosen[1] >> 4)?, table(1, chosen[1] & 15)?];
            let blocks = if alone { 1 } else { component.across * component.down };
            (0..blocks).try_for_each(|_| bits.block(both))?;
        }
    }
    // What is left of the last byte is filling, and the first byte of the end may be there.
    let rest = &bytes[bits.at..];
    Some(rest.is_empty() || rest == [0xFF])
}
