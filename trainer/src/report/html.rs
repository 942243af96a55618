//! Pages that open without a network: one file, no scripts, pictures inside.

use std::fmt::Write;

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};

use crate::report::sheet::{Group, strip};
use crate::report::table::Table;
use crate::whole_file::encoded;

/// JPEG quality of photos.
const QUALITY: u8 = 88;

const STYLE: &str = "
:root { color-scheme: light dark; --ground: #fff; --ink: #1d2125; --soft: #5c6670; --line: #d9dee3; --card: #f5f7f9;
  --best: #d8f0e4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #15181b; --ink: #e6e9ec; --soft: #9aa5af; --line: #343a40; --card: #1f2428; --best: #17402f; }
  /* Charts are drawn on white. */
  img.chart { filter: invert(0.9) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
p { margin: 0.4rem 0; max-width: 46rem; }
.soft { color: var(--soft); overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0.6rem; margin: 1rem 0; }
.card { background: var(--card); border-radius: 8px; padding: 0.6rem 0.8rem; }
.card b { display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.card span { display: block; font-size: 0.85rem; color: var(--soft); }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.best { background: var(--best); font-weight: 600; }
img { max-width: 100%; height: auto; display: block; border-radius: 6px; }
.charts, .gallery { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.wide img { width: 100%; }
figure { margin: 0; }
figcaption { font-size: 0.85rem; color: var(--soft); overflow-wrap: anywhere; padding-top: 0.25rem; }
";

/// A figure that is shown large.
#[derive(Clone, Debug)]
pub struct Card {
    /// What it is.
    pub label: String,
    /// Its value.
    pub value: String,
    /// What else is to be known: a range, a unit.
    pub note: String,
}

/// A page while it is written.
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// A page with this title.
    pub fn new(title: &str, subtitle: &str) -> Self {
        let mut page = Page { title: title.into(), body: format!("<h1>{}</h1>\n", escaped(title)) };
        page.note(subtitle);
        page
    }

    /// Begins a section.
    pub fn heading(&mut self, text: &str) {
        self.push(format_args!("<h2>{}</h2>\n", escaped(text)));
    }

    /// A paragraph that explains.
    pub fn note(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(format_args!("<p class=\"soft\">{}</p>\n", escaped(text)));
        }
    }

    /// Figures, large.
    pub fn cards(&mut self, cards: &[Card]) {
        self.body += "<div class=\"cards\">\n";
        for Card { label, value, note } in cards {
            let [label, value, note] = [label, value, note].map(|text| escaped(text));
            self.push(format_args!(
                "<div class=\"card\"><span>{label}</span><b>{value}</b><span>{note}</span></div>\n"
            ));
        }
        self.body += "</div>\n";
    }

    /// A table; wide ones are scrolled by themselves.
    pub fn table(&mut self, table: &Table) {
        self.body += "<div class=\"table\"><table>\n<thead><tr>";
        for name in &table.head {
            self.push(format_args!("<th>{}</th>", escaped(name)));
        }
        self.body += "</tr></thead>\n<tbody>\n";
        for row in &table.rows {
            self.body += "<tr>";
            for cell in row {
                let class = if cell.best { " class=\"best\"" } else { "" };
                self.push(format_args!("<td{class}>{}</td>", escaped(&cell.text)));
            }
            self.body += "</tr>\n";
        }
        self.body += "</tbody></table></div>\n";
    }

    /// Charts beside each other where there is room; each with a text for those who do not see it.
    ///
    /// # Errors
    /// When a chart has no pixels.
    pub fn charts<'a>(&mut self, charts: impl IntoIterator<Item = (&'a str, &'a RgbImage)>) -> Result<()> {
        self.body += "<div class=\"charts\">\n";
        for (text, chart) in charts {
            let png = encoded(&chart.clone().into(), ImageFormat::Png)?;
            self.picture("chart", text, "image/png", &png, chart.dimensions());
        }
        self.body += "</div>\n";
        Ok(())
    }

    /// Groups of photos, each with its caption.
    ///
    /// # Errors
    /// When a group has no pixels.
    pub fn gallery(&mut self, groups: &[Group], side: u32) -> Result<()> {
        self.body += "<div class=\"gallery wide\">\n";
        for group in groups {
            let picture = strip(group, side);
            let mut jpeg = vec![];
            picture.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, QUALITY))?;
            self.body += "<figure>";
            self.picture("photo", &group.caption, "image/jpeg", &jpeg, picture.dimensions());
            self.push(format_args!("<figcaption>{}</figcaption></figure>\n", escaped(&group.caption)));
        }
        self.body += "</div>\n";
        Ok(())
    }

    fn picture(&mut self, class: &str, text: &str, kind: &str, content: &[u8], (width, height): (u32, u32)) {
        self.push(format_args!(
            "<img class=\"{class}\" alt=\"{}\" width=\"{width}\" height=\"{height}\" src=\"data:{kind};base64,{}\">\n",
            escaped(text),
            STANDARD.encode(content)
        ));
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        self.body.write_fmt(text).expect("a text takes more text");
    }

    /// The file's content.
    pub fn finish(self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n\
             <body>\n{}</body>\n</html>\n",
            escaped(&self.title),
            self.body
        )
    }
}

/// A text as it stands in HTML, inside of quotation marks too.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::report::table::Cell;

    #[test]
    fn a_page_holds_everything_itself_and_nothing_breaks_out_of_its_place() {
        let mut page = Page::new("A <script>alert(1)</script> & more", "said \"so\"");
        page.heading("Figures");
        page.cards(&[Card { label: "IoU".into(), value: "0.66".into(), note: "0.6 to 0.7".into() }]);
        let rows = vec![vec![Cell::from("a<b"), Cell { text: "1".into(), best: true }]];
        page.table(&Table { head: vec!["".into(), "x".into()], rows });
        let picture = RgbImage::from_pixel(8, 4, Rgb([200, 100, 50]));
        page.charts([("a chart", &picture)]).unwrap();
        page.gallery(&[Group { pictures: vec![picture.clone(), picture], caption: "x\">y".into() }], 8)
            .unwrap();
        let html = page.finish();
        for wanted in [
            "<meta name=\"viewport\"",
            "prefers-color-scheme: dark",
            "<b>0.66</b>",
            "<td>a&lt;b</td><td class=\"best\">1</td>",
            "alt=\"x&quot;&gt;y\" width=\"18\" height=\"4\" src=\"data:image/jpeg;base64,/9j/",
            "src=\"data:image/png;base64,iVBORw0KGgo",
        ] {
            assert!(html.contains(wanted), "{wanted} is missing in {html}");
        }
        for unwanted in ["<script", "http:", "https:", "//", "url(", "<link", "@import"] {
            let without_pictures: String =
                html.split("base64,").map(|part| part.split_once('"').map_or(part, |p| p.1)).collect();
            assert!(!without_pictures.contains(unwanted), "{unwanted} in {html}");
        }
    }
}
