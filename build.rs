//! Lists what belongs to one HR system and lies in a file of its own, so that adding a system touches no list:
//! `connectors/<slug>.yaml` (embedded in the binary) and `standins/<slug>.rs` (the vendor's API with invented people).

use std::path::{Path, PathBuf};
use std::{env, fmt::Write as _, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    fs::write(out.join("connectors.rs"), connectors(&root)?)?;
    fs::write(out.join("standins.rs"), standins(&root)?)
}

/// `EMBEDDED`: slug and text of each connector.
fn connectors(root: &Path) -> io::Result<String> {
    let mut code = "/// Slug and YAML of each embedded connector, in the order of slugs.\npub const EMBEDDED: &[(&str, &str)] = &[\n".to_owned();
    for (slug, file) in list(root, "connectors", "yaml")? {
        let _ = writeln!(code, "    ({slug:?}, include_str!({file:?})),");
    }
    Ok(code + "];\n")
}

/// One module for each stand-in, and `STANDINS`: slug and its `STANDIN`.
fn standins(root: &Path) -> io::Result<String> {
    let mut modules = String::new();
    let mut rows = String::new();
    for (slug, file) in list(root, "standins", "rs")? {
        let module = slug.replace('-', "_");
        let _ = writeln!(modules, "#[path = {file:?}]\nmod {module};");
        let _ = writeln!(rows, "    ({slug:?}, &{module}::STANDIN),");
    }
    Ok(format!(
        "{modules}/// Slug and stand-in of each system, in the order of slugs.\npub const STANDINS: &[(&str, &Standin)] = &[\n{rows}];\n"
    ))
}

/// Slug and absolute path of each file with the extension, sorted; cargo runs this again when one comes or goes.
fn list(root: &Path, folder: &str, extension: &str) -> io::Result<Vec<(String, String)>> {
    let folder = root.join(folder);
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == extension) {
            let slug = path.file_stem().unwrap_or_default().to_string_lossy();
            found.push((slug.into_owned(), path.display().to_string()));
        }
    }
    found.sort();
    Ok(found)
}

#[expect(
    clippy::disallowed_methods,
    reason = "cargo hands its folders over in the environment"
)]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
