//! Data sets as the trainer's users have them: looked at before a training, and previewed.

use crate::common::{rendered, text, trainer};

/// Photos that are wider than high.
const SIZE: (u32, u32) = (96, 80);

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = trainer(arguments);
    let said = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), said(output.stdout), said(output.stderr))
}

#[test]
fn check_says_what_there_is_and_fails_on_what_cannot_be_used() {
    let data = rendered(6, SIZE);
    let path = text(data.path());
    let (code, said, _) = run(&["check", "--data", path]);
    assert_eq!(code, Some(0));
    for part in ["6 pictures, labels: masks", "all of 96 x 80 pixels", "class 1, rust: ", "in 6 pictures"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    std::fs::write(data.path().join("images/broken.jpg"), "no picture").unwrap();
    std::fs::remove_file(data.path().join("masks/002.png")).unwrap();
    let (code, said, errors) = run(&["check", "--data", path]);
    assert_eq!(code, Some(1));
    for part in ["5 pictures", "2 files cannot be used: ", "broken.jpg: no mask: ", "002.png: no mask: "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(errors.contains("--unusable skip") && errors.trim().lines().count() == 1, "{errors}");
    assert_eq!(run(&["check", "--data", path, "--unusable", "skip"]).0, Some(0));
    let (code, _, errors) = run(&["check", "--data", path, "--unusable", "skip", "--smallest", "90"]);
    assert_eq!(code, Some(1), "nothing can be used");
    assert!(errors.contains("no picture that can be used"), "{errors}");

    let images = data.path().join("images");
    let pictures = ["check", "--data", text(&images), "--unlabelled", "--unusable", "skip"];
    assert!(run(&pictures).1.contains("6 pictures, labels: none"));
    let pairs = ["check", "--data", text(&images), "--clean", text(&images), "--unusable", "skip"];
    assert!(run(&pairs).1.contains("class 1, differing: 0.00 %"));
}

#[test]
fn a_value_out_of_its_range_is_named() {
    let data = rendered(2, SIZE);
    let call = ["preview", "segment", "--data", text(data.path()), "-o", "x.png"];
    for (option, value) in [("--augment-flip", "2"), ("--negatives", "1.5"), ("--classes", "=3")] {
        let (code, _, errors) = run(&[&call[..], &[option, value]].concat());
        assert!(code == Some(1) && errors.contains(option) && errors.trim().lines().count() == 1, "{errors}");
    }
    let missing = [&call[..], &["--textures", "nowhere"]].concat();
    assert!(run(&missing).2.contains("cannot read the folder nowhere"));
}
