//! What the users of the renderer rely on.

use derust_render::{Set, clutter, object, scene, texture};
use image::GenericImageView;

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
}

fn fraction(mask: &image::GrayImage) -> f64 {
    mask.iter().filter(|&&m| m == 255).count() as f64 / mask.len() as f64
}

#[test]
fn the_same_seed_gives_the_same_bits_everywhere() {
    let mut bytes = Vec::new();
    for seed in 0..8 {
        let scene = scene(seed, 48, 40);
        bytes.extend_from_slice(&scene.rusty);
        bytes.extend_from_slice(&scene.clean);
        bytes.extend_from_slice(&scene.mask);
        let texture = texture(seed, 40, 48);
        bytes.extend_from_slice(&texture.colour);
        bytes.extend_from_slice(&texture.coverage);
        bytes.extend_from_slice(&clutter(seed, 44, 44));
    }
    let hash = fnv1a(&bytes);
    // Changes with every change of the look: then print the new one here, on purpose.
    assert_eq!(hash, GOLDEN, "the renderer's output changed: its hash is now {hash:#018x}");
}

const GOLDEN: u64 = 0x68a4_b6c6_51f3_bdeb;

#[test]
fn rusty_equals_clean_outside_the_mask_and_differs_inside() {
    for seed in 0..24 {
        let scene = scene(seed, 96, 80);
        let mut changed = 0;
        let mut inside = 0;
        for (x, y, mask) in scene.mask.enumerate_pixels() {
            let (rusty, clean) = (scene.rusty.get_pixel(x, y), scene.clean.get_pixel(x, y));
            match mask.0[0] {
                0 => assert_eq!(rusty, clean, "seed {seed} differs outside the mask at {x}, {y}"),
                255 => {
                    inside += 1;
                    changed += usize::from(rusty != clean);
                }
                other => panic!("seed {seed} has {other} in its mask"),
            }
        }
        assert!(changed * 10 >= inside * 8, "seed {seed}: only {changed} of {inside} masked pixels differ");
    }
}

#[test]
fn objects_rust_as_a_whole_and_keep_their_shape() {
    let (mut whole, mut with_holes, mut with_print) = (0, 0, 0);
    for set in [Set::Training, Set::Measuring] {
        for seed in 0..40 {
            let object = object(set, seed, 96, 80);
            let scene = &object.scene;
            for (x, y, mask) in scene.mask.enumerate_pixels() {
                let same = scene.rusty.get_pixel(x, y) == scene.clean.get_pixel(x, y);
                assert!(mask.0[0] == 255 || same, "{set:?} {seed} differs outside the mask at {x}, {y}");
                let marks = [&object.holes, &object.print].map(|marks| marks.get_pixel(x, y).0[0]);
                assert!(mask.0[0] == 255 || marks == [0, 0], "{set:?} {seed}: {marks:?} beside the rust");
            }
            whole += usize::from(fraction(&scene.mask) > 0.3);
            with_holes += usize::from(fraction(&object.holes) > 0.002);
            with_print += usize::from(fraction(&object.print) > 0.002);
        }
    }
    assert!(whole > 20 && with_holes > 6 && with_print > 10, "{whole} {with_holes} {with_print}");
}

#[test]
fn what_is_measured_on_was_never_learned_from() {
    // The same seed, so the same drawing of lots: other things come of it in each set.
    for seed in 0..20 {
        let [learned, measured] = [Set::Training, Set::Measuring].map(|set| object(set, seed, 64, 64));
        assert!(learned.scene.clean != measured.scene.clean, "seed {seed}");
    }
}

#[test]
fn the_amount_of_rust_varies_and_some_scenes_have_none() {
    let fractions: Vec<f64> = (0..200).map(|seed| fraction(&scene(seed, 48, 48).mask)).collect();
    let none = fractions.iter().filter(|&&f| f == 0.0).count();
    let little = fractions.iter().filter(|&&f| f > 0.0 && f < 0.1).count();
    let much = fractions.iter().filter(|&&f| f > 0.3).count();
    assert!((8..=50).contains(&none), "{none} of 200 scenes have no rust");
    assert!(little >= 30, "{little} of 200 scenes have little rust");
    assert!(much >= 20, "{much} of 200 scenes have much rust");
}

#[test]
fn every_size_works() {
    for (width, height) in [(1, 1), (1, 500), (500, 1), (2, 2), (3, 7), (133, 97), (17, 250)] {
        for seed in 0..16 {
            let scene = scene(seed, width, height);
            assert_eq!(scene.rusty.dimensions(), (width, height));
            assert_eq!(scene.clean.dimensions(), (width, height));
            assert_eq!(scene.mask.dimensions(), (width, height));
            let texture = texture(seed, width, height);
            assert_eq!(texture.colour.dimensions(), (width, height));
            assert_eq!(texture.coverage.dimensions(), (width, height));
            assert_eq!(clutter(seed, width, height).dimensions(), (width, height));
        }
    }
}

#[test]
#[should_panic(expected = "has no pixels")]
fn a_picture_without_pixels_is_refused() {
    scene(0, 0, 5);
}

#[test]
fn textures_cover_some_of_the_picture_and_never_all() {
    for seed in 0..60 {
        let texture = texture(seed, 96, 96);
        let mean = texture.coverage.iter().map(|&c| f64::from(c)).sum::<f64>() / (255.0 * 96.0 * 96.0);
        assert!((0.002..0.9).contains(&mean), "seed {seed} covers {mean:.3}");
    }
}

#[test]
fn seeds_differ() {
    for seed in 0..20 {
        assert_ne!(clutter(seed, 32, 32), clutter(seed + 1, 32, 32));
        assert_ne!(scene(seed, 32, 32).clean, scene(seed + 1, 32, 32).clean);
        assert_ne!(texture(seed, 32, 32), texture(seed + 1, 32, 32));
        let picture = clutter(seed, 32, 32);
        let first = picture.get_pixel(0, 0);
        assert!(picture.pixels().any(|p| p != first), "clutter {seed} is one flat colour");
    }
}

#[test]
fn rust_is_redder_than_what_it_covers() {
    let (mut redder, mut all) = (0.0, 0.0);
    for seed in 0..40 {
        let scene = scene(seed, 64, 64);
        for (x, y, _) in scene.mask.view(0, 0, 64, 64).pixels().filter(|(.., m)| m.0[0] == 255) {
            let warmth = |p: &image::Rgb<u8>| (f64::from(p.0[0]) + 1.0) / (f64::from(p.0[2]) + 1.0);
            all += 1.0;
            redder += f64::from(u8::from(
                warmth(scene.rusty.get_pixel(x, y)) > warmth(scene.clean.get_pixel(x, y)),
            ));
        }
    }
    assert!(redder > 0.75 * all, "{redder} of {all} rusted pixels are warmer than the clean ones");
}
