//! Forms of text that RFC 7643 §4.1 asks of some attributes: countries, URIs, certificates. They are checked by the letter
//! only where the preset is strict: this server understands none of them, and a source reads back what it wrote.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// ISO 3166-1 alpha-2, in order: officially assigned codes.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO \
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA \
    SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US \
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// A country's code, in any letter case.
pub(super) fn is_country(text: &str) -> bool {
    COUNTRIES
        .split(' ')
        .any(|code| code.eq_ignore_ascii_case(text))
}

/// An absolute or relative URI (RFC 3986 §4.1): its characters, with whole escapes.
pub(super) fn is_uri(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let is_fine = match byte {
            b'%' => {
                let mut digit = || rest.next().is_some_and(|b| b.is_ascii_hexdigit());
                digit() && digit()
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(&byte),
        };
        if !is_fine {
            return false;
        }
    }
    true
}

/// Both alphabets, padded or not, as binary values are accepted.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    GeneralPurpose::new(alphabet, config).decode(text).ok()
}

/// One certificate, as far as its outside tells: base64 of one DER SEQUENCE that ends where the text does.
pub(super) fn is_certificate(text: &str) -> bool {
    let Some(bytes) = decoded(text) else {
        return false;
    };
    let [0x30, first, rest @ ..] = bytes.as_slice() else {
        return false;
    };
    let (length, body) = match usize::from(*first) {
        short @ 0..0x80 => (short, rest),
        long => match rest.split_at_checked(long - 0x80) {
            Some((digits, body)) if (1..=4).contains(&digits.len()) => {
                let length = digits
                    .iter()
                    .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
                (length, body)
            }
            _ => return false,
        },
    };
    length > 0 && length == body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_countries_are_known() {
        assert_eq!(COUNTRIES.split(' ').count(), 249);
        assert!(COUNTRIES.split(' ').is_sorted());
        for (text, fine) in [
            ("US", true),
            ("se", true),
            ("UK", false),
            ("Germany", false),
            ("", false),
            ("US SE", false),
        ] {
            assert_eq!(is_country(text), fine, "{text}");
        }
    }

    #[test]
    fn a_uri_has_no_other_characters_than_uris_have() {
        for (text, fine) in [
            ("https://x.test/a%20b?c=d#e", true),
            ("../Users/1", true),
            ("urn:acme:2.0", true),
            ("", true),
            ("my page", false),
            ("https://x.test/%2", false),
            ("https://x.test/é", false),
            ("<script>", false),
        ] {
            assert_eq!(is_uri(text), fine, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_one_sequence_and_no_more() {
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let long = [[0x30, 0x82, 0x01, 0x00].as_slice(), &[7; 256]].concat();
        for (bytes, fine) in [
            (vec![0x30, 3, 1, 2, 3], true),
            (long.clone(), true),
            ([long.as_slice(), &long].concat(), false),
            (long[..200].to_vec(), false),
            (vec![0x30, 0], false),
            (vec![0x31, 1, 1], false),
            (vec![0x30, 0x80, 1], false),
            (vec![0x30, 0x88, 1], false),
            (vec![0x30], false),
            (Vec::new(), false),
        ] {
            assert_eq!(is_certificate(&encode(&bytes)), fine, "{bytes:?}");
        }
        assert!(!is_certificate("-----BEGIN"));
    }
}
