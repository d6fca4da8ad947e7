//! Contrast of the style sheet's colors.

use std::collections::BTreeMap;

use super::STYLE;

/// For text of any size: <https://www.w3.org/TR/WCAG22/#contrast-minimum>.
const ENOUGH: f64 = 4.5;

/// Colors behind text, and of what is not text.
const BACKGROUNDS: [&str; 2] = ["page", "card"];
const LINES: [&str; 1] = ["line"];

/// The colors of the light, the dark and the print layout.
fn schemes() -> Vec<BTreeMap<&'static str, &'static str>> {
    let blocks = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap());
    let colors = blocks.map(|block| {
        let lines = block.split(';').filter_map(|line| line.trim().strip_prefix("--"));
        lines.map(|line| line.split_once(": ").unwrap()).collect()
    });
    colors.collect()
}

/// <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>
fn luminance(color: &str) -> f64 {
    let digits = color.strip_prefix('#').unwrap();
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_has_enough_contrast_with_its_background() {
    let schemes = schemes();
    assert_eq!(schemes.len(), 3);
    for colors in schemes {
        let texts =
            colors.iter().filter(|(name, _)| !BACKGROUNDS.contains(name) && !LINES.contains(name));
        for (name, color) in texts {
            for background in BACKGROUNDS {
                let contrast = contrast(color, colors[background]);
                assert!(contrast >= ENOUGH, "{name} {color} on {background}: {contrast:.2}");
            }
        }
    }
}

#[test]
fn black_on_white_has_the_highest_contrast() {
    assert_eq!((contrast("#000000", "#ffffff") * 10.0).round(), 210.0);
    assert_eq!((contrast("#777777", "#ffffff") * 100.0).round(), 448.0);
}
