//! Settings as they are given, and what is wrong with them.

use super::*;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("r.toml");
    std::fs::write(
        &path,
        "listen = \"127.0.0.1:1\"\nlog = \"debug\"\nbody_limit = 5000\n",
    )
    .expect("written");
    let mut args = GlobalArgs {
        config: Some(path),
        ..GlobalArgs::default()
    };
    let env = environment(&[("ROSTERD_LISTEN", "127.0.0.1:2")]);
    let config = Config::load(&args, &env).expect("valid");
    assert_eq!((config.listen().port(), config.limits().body), (2, 5000));
    args.values.insert("listen", "127.0.0.1:3".to_owned());
    assert_eq!(Config::load(&args, &env).expect("valid").listen().port(), 3);
}

#[test]
fn what_is_wrong_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("r.toml");
    std::fs::write(&path, "lisen = \"x\"").expect("written");
    let typo = GlobalArgs {
        config: Some(path),
        ..GlobalArgs::default()
    };
    let error = Config::load(&typo, &BTreeMap::new())
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("lisen") && error.contains("listen"),
        "{error}"
    );
    for (key, value) in [
        ("ROSTERD_LISTEN", "here"),
        ("ROSTERD_DATABASE_URL", "mysql://x"),
        ("ROSTERD_PUBLIC_URL", "rosterd.example"),
        ("ROSTERD_LOG_FORMAT", "xml"),
        ("ROSTERD_BODY_LIMIT", "lots"),
        ("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "sh0rt"),
        ("ROSTERD_SECRET_KEY", "!"),
        ("ROSTERD_SECRET_KEY_PREVIOUS", "AAAA,!"),
    ] {
        let error = Config::load(&GlobalArgs::default(), &environment(&[(key, value)]))
            .expect_err(key)
            .to_string();
        assert!(error.contains(key), "{key}: {error}");
        assert!(!error.contains("sh0rt"), "{error}");
    }
}

#[test]
fn a_secret_is_never_printed() {
    let env = environment(&[
        ("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "s3cret-s3cret-s3cret"),
        (
            "ROSTERD_DATABASE_URL",
            "postgres://me:hunter2@127.0.0.1/r?sslmode=require&password=hunter2",
        ),
        (
            "ROSTERD_SECRET_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ),
    ]);
    let printed = format!(
        "{:?}",
        Config::load(&GlobalArgs::default(), &env).expect("valid")
    );
    for secret in ["s3cret", "hunter2", "AAAA"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn an_empty_variable_is_not_set_and_a_broken_file_shows_no_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("r.toml");
    std::fs::write(&path, "listen = \"127.0.0.1:1\"\n").expect("written");
    let args = GlobalArgs {
        config: Some(path.clone()),
        ..GlobalArgs::default()
    };
    let config = Config::load(&args, &environment(&[("ROSTERD_LISTEN", "")])).expect("valid");
    assert_eq!(config.listen().port(), 1);
    std::fs::write(&path, "log = \"info\"\nsecret_key = \"hunter2\n").expect("written");
    let error = Config::load(&args, &BTreeMap::new())
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("line 2") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn a_secret_and_its_file_exclude_each_other_in_one_place_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("key");
    std::fs::write(&path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").expect("written");
    let path = path.to_str().expect("text");
    let env = environment(&[
        ("ROSTERD_SECRET_KEY_FILE", path),
        ("ROSTERD_SECRET_KEY", "x"),
    ]);
    let error = Config::load(&GlobalArgs::default(), &env)
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("ROSTERD_SECRET_KEY_FILE are both set"),
        "{error}"
    );
    let env = environment(&[("ROSTERD_SECRET_KEY", "x")]);
    let args = GlobalArgs {
        values: BTreeMap::from([("secret_key_file", path.to_owned())]),
        ..GlobalArgs::default()
    };
    let config = Config::load(&args, &env).expect("the flag wins");
    assert_eq!(config.secret_key().expect("readable"), Some([0; 32]));
}

#[test]
fn the_key_file_is_made_once_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let args = GlobalArgs {
        values: BTreeMap::from([("data_dir", dir.path().display().to_string())]),
        ..GlobalArgs::default()
    };
    let config = Config::load(&args, &BTreeMap::new()).expect("valid");
    assert_eq!(config.secret_key().expect("no key yet"), None);
    let make = |byte| config.make_secret_key(move |b| b.fill(byte));
    assert_eq!(make(7).expect("made"), [7; 32]);
    assert_eq!(make(8).expect("read"), [7; 32]);
    assert_eq!(config.secret_key().expect("read"), Some([7; 32]));
    let mode = std::fs::metadata(dir.path().join("secret.key"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(
        (
            mode & 0o777,
            std::fs::read_dir(dir.path()).expect("read").count()
        ),
        (0o600, 1)
    );
}

#[test]
fn former_keys_come_from_a_value_or_the_lines_of_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("keys");
    let (zeros, ones) = (
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
    );
    std::fs::write(&path, format!("{zeros}\n{ones}\n")).expect("written");
    let both = format!("{zeros},{ones}");
    for (key, value) in [
        ("ROSTERD_SECRET_KEY_PREVIOUS", both.as_str()),
        (
            "ROSTERD_SECRET_KEY_PREVIOUS_FILE",
            path.to_str().expect("text"),
        ),
    ] {
        let config = Config::load(&GlobalArgs::default(), &environment(&[(key, value)]));
        let config = config.expect("valid");
        assert_eq!(config.previous_keys(), [[0; 32], [1; 32]], "{key}");
        let printed = format!("{config:?} {:?}", config.in_use());
        assert!(!printed.contains("AQEB"), "{printed}");
    }
}

#[test]
fn sizes_take_a_unit() {
    let size = |text| {
        Config::load(
            &GlobalArgs::default(),
            &environment(&[("ROSTERD_BODY_LIMIT", text)]),
        )
    };
    assert_eq!(size("4 MiB").expect("valid").limits().body, 4 << 20);
    assert_eq!(size("64KiB").expect("valid").limits().body, 64 << 10);
    assert!(size("4 apples").is_err() && size("99999999999999999999MiB").is_err());
}

#[test]
fn postgresql_demands_a_key() {
    let env = environment(&[("ROSTERD_DATABASE_URL", "postgres://127.0.0.1/r")]);
    let error = Config::load(&GlobalArgs::default(), &env)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("secret_key"), "{error}");
}
