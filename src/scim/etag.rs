//! Weak entity tags (RFC 7644 §3.14, RFC 9110 §13).

/// `W/"7"` for version 7.
pub fn weak(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// Whether a condition header (`If-Match`, `If-None-Match`) names this version; `*` names any that exists.
pub fn names(header: &str, version: i64) -> bool {
    let wanted = version.to_string();
    header.split(',').map(str::trim).any(|tag| {
        let opaque = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"');
        tag == "*" || opaque == wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_names_a_version_weakly() {
        for (header, hit) in [
            ("*", true),
            ("W/\"7\"", true),
            ("\"7\"", true),
            ("W/\"6\", W/\"7\"", true),
            ("W/\"77\"", false),
            ("", false),
        ] {
            assert_eq!(names(header, 7), hit, "{header}");
        }
    }
}
