//! Names of others in texts for people.

use std::borrow::Cow;

/// The text without characters that would do more than be seen: paths, names and what files say of themselves may hold
/// orders to a terminal, further lines, and marks that turn the text around.
///
/// They are written as JSON writes them, such as `\u001b`, so that a line of JSON stays one and means the same.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            other if is_unseen(other) => shown.push_str(&format!("\\u{:04x}", u32::from(other))),
            other => shown.push(other),
        }
    }
    Cow::Owned(shown)
}

/// Control characters (C0, C1, DEL), what turns the direction of text (Unicode Standard Annex 9), and what ends a line.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_written_out_and_all_else_stays() {
        let plain = "Rost, 锈, Å: /a b/c.onnx \\n “q”";
        assert!(matches!(printable(plain), Cow::Borrowed(text) if text == plain));
        let odd = "a\u{1b}[31mb\nc\td\u{202e}e\u{2066}f\u{9b}g\u{7f}\u{200f}";
        let shown = "a\\u001b[31mb\\nc\\td\\u202ee\\u2066f\\u009bg\\u007f\\u200f";
        assert_eq!(printable(odd), shown);
        assert_eq!(serde_json::from_str::<String>(&format!("\"{shown}\"")).unwrap(), odd);
    }
}
