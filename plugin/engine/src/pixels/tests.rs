use super::*;

const ALL_CHANNELS: [Channels; 5] =
    [Channels::Gray, Channels::Rgb, Channels::Bgr, Channels::Rgba, Channels::Bgra];
const ALL_DEPTHS: [Depth; 3] = [Depth::U8, Depth::U16, Depth::F32];

/// A buffer and a layout with gaps between pixels and rows, upside down if asked.
fn strided(channels: Channels, depth: Depth, upside_down: bool) -> (Vec<u8>, Layout) {
    let (width, height) = (7_u32, 5_u32);
    let pixel_stride = channels.count() * depth.bytes() + 3;
    let row = width as usize * pixel_stride + 11;
    let mut layout = Layout::packed(width, height, channels, depth);
    layout.pixel_stride = pixel_stride;
    layout.row_stride = if upside_down { -(row as isize) } else { row as isize };
    layout.offset = if upside_down { 5 + row * (height as usize - 1) } else { 5 };
    let mut data = vec![0; 5 + row * height as usize];
    for (i, byte) in data.iter_mut().enumerate() {
        *byte = (i * 37 % 251) as u8;
    }
    if depth == Depth::F32 {
        for y in 0..height as isize {
            for x in 0..width as usize {
                let pixel = (layout.offset as isize + y * layout.row_stride) as usize + x * pixel_stride;
                for channel in 0..channels.count() {
                    let value = (pixel * 7 % 101) as f32 / 101.0 + channel as f32 * 1e-3;
                    data[pixel + 4 * channel..][..4].copy_from_slice(&value.to_ne_bytes());
                }
            }
        }
    }
    (data, layout)
}

#[test]
fn colours_come_back_bit_for_bit_when_a_row_is_blended_with_itself() {
    for channels in ALL_CHANNELS.into_iter().skip(1) {
        for depth in ALL_DEPTHS {
            for upside_down in [false, true] {
                let (mut data, layout) = strided(channels, depth, upside_down);
                let before = data.clone();
                let mut colours = [[0.0; 3]; 7];
                let mut picture = PictureMut::new(&mut data, layout).unwrap();
                for y in 0..5 {
                    picture.as_picture().read_colours(y, &mut colours);
                    picture.blend(y, &[1.0; 7], &colours).unwrap();
                }
                assert_eq!(data, before, "{channels:?} {depth:?} upside down: {upside_down}");
            }
        }
    }
}

#[test]
fn only_pixels_with_an_amount_change_and_alpha_and_gaps_never() {
    for channels in ALL_CHANNELS {
        for depth in ALL_DEPTHS {
            for upside_down in [false, true] {
                let (mut data, mut layout) = strided(channels, depth, upside_down);
                layout.region = Some(Region { x: 1, y: 1, width: 4, height: 3 });
                let before = data.clone();
                let mut picture = PictureMut::new(&mut data, layout).unwrap();
                picture.blend(2, &[0.0, 1.0, 0.0, 0.5], &[[0.25, 0.5, 0.125]; 4]).unwrap();
                let row = (layout.offset as isize + 3 * layout.row_stride) as usize;
                let pixel = |x: usize| row + x * layout.pixel_stride;
                let colour_bytes = channels.count().min(3) * depth.bytes();
                let allowed = [2, 4].map(|x| pixel(x)..pixel(x) + colour_bytes);
                let changed: Vec<usize> = (0..data.len()).filter(|&i| data[i] != before[i]).collect();
                assert!(changed.iter().all(|i| allowed.iter().any(|range| range.contains(i))), "{layout:?}");
                assert!(allowed.iter().all(|range| changed.iter().any(|i| range.contains(i))), "{layout:?}");
            }
        }
    }
}

#[test]
fn channel_orders_name_the_same_colour() {
    let colour = |bytes: &[u8], channels| {
        let mut out = [[0.0; 3]];
        Picture::new(bytes, Layout::packed(1, 1, channels, Depth::U8)).unwrap().read_colours(0, &mut out);
        out[0].map(|value| (value * 255.0).round() as u8)
    };
    assert_eq!(colour(&[10, 20, 30], Channels::Rgb), [10, 20, 30]);
    assert_eq!(colour(&[30, 20, 10], Channels::Bgr), [10, 20, 30]);
    assert_eq!(colour(&[10, 20, 30, 0], Channels::Rgba), [10, 20, 30]);
    assert_eq!(colour(&[30, 20, 10, 0], Channels::Bgra), [10, 20, 30]);
    assert_eq!(colour(&[10], Channels::Gray), [10, 10, 10]);
}

#[test]
fn float_pictures_keep_their_excess_and_what_is_no_number() {
    let values = [1.5_f32, -0.25, f32::NAN, f32::INFINITY, 0.5, 0.5];
    let mut data: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let layout = Layout::packed(2, 1, Channels::Rgb, Depth::F32);
    let mut seen = [[0.0; 3]; 2];
    let mut picture = PictureMut::new(&mut data, layout).unwrap();
    picture.as_picture().read_colours(0, &mut seen);
    assert_eq!(seen, [[1.0, 0.0, 0.0], [1.0, 0.5, 0.5]]);
    picture.blend(0, &[1.0; 2], &[[0.5; 3], [0.25; 3]]).unwrap();
    let after: Vec<f32> = data.chunks(4).map(f32::load).collect();
    assert_eq!([after[0], after[1]], [1.0, 0.25], "the excess of 0.5 and -0.25 lies on top of the fill");
    assert!(after[2].is_nan() && after[3] == f32::INFINITY);
    assert_eq!(after[4..], [0.25, 0.25]);
}

#[test]
fn linear_and_premultiplied_pixels_are_seen_and_written_in_their_own_terms() {
    let values = [0.214_041_f32 * 0.5, 0.0, 0.5, 0.5];
    let mut data: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    let mut layout = Layout::packed(1, 1, Channels::Rgba, Depth::F32);
    (layout.transfer, layout.alpha) = (Transfer::Linear, AlphaKind::Premultiplied);
    let mut picture = PictureMut::new(&mut data, layout).unwrap();
    let mut seen = [[0.0; 3]];
    picture.as_picture().read_colours(0, &mut seen);
    assert!(
        (seen[0][0] - 0.5).abs() < 1e-4 && seen[0][1] == 0.0 && (seen[0][2] - 1.0).abs() < 1e-6,
        "{seen:?}"
    );
    picture.blend(0, &[1.0], &[[0.5, 0.5, 0.5]]).unwrap();
    let after: Vec<f32> = data.chunks(4).map(f32::load).collect();
    assert!(after[..3].iter().all(|value| (value - 0.214_041 * 0.5).abs() < 1e-4), "{after:?}");
    assert_eq!(after[3], 0.5);
}

#[test]
fn impossible_layouts_are_refused() {
    let good = Layout::packed(4, 3, Channels::Rgb, Depth::U16);
    let check = |layout: Layout| Picture::new(&[0; 72], layout).map(|picture| picture.size());
    assert_eq!(check(good), Ok((4, 3)));
    let region = |x, y, width, height| Some(Region { x, y, width, height });
    assert_eq!(check(Layout { region: region(1, 1, 3, 2), ..good }), Ok((3, 2)));
    for bad in [
        Layout { width: 0, ..good },
        Layout { height: 4, ..good },
        Layout { offset: 1, ..good },
        Layout { offset: usize::MAX, ..good },
        Layout { row_stride: 23, ..good },
        Layout { row_stride: -24, ..good },
        Layout { row_stride: isize::MIN, ..good },
        Layout { row_stride: isize::MAX, height: u32::MAX, ..good },
        Layout { pixel_stride: 5, ..good },
        Layout { pixel_stride: usize::MAX, width: u32::MAX, ..good },
        Layout { region: region(0, 0, 0, 1), ..good },
        Layout { region: region(2, 0, 3, 1), ..good },
        Layout { region: region(u32::MAX, 0, 2, 1), ..good },
        Layout::packed(u32::MAX, u32::MAX, Channels::Rgba, Depth::F32),
    ] {
        assert!(check(bad).is_err(), "{bad:?}");
    }
    assert_eq!(check(Layout { row_stride: -24, offset: 48, ..good }), Ok((4, 3)));
}

#[test]
fn rows_that_are_there_one_by_one_are_read_and_written_as_a_buffer_is() {
    for channels in ALL_CHANNELS {
        for depth in ALL_DEPTHS {
            let (data, mut layout) = strided(channels, depth, true);
            layout.region = Some(Region { x: 1, y: 1, width: 4, height: 3 });
            let whole = Picture::new(&data, layout).unwrap();
            let rows: Vec<&[u8]> = (0..3).map(|y| whole.data.row(&whole.grid, y)).collect();
            // Nothing of the buffer counts any more.
            let by_rows = Layout { offset: 77_777, row_stride: 1, ..layout };
            let picture = Picture::from_rows(&rows, by_rows).unwrap();
            let [mut one, mut other] = [[[0.0; 3]; 4]; 2];
            let (mut blended, mut apart) =
                (data.clone(), rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
            let mut target = PictureMut::new(&mut blended, layout).unwrap();
            let mut slices: Vec<&mut [u8]> = apart.iter_mut().map(|row| &mut row[..]).collect();
            let mut written = PictureMut::from_rows(&mut slices, by_rows).unwrap();
            for y in 0..3 {
                whole.read_colours(y, &mut one);
                picture.read_colours(y, &mut other);
                assert_eq!(format!("{one:?}"), format!("{other:?}"));
                target.blend(y, &[0.0, 0.5, 1.0, 0.25], &[[0.1, 0.5, 0.9]; 4]).unwrap();
                written.blend(y, &[0.0, 0.5, 1.0, 0.25], &[[0.1, 0.5, 0.9]; 4]).unwrap();
                written.as_picture().read_colours(y, &mut other);
                target.as_picture().read_colours(y, &mut one);
                assert_eq!(format!("{one:?}"), format!("{other:?}"));
            }
            let short = &rows[0][1..];
            let got = Picture::from_rows(&rows[1..], layout).unwrap_err();
            assert_eq!(got, PixelsError::Rows { got: 2, needed: 3 });
            let wrong = [rows[0], short, rows[2]];
            assert!(matches!(Picture::from_rows(&wrong, layout), Err(PixelsError::RowLength { .. })));
        }
    }
}
