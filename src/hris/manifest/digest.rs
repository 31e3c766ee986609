//! What of a connector decides what is made of a person. An operator's file may change without its version: a connection
//! is told by this hash that it reads something else than before.

use serde_json::Value;

use crate::domain::audit::{canonical, sha256_hex};

/// What people read, and what says how the vendor is asked but not what it tells.
const OTHER: [&str; 9] = [
    "name",
    "steps",
    "notes",
    "lacks",
    "rights",
    "rate",
    "timeout_seconds",
    "error_header",
    "errors",
];
/// What people read of something that is asked for.
const TOLD: [&str; 3] = ["label", "help", "example"];

/// The hash of a connector's YAML, however it is laid out.
pub(super) fn of(text: &str) -> String {
    let Ok(mut read) = serde_saphyr::from_str::<Value>(text) else {
        return sha256_hex(text.as_bytes());
    };
    if let Some(manifest) = read.as_object_mut() {
        for name in OTHER {
            manifest.remove(name);
        }
        for fields in ["credentials", "settings"] {
            let fields = manifest.get_mut(fields).and_then(Value::as_array_mut);
            for field in fields.into_iter().flatten() {
                if let Some(field) = field.as_object_mut() {
                    field.retain(|name, _| !TOLD.contains(&name.as_str()));
                }
            }
        }
    }
    sha256_hex(canonical(&read).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "slug: x\nname: X\nversion: 1\nnotes:\n  - {en: a, fr: b}\nsettings:\n  - id: zone\n    label: {en: Zone, fr: Zone}\n    \
                        default: utc\nmapping: |\n  {title: .record.title}\n";

    #[test]
    fn what_is_read_counts_and_what_is_told_does_not() {
        let changed = |from: &str, to: &str| {
            assert!(TEXT.contains(from), "{from}");
            of(&TEXT.replace(from, to)) != of(TEXT)
        };
        assert!(changed(".record.title", ".record.job"));
        assert!(changed("version: 1", "version: 2"));
        assert!(changed("default: utc", "default: cet"));
        assert!(!changed("name: X", "name: Y"));
        assert!(!changed("en: Zone", "en: Time zone"));
        assert!(!changed("{en: a", "{en: c"));
        assert!(!changed("version: 1\n", "# a remark\nversion:   1\n"));
    }
}
