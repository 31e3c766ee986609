//! How mails look to whom they are sent: the product's name, logo, colours, sender, support and footer. The operator sets a
//! brand for all tenants, a tenant what differs. Rosterd's own name is in a mail only where that is wanted.

use serde::{Deserialize, Serialize};

/// Longest name, in characters.
const NAME: usize = 60;
/// Longest link, in bytes.
const LINK: usize = 500;
/// Longest footer, in characters.
const FOOTER: usize = 500;

/// A brand; what is absent is taken from the operator's, and else left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Brand {
    /// What the product is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its logo: an https:// address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Colour of buttons and links: `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Colour around the letter: `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    /// Name of the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Where one finds help: an https:// or mailto: address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// What stands below, such as the company's name and address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footer: Option<String>,
    /// Whether Rosterd is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names_rosterd: Option<bool>,
}

impl Brand {
    /// This brand, with what it lacks from another.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            product: self.product.or(other.product),
            logo: self.logo.or(other.logo),
            color: self.color.or(other.color),
            background: self.background.or(other.background),
            sender: self.sender.or(other.sender),
            support: self.support.or(other.support),
            footer: self.footer.or(other.footer),
            names_rosterd: self.names_rosterd.or(other.names_rosterd),
        }
    }

    /// Nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Refuses a value that breaks its rule.
    ///
    /// # Errors
    /// The name of the value and its rule.
    pub fn check(&self) -> Result<(), String> {
        for (name, text) in [("product", &self.product), ("sender", &self.sender)] {
            if text.as_ref().is_some_and(|text| !is_line(text, NAME)) {
                return Err(format!("`{name}` takes one line of 1 to {NAME} characters"));
            }
        }
        let is_web = |text: &&String| is_link(text, &["https://"]);
        if self.logo.as_ref().is_some_and(|logo| !is_web(&logo)) {
            return Err(format!(
                "`logo` takes an https:// address of at most {LINK} bytes"
            ));
        }
        let is_help = |text: &String| is_link(text, &["https://", "mailto:"]);
        if self.support.as_ref().is_some_and(|link| !is_help(link)) {
            return Err(format!(
                "`support` takes an https:// or mailto: address of at most {LINK} bytes"
            ));
        }
        for (name, text) in [("color", &self.color), ("background", &self.background)] {
            if text.as_ref().is_some_and(|text| channels(text).is_none()) {
                return Err(format!("`{name}` takes a colour such as #1f4fd8"));
            }
        }
        let is_footer = |text: &String| {
            let is_plain = |c: char| c == '\n' || !c.is_control();
            (1..=FOOTER).contains(&text.chars().count()) && text.chars().all(is_plain)
        };
        if self.footer.as_ref().is_some_and(|text| !is_footer(text)) {
            return Err(format!("`footer` takes 1 to {FOOTER} characters"));
        }
        Ok(())
    }

    /// White or black: what can be read on the colour.
    pub fn on_color(color: &str) -> &'static str {
        // Relative luminance and contrast as WCAG 2 defines them; at this luminance both have the same contrast.
        let linear = |byte: u8| {
            let part = f64::from(byte) / 255.0;
            match part <= 0.040_45 {
                true => part / 12.92,
                false => ((part + 0.055) / 1.055).powf(2.4),
            }
        };
        let [r, g, b] = channels(color).unwrap_or_default().map(linear);
        match 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 {
            true => "#000000",
            false => "#ffffff",
        }
    }
}

fn is_line(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}

fn is_link(text: &str, schemes: &[&str]) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !"\"'<>\\`{}|^".contains(c);
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    text.len() <= LINK && rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_plain))
}

/// Red, green, blue of `#rrggbb`.
fn channels(color: &str) -> Option<[u8; 3]> {
    let digits = color.strip_prefix('#').filter(|d| d.len() == 6)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_could_do_harm_in_a_mail_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        let with = |set: &dyn Fn(&mut Brand)| {
            let mut brand = Brand::default();
            set(&mut brand);
            brand
        };
        let refused = [
            with(&|b| b.product = text("Acme\r\nBcc: x@example.com")),
            with(&|b| b.product = text("")),
            with(&|b| b.product = text(&"x".repeat(61))),
            with(&|b| b.sender = text("A\0")),
            with(&|b| b.logo = text("http://example.com/logo.png")),
            with(&|b| b.logo = text("javascript:alert(1)")),
            with(&|b| b.logo = text("https://example.com/\" onerror=\"x")),
            with(&|b| b.support = text("data:text/html,x")),
            with(&|b| b.color = text("red")),
            with(&|b| b.color = text("#12345é")),
            with(&|b| b.background = text("#fff;}</style>")),
            with(&|b| b.footer = text("a\rb")),
        ];
        for brand in refused {
            assert!(brand.check().is_err(), "{brand:?}");
        }
        let fine = Brand {
            product: text("Überprüfung 株式会社 & Söhne"),
            logo: text("https://example.com/logo.png?v=1&w=2"),
            color: text("#1f4fd8"),
            background: text("#F4F5F7"),
            sender: text("Acme <3"),
            support: text("mailto:help@example.com"),
            footer: text("Acme Inc.\n1 Main Street"),
            names_rosterd: Some(true),
        };
        assert_eq!(fine.check(), Ok(()));
    }

    #[test]
    fn what_a_tenant_lacks_is_the_operators() {
        let of = |product: &str, color: Option<&str>| Brand {
            product: Some(product.to_owned()),
            color: color.map(str::to_owned),
            ..Brand::default()
        };
        let both = of("Team", None).over(of("Acme", Some("#000000")));
        assert_eq!(both, of("Team", Some("#000000")));
    }

    #[test]
    fn the_text_of_a_button_can_be_read() {
        for (color, on) in [
            ("#000000", "#ffffff"),
            ("#ffffff", "#000000"),
            ("#1f4fd8", "#ffffff"),
            ("#ffd400", "#000000"),
        ] {
            assert_eq!(Brand::on_color(color), on, "{color}");
        }
    }
}
