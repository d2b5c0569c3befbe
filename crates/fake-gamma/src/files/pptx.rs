//! A presentation as OOXML: one master, one layout, one theme, and one slide a card with the title in a text box.

use super::Deck;
use super::zip::Zip;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const NAMES: &str = "xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
    xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\"";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PART: &str = "application/vnd.openxmlformats-officedocument.presentationml";
const EMPTY_TREE: &str =
    "<p:nvGrpSpPr><p:cNvPr id=\"1\" name=\"\"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>";

pub(super) fn write(deck: &Deck) -> Vec<u8> {
    let mut zip = Zip::default();
    let mut part = |name: &str, content: String| zip.add(name, format!("{HEAD}{content}").as_bytes());
    // Readers that look at the first entry expect the content types there.
    part("[Content_Types].xml", content_types(deck.cards));
    part(
        "_rels/.rels",
        relations(&[("officeDocument", "ppt/presentation.xml".to_owned())]),
    );
    part("ppt/presentation.xml", presentation(deck.cards));
    let mut targets = vec![("slideMaster", "slideMasters/slideMaster1.xml".to_owned())];
    targets.extend((1..=deck.cards).map(|card| ("slide", format!("slides/slide{card}.xml"))));
    part("ppt/_rels/presentation.xml.rels", relations(&targets));
    part("ppt/slideMasters/slideMaster1.xml", master());
    let targets = [
        ("slideLayout", "../slideLayouts/slideLayout1.xml".to_owned()),
        ("theme", "../theme/theme1.xml".to_owned()),
    ];
    part(
        "ppt/slideMasters/_rels/slideMaster1.xml.rels",
        relations(&targets),
    );
    part("ppt/slideLayouts/slideLayout1.xml", layout());
    let target = [("slideMaster", "../slideMasters/slideMaster1.xml".to_owned())];
    part("ppt/slideLayouts/_rels/slideLayout1.xml.rels", relations(&target));
    part("ppt/theme/theme1.xml", theme());
    for card in 1..=deck.cards {
        part(
            &format!("ppt/slides/slide{card}.xml"),
            slide(&deck.title, card, deck.cards),
        );
        let target = [("slideLayout", "../slideLayouts/slideLayout1.xml".to_owned())];
        part(
            &format!("ppt/slides/_rels/slide{card}.xml.rels"),
            relations(&target),
        );
    }
    zip.pad(deck.size);
    zip.finish()
}

fn content_types(slides: u64) -> String {
    let part =
        |name: &str, kind: &str| format!("<Override PartName=\"/ppt/{name}\" ContentType=\"{kind}\"/>");
    let mut types = format!(
        "<Types xmlns=\"{PACKAGE}/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Default Extension=\"txt\" ContentType=\"text/plain\"/>"
    );
    types += &part("presentation.xml", &format!("{PART}.presentation.main+xml"));
    types += &part(
        "slideMasters/slideMaster1.xml",
        &format!("{PART}.slideMaster+xml"),
    );
    types += &part(
        "slideLayouts/slideLayout1.xml",
        &format!("{PART}.slideLayout+xml"),
    );
    types += &part(
        "theme/theme1.xml",
        "application/vnd.openxmlformats-officedocument.theme+xml",
    );
    for slide in 1..=slides {
        types += &part(&format!("slides/slide{slide}.xml"), &format!("{PART}.slide+xml"));
    }
    types + "</Types>"
}

/// Relations `rId1`, `rId2` … of a part, in the order given.
fn relations(targets: &[(&str, String)]) -> String {
    let mut relations = format!("<Relationships xmlns=\"{PACKAGE}/relationships\">");
    for (number, (kind, target)) in (1..).zip(targets) {
        relations +=
            &format!("<Relationship Id=\"rId{number}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>");
    }
    relations + "</Relationships>"
}

fn presentation(slides: u64) -> String {
    // Ids of slides begin at 256, and rId1 is the master.
    let slide = |slide: u64| format!("<p:sldId id=\"{}\" r:id=\"rId{}\"/>", 255 + slide, 1 + slide);
    let slides: String = (1..=slides).map(slide).collect();
    format!(
        "<p:presentation {NAMES}><p:sldMasterIdLst><p:sldMasterId id=\"2147483648\" r:id=\"rId1\"/></p:sldMasterIdLst>\
         <p:sldIdLst>{slides}</p:sldIdLst><p:sldSz cx=\"12192000\" cy=\"6858000\"/>\
         <p:notesSz cx=\"6858000\" cy=\"9144000\"/></p:presentation>"
    )
}

fn master() -> String {
    format!(
        "<p:sldMaster {NAMES}><p:cSld><p:spTree>{EMPTY_TREE}</p:spTree></p:cSld>\
         <p:clrMap bg1=\"lt1\" tx1=\"dk1\" bg2=\"lt2\" tx2=\"dk2\" accent1=\"accent1\" accent2=\"accent2\" \
         accent3=\"accent3\" accent4=\"accent4\" accent5=\"accent5\" accent6=\"accent6\" hlink=\"hlink\" \
         folHlink=\"folHlink\"/>\
         <p:sldLayoutIdLst><p:sldLayoutId id=\"2147483649\" r:id=\"rId1\"/></p:sldLayoutIdLst></p:sldMaster>"
    )
}

fn layout() -> String {
    format!(
        "<p:sldLayout {NAMES} type=\"blank\"><p:cSld name=\"Blank\"><p:spTree>{EMPTY_TREE}</p:spTree></p:cSld>\
         <p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sldLayout>"
    )
}

fn slide(title: &str, card: u64, cards: u64) -> String {
    let paragraph = |text: &str| format!("<a:p><a:r><a:rPr lang=\"en-US\"/><a:t>{text}</a:t></a:r></a:p>");
    let text = paragraph(&escape(title)) + &paragraph(&format!("{card} / {cards}"));
    format!(
        "<p:sld {NAMES}><p:cSld><p:spTree>{EMPTY_TREE}<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"Title\"/>\
         <p:cNvSpPr txBox=\"1\"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm><a:off x=\"838200\" y=\"838200\"/>\
         <a:ext cx=\"10515600\" cy=\"1325563\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></p:spPr>\
         <p:txBody><a:bodyPr/><a:lstStyle/>{text}</p:txBody></p:sp></p:spTree></p:cSld>\
         <p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sld>"
    )
}

/// The smallest theme that the schema allows: twelve colours, two fonts, three of each style.
fn theme() -> String {
    let colours = [
        ("dk1", "000000"),
        ("lt1", "FFFFFF"),
        ("dk2", "1F2937"),
        ("lt2", "F3F4F6"),
        ("accent1", "2563EB"),
        ("accent2", "7C3AED"),
        ("accent3", "059669"),
        ("accent4", "D97706"),
        ("accent5", "DC2626"),
        ("accent6", "0891B2"),
        ("hlink", "2563EB"),
        ("folHlink", "7C3AED"),
    ];
    let colour = |(name, rgb): (&str, &str)| format!("<a:{name}><a:srgbClr val=\"{rgb}\"/></a:{name}>");
    let colours: String = colours.into_iter().map(colour).collect();
    let font = "<a:latin typeface=\"Calibri\"/><a:ea typeface=\"\"/><a:cs typeface=\"\"/>";
    let fill = "<a:solidFill><a:schemeClr val=\"phClr\"/></a:solidFill>";
    let (fills, lines) = (
        fill.repeat(3),
        format!("<a:ln w=\"6350\">{fill}</a:ln>").repeat(3),
    );
    let effects = "<a:effectStyle><a:effectLst/></a:effectStyle>".repeat(3);
    format!(
        "<a:theme xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" name=\"Plain\"><a:themeElements>\
         <a:clrScheme name=\"Plain\">{colours}</a:clrScheme><a:fontScheme name=\"Plain\">\
         <a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme>\
         <a:fmtScheme name=\"Plain\"><a:fillStyleLst>{fills}</a:fillStyleLst><a:lnStyleLst>{lines}</a:lnStyleLst>\
         <a:effectStyleLst>{effects}</a:effectStyleLst><a:bgFillStyleLst>{fills}</a:bgFillStyleLst></a:fmtScheme>\
         </a:themeElements></a:theme>"
    )
}

/// Text as XML holds it; control characters have no place there.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slide_is_there_and_announced() {
        let file = write(&Deck {
            title: "R&D".to_owned(),
            cards: 2,
            size: 0,
        });
        let file = String::from_utf8_lossy(&file);
        for wanted in [
            "ppt/slides/slide2.xml",
            "/ppt/slides/slide2.xml\"",
            "Target=\"slides/slide2.xml\"",
            "R&amp;D",
        ] {
            assert!(file.contains(wanted), "{wanted} is missing");
        }
        assert!(!file.contains("slide3.xml"));
    }
}
