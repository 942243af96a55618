//! What cannot be used is listed, each with its reason.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use super::super::{Report, UnusableFiles, load_paired, load_unpaired};
use super::{SIZE, folder, hollow_png, mask, options, picture, read};

/// Kind of reason by file name.
fn kinds(report: &Report) -> BTreeMap<String, &'static str> {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    report.unusable.iter().map(|one| (name(&one.file), one.reason.kind())).collect()
}

fn expect(report: &Report, wanted: &[(&str, &'static str)]) {
    let wanted: BTreeMap<String, &str> = wanted.iter().map(|(file, kind)| ((*file).into(), *kind)).collect();
    assert_eq!(kinds(report), wanted);
}

#[test]
fn a_folder_of_masks() {
    let data = folder(&["images", "masks"]);
    let image = |name: &str| data.path().join("images").join(name);
    let label = |name: &str| data.path().join("masks").join(name);
    for name in ["good", "lonely", "narrow", "strange"] {
        picture(SIZE).save(image(&format!("{name}.png"))).unwrap();
    }
    for name in ["good", "orphan", "garbage", "cut", "text"] {
        mask(SIZE).save(label(&format!("{name}.png"))).unwrap();
    }
    picture(SIZE).save(image("broken-mask.png")).unwrap();
    std::fs::write(label("broken-mask.png"), "no picture").unwrap();
    std::fs::write(image("garbage.jpg"), "no picture").unwrap();
    std::fs::write(image("text.txt"), "read me").unwrap();
    picture(SIZE).save(image("cut.jpg")).unwrap();
    let whole = std::fs::read(image("cut.jpg")).unwrap();
    std::fs::write(image("cut.jpg"), &whole[..whole.len() * 3 / 4]).unwrap();
    mask((SIZE.0, SIZE.1 - 1)).save(label("narrow.png")).unwrap();
    image::GrayImage::from_pixel(SIZE.0, SIZE.1, image::Luma([7])).save(label("strange.png")).unwrap();
    picture((90, 20)).save(image("small.png")).unwrap();
    mask((90, 20)).save(label("small.png")).unwrap();
    std::fs::write(image("huge.png"), hollow_png(70_000, 70_000)).unwrap();
    mask(SIZE).save(label("huge.png")).unwrap();
    std::fs::write(image(".hidden"), "not listed").unwrap();

    let (set, report) = read(data.path(), &[]);
    assert_eq!(set.photos.iter().map(|photo| photo.name.as_str()).collect::<Vec<_>>(), ["good"]);
    assert_eq!(report.sizes, [SIZE]);
    expect(
        &report,
        &[
            ("broken-mask.png", "corrupt"),
            ("cut.jpg", "corrupt"),
            ("garbage.jpg", "corrupt"),
            ("huge.png", "too large"),
            ("lonely.png", "no mask"),
            ("narrow.png", "size differs"),
            ("orphan.png", "no picture"),
            ("small.png", "too small"),
            ("strange.png", "unknown class"),
            ("text.txt", "corrupt"),
        ],
    );
    let said = report.unusable.iter().map(|one| one.to_string()).collect::<Vec<_>>().join("\n");
    for part in ["the JPEG file is cut off", "48 x 36 pixels, its labels 48 x 35", "--smallest is 32"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let mut options = options(data.path(), &[]);
    let refused = options.load(1000).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("10 files") && refused.contains("--unusable skip"), "{refused}");
    options.reading.unusable = UnusableFiles::Skip;
    assert_eq!(options.load(1000).unwrap().photos.len(), 1);
    options.reading.smallest = 100;
    let nothing = options.load(1000).map(|_| ()).unwrap_err().to_string();
    assert!(nothing.contains("no picture that can be used"), "{nothing}");
}

#[test]
fn a_coco_file() {
    let data = folder(&[]);
    let names = ["good", "clean", "strange", "far", "box", "empty-box", "odd", "runs", "size", "runs-size"];
    for name in names {
        picture(SIZE).save(data.path().join(format!("{name}.png"))).unwrap();
    }
    picture(SIZE).save(data.path().join("unlisted.png")).unwrap();
    let mut images: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(id, name)| {
            let height = if *name == "size" { SIZE.1 + 2 } else { SIZE.1 };
            json!({"id": id, "file_name": format!("{name}.png"), "width": SIZE.0, "height": height})
        })
        .collect();
    images.push(json!({"id": 50, "file_name": "missing.png"}));
    let id = |name: &str| names.iter().position(|other| *other == name).unwrap();
    let shape = json!([[2.0, 2.0, 20.0, 2.0, 20.0, 20.0]]);
    let annotations = json!([
        {"image_id": id("good"), "category_id": 1, "segmentation": shape},
        {"image_id": id("strange"), "category_id": 5, "segmentation": shape},
        {"image_id": id("far"), "category_id": 1, "segmentation": [[2.0, 2.0, 60.0, 2.0, 20.0, 20.0]]},
        {"image_id": id("box"), "category_id": 1, "bbox": [2.0, 2.0, 9.0, 9.0]},
        {"image_id": id("empty-box"), "category_id": 1, "segmentation": []},
        {"image_id": id("odd"), "category_id": 1, "segmentation": [[2.0, 2.0, 20.0, 2.0, 20.0, 20.0, 4.0]]},
        {"image_id": id("runs"), "category_id": 1, "segmentation": {"counts": [5, 5], "size": [SIZE.1, SIZE.0]}},
        {"image_id": id("runs-size"), "category_id": 1, "segmentation": {"counts": "55", "size": [5, 2]}},
        {"image_id": 99, "category_id": 1, "segmentation": shape},
    ]);
    let file =
        json!({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "rust"}]});
    std::fs::write(data.path().join("rust.json"), file.to_string()).unwrap();
    let (set, report) = read(data.path(), &[]);
    assert_eq!(set.photos.iter().map(|photo| photo.name.as_str()).collect::<Vec<_>>(), ["clean", "good"]);
    assert!(set.photos[0].rust_fraction() == 0.0 && set.photos[1].rust_fraction() > 0.05);
    expect(
        &report,
        &[
            ("box.png", "box only"),
            ("empty-box.png", "box only"),
            ("far.png", "outside the picture"),
            ("missing.png", "no picture"),
            ("odd.png", "malformed label"),
            ("runs-size.png", "size differs"),
            ("runs.png", "malformed label"),
            ("rust.json", "no picture"),
            ("size.png", "size differs"),
            ("strange.png", "unknown class"),
            ("unlisted.png", "no mask"),
        ],
    );
    let wrong = options(data.path(), &["corrosion"]).read(1000).map(|_| ()).unwrap_err().to_string();
    assert!(wrong.contains("no class `corrosion` but rust"), "{wrong}");
    std::fs::write(data.path().join("other.json"), "{}").unwrap();
    let which = options(data.path(), &[]).read(1000).map(|_| ()).unwrap_err().to_string();
    assert!(which.contains("several COCO files"), "{which}");
    let bad = options(&data.path().join("other.json"), &[]).read(1000).map(|_| ()).unwrap_err();
    assert!(bad.to_string().contains("is no COCO file"), "{bad:#}");
}

#[test]
fn yolo_files() {
    let data = folder(&["images", "labels"]);
    let shape = "0.1 0.1 0.5 0.1 0.5 0.5";
    for (name, text) in [
        ("good", format!("0 {shape}\n")),
        ("clean", String::new()),
        ("box", format!("0 {shape}\n0 0.5 0.5 0.2 0.2\n")),
        ("strange", format!("3 {shape}\n")),
        ("far", "0 0.1 0.1 1.5 0.1 0.5 0.5\n".into()),
        ("odd", format!("0 {shape} 0.3\n")),
        ("words", "0 0.1 0.1 right 0.1 0.5 0.5\n".into()),
        ("class", format!("rust {shape}\n")),
        ("line", "0 0.1 0.1\n".into()),
        ("nan", "0 0.1 0.1 NaN 0.1 0.5 0.5\n".into()),
    ] {
        picture(SIZE).save(data.path().join(format!("images/{name}.png"))).unwrap();
        std::fs::write(data.path().join(format!("labels/{name}.txt")), text).unwrap();
    }
    picture(SIZE).save(data.path().join("images/lonely.png")).unwrap();
    std::fs::write(data.path().join("labels/orphan.txt"), "").unwrap();
    let (set, report) = read(data.path(), &[]);
    assert_eq!(set.photos.iter().map(|photo| photo.name.as_str()).collect::<Vec<_>>(), ["clean", "good"]);
    assert!(set.photos[0].rust_fraction() == 0.0 && set.photos[1].rust_fraction() > 0.05);
    expect(
        &report,
        &[
            ("box.png", "box only"),
            ("class.png", "malformed label"),
            ("far.png", "outside the picture"),
            ("line.png", "malformed label"),
            ("lonely.png", "no mask"),
            ("nan.png", "malformed label"),
            ("odd.png", "malformed label"),
            ("orphan.txt", "no picture"),
            ("strange.png", "unknown class"),
            ("words.png", "malformed label"),
        ],
    );
    assert!(report.unusable[0].to_string().contains("box.txt, line 2"), "{}", report.unusable[0]);
    std::fs::write(data.path().join("data.yaml"), "names: [rust").unwrap();
    let bad = options(data.path(), &[]).read(1000).map(|_| ()).unwrap_err();
    assert!(bad.to_string().contains("data.yaml"), "{bad:#}");
}

#[test]
fn folders_of_pairs_and_of_pictures_alone() {
    let data = folder(&["rusty", "clean"]);
    let path = |name: &str| data.path().join(name);
    let mut spotted = picture(SIZE);
    for (x, y) in (10..20).flat_map(|x| (5..15).map(move |y| (x, y))) {
        spotted.put_pixel(x, y, image::Rgb([250, 120, 250]));
    }
    spotted.save(path("rusty/good.png")).unwrap();
    picture(SIZE).save(path("clean/good.png")).unwrap();
    picture(SIZE).save(path("rusty/wide.png")).unwrap();
    picture((SIZE.0 + 1, SIZE.1)).save(path("clean/wide.png")).unwrap();
    picture(SIZE).save(path("rusty/alone.png")).unwrap();
    picture(SIZE).save(path("clean/widow.png")).unwrap();
    picture(SIZE).save(path("rusty/broken.png")).unwrap();
    std::fs::write(path("clean/broken.png"), "no picture").unwrap();
    let reading = options(data.path(), &[]).reading;
    let (pairs, report) = load_paired(&path("rusty"), &path("clean"), 1000, &reading).unwrap();
    expect(
        &report,
        &[
            ("alone.png", "no picture"),
            ("broken.png", "corrupt"),
            ("wide.png", "size differs"),
            ("widow.png", "no picture"),
        ],
    );
    let [pair] = pairs.as_slice() else { panic!("{} pairs", pairs.len()) };
    assert_eq!((pair.rusty.name.as_str(), &pair.clean), ("good", picture(SIZE).as_raw()));
    let labelled = pair.rusty.labels.iter().filter(|&&label| label == 1).count();
    assert!((100..=12 * 12).contains(&labelled), "{labelled} pixels differ");

    let (pictures, report) = load_unpaired(&path("rusty"), 24, &reading).unwrap();
    assert_eq!((pictures.len(), report.unusable.len()), (4, 0));
    assert_eq!((pictures[0].width, pictures[0].height, report.sizes[0]), (24, 18, SIZE));
    std::fs::write(path("rusty/cut.jpg"), [0xff, 0xd8, 0xff]).unwrap();
    let (_, report) = load_unpaired(&path("rusty"), 24, &reading).unwrap();
    expect(&report, &[("cut.jpg", "corrupt")]);
}

#[test]
fn empty_and_unknown_folders() {
    let empty = folder(&["images", "masks"]);
    let said = options(empty.path(), &[]).load(1000).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("no picture that can be used"), "{said}");
    let unknown = folder(&["pictures"]);
    let said = options(unknown.path(), &[]).load(1000).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("images/NAME.jpg and masks/NAME.png"), "{said}");
    let missing = options(&unknown.path().join("missing"), &[]).load(1000).map(|_| ());
    assert!(missing.unwrap_err().to_string().contains("missing"));
    std::fs::write(unknown.path().join("data.csv"), "a,b").unwrap();
    let said = options(&unknown.path().join("data.csv"), &[]).load(1000).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains("neither a data folder"), "{said}");
}
