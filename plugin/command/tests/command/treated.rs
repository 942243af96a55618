//! A picture that was treated says so, and is not graded.

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, rusty};

const SOURCE: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

fn holds(desk: &Desk, name: &str, text: &str) -> bool {
    fs::read(desk.at(name)).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_was_treated_says_so_and_is_not_graded_unless_asked() {
    let desk = Desk::new();
    for extension in ["png", "jpg", "tif", "webp"] {
        let [name, result, plain] = ["p", "p-derusted", "plain"].map(|stem| format!("{stem}.{extension}"));
        rusty(40, 30).save(desk.at(&name)).unwrap();
        desk.succeed(&["remove", &name]);
        for text in [SOURCE, "red-to-gray@", "derust:TreatedFraction=\"0.2"] {
            assert!(holds(&desk, &result, text), "{result}: {text}");
        }
        let said = desk.succeed(&["segment", &result, "-o", "m.png", "--force", "--judge-anyway"]);
        assert!(
            said.contains("not graded") && said.contains("treated by derust with red-to-gray@"),
            "{said}"
        );
        assert!(!said.contains("Ri "), "{said}");
        let json = |arguments: &[&str]| -> Value {
            let all = ["segment", &result, "-o", "m.png", "--force", "--json", "--judge-anyway"];
            serde_json::from_str(&desk.succeed(&[&all[..], arguments].concat())).unwrap()
        };
        let line = json(&[]);
        assert!(line["iso_4628_3"].is_null() && line["astm_d610"].is_null(), "{line}");
        assert!(
            line["rust_fraction"].is_number() && line["treated"].as_str().unwrap().contains("red-to-gray@")
        );
        let line = json(&["--grade-treated"]);
        assert!(line["iso_4628_3"].is_number() && line["treated"].is_string(), "{line}");
        // Who must not say so leaves it out.
        desk.succeed(&["remove", &name, "-o", &plain, "--no-mark"]);
        assert!(!holds(&desk, &plain, "cv.iptc.org"), "{plain}");
    }
    let line: Value = serde_json::from_str(&desk.succeed(&["segment", "p.png", "--json"])).unwrap();
    assert!(line["treated"].is_null() && line["iso_4628_3"].is_number(), "{line}");
    // Where nothing was changed there is nothing to say, and where there is no place it is said here.
    desk.succeed(&["remove", "p.png", "-o", "same.png", "--strength", "0"]);
    assert!(!holds(&desk, "same.png", "cv.iptc.org"));
    assert!(desk.succeed(&["remove", "p.png", "-o", "p.bmp"]).contains("nothing in the file says"));
}
