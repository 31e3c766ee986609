//! Every key, in one table: what it is called, takes and means. The flags, the sample file, the table of limits and
//! `check-config` are made from it, and the sections take their defaults from it.

/// A key: `listen` in the file, `ROSTERD_LISTEN` in the environment, `--listen` as a flag.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Name.
    pub name: &'static str,
    /// What it takes, as help shows it.
    pub takes: &'static str,
    /// Value if none is given.
    pub default: Option<&'static str>,
    /// What it means; where there is no default, also what happens without.
    pub about: &'static str,
    /// Its value is never printed.
    pub is_secret: bool,
    /// It bounds what a client may do.
    pub is_limit: bool,
}

impl Key {
    const fn new(
        name: &'static str,
        takes: &'static str,
        default: Option<&'static str>,
        about: &'static str,
    ) -> Self {
        Self {
            name,
            takes,
            default,
            about,
            is_secret: false,
            is_limit: false,
        }
    }

    const fn secret(name: &'static str, takes: &'static str, about: &'static str) -> Self {
        Self {
            is_secret: true,
            ..Self::new(name, takes, None, about)
        }
    }

    const fn limit(
        name: &'static str,
        takes: &'static str,
        default: &'static str,
        about: &'static str,
    ) -> Self {
        Self {
            is_limit: true,
            ..Self::new(name, takes, Some(default), about)
        }
    }

    /// Its name in the environment.
    pub fn variable(&self) -> String {
        format!("ROSTERD_{}", self.name.to_uppercase())
    }

    /// Its name as a flag, without the dashes in front.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Its default as a line of the sample shows it; for one without, what it takes.
    fn example(&self) -> String {
        match self.default {
            Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => number.to_owned(),
            Some(text) => format!("\"{text}\""),
            None => format!("\"{}\"", self.takes),
        }
    }
}

/// All keys, as they stand in the sample file.
pub const KEYS: &[Key] = &[
    Key::new(
        "listen",
        "ADDR",
        Some("127.0.0.1:8080"),
        "Address and port to listen on",
    ),
    Key::new(
        "public_url",
        "URL",
        None,
        "URL under which clients reach the server; otherwise made from `listen`",
    ),
    Key::new(
        "app_accept_url",
        "URL",
        None,
        "Address of the app to which people go who accept an invitation, with a code for `/api/v1/handoff`; otherwise a page says that they are in",
    ),
    Key::new(
        "tls_certificate_file",
        "FILE",
        None,
        "PEM file with the server's certificate and its chain, read anew when it changes; otherwise plain HTTP",
    ),
    Key::new(
        "tls_key_file",
        "FILE",
        None,
        "PEM file with the certificate's private key",
    ),
    Key::new(
        "data_dir",
        "DIR",
        Some("rosterd-data"),
        "Where SQLite's file and the key are kept; made for its owner only",
    ),
    Key::new(
        "database_url",
        "URL",
        None,
        "sqlite://PATH or postgres://user:password@host/database; otherwise rosterd.db in the data directory",
    ),
    Key::secret(
        "secret_key",
        "BASE64",
        "32 bytes in base64; others can see a flag, prefer `secret_key_file`",
    ),
    Key::new(
        "secret_key_file",
        "FILE",
        None,
        "File that holds the secret key; otherwise secret.key in the data directory (SQLite only)",
    ),
    Key::secret(
        "secret_key_previous",
        "BASE64[,BASE64]",
        "Former secret keys, which open what they sealed until `rosterd secrets rotate` is done",
    ),
    Key::new(
        "secret_key_previous_file",
        "FILE",
        None,
        "File that holds former secret keys, one a line",
    ),
    Key::secret(
        "bootstrap_scim_token",
        "TOKEN",
        "SCIM token to create on start if it does not exist; otherwise one is made at the first start",
    ),
    Key::secret(
        "bootstrap_admin_token",
        "TOKEN",
        "Operator token to create on start if it does not exist; otherwise one is made at the first start",
    ),
    Key::new(
        "metrics_listen",
        "ADDR",
        None,
        "Address of a listener of its own for /metrics, open to other machines; otherwise this machine only",
    ),
    Key::new(
        "schemas_dir",
        "DIR",
        None,
        "Folder with schemas (JSON files) that all tenants get",
    ),
    Key::new(
        "connectors_dir",
        "DIR",
        None,
        "Folder with connectors (YAML files) that are added, or take the place of those in the program",
    ),
    Key::new(
        "files_dir",
        "DIR",
        None,
        "Root of watched folders, with ‹tenant id›/‹connection id› in it; otherwise none are watched",
    ),
    Key::new(
        "pull_private",
        "YES",
        Some("no"),
        "Whether HR systems may be in private networks: `yes` or `no`",
    ),
    Key::secret(
        "smtp_url",
        "URL",
        "Mail server: smtp://user:password@host:port (STARTTLS, unless `?tls=opportunistic` or on this machine) or smtps://…; otherwise mails become files in the data directory's `outbox`",
    ),
    Key::new(
        "smtp_from",
        "ADDRESS",
        None,
        "Whom mails come from, such as `Acme <no-reply@example.com>`; needed with `smtp_url`",
    ),
    Key::new(
        "smtp_ca_file",
        "FILE",
        None,
        "PEM file with certificates that the mail server's may be signed by, beside the system's",
    ),
    Key::new(
        "webhook_private",
        "YES",
        Some("no"),
        "Whether webhooks may go into private networks: `yes` or `no`",
    ),
    Key::new(
        "teams_warning",
        "TEXT",
        None,
        "What ends with reviewers whom team sync removes, as admins are told it; otherwise that they review no more",
    ),
    Key::new(
        "teams_hook_url",
        "URL",
        None,
        "Address of the app that is asked what ends with reviewers whom team sync removes; otherwise `teams_warning` says it",
    ),
    Key::secret(
        "teams_hook_secret",
        "WHSEC",
        "With which calls of `teams_hook_url` are signed: whsec_ and base64",
    ),
    Key::new(
        "teams_hook_secret_file",
        "FILE",
        None,
        "File that holds this secret",
    ),
    Key::new(
        "runs_keep_days",
        "DAYS",
        Some("90"),
        "How long runs of pulls can be looked at and undone; what they did stays in the journal",
    ),
    Key::new(
        "log",
        "FILTER",
        Some("info"),
        "What is logged, such as `info` or `rosterd=debug`",
    ),
    Key::new(
        "log_format",
        "FORMAT",
        None,
        "text or json; otherwise text on a terminal, json elsewhere",
    ),
    Key::new(
        "shutdown_seconds",
        "SECONDS",
        Some("10"),
        "How long requests under way may take when the server stops",
    ),
    Key::limit(
        "body_limit",
        "BYTES",
        "4MiB",
        "Largest request body; above: 413",
    ),
    Key::limit(
        "body_seconds",
        "SECONDS",
        "30",
        "How long a client may take to send a body; then: 408",
    ),
    Key::limit(
        "header_limit",
        "BYTES",
        "32KiB",
        "Most bytes of all headers of a request, at most 64KiB; above: 431",
    ),
    Key::limit(
        "header_count",
        "NUMBER",
        "64",
        "Most headers of a request, at most 96; above: 431",
    ),
    Key::limit(
        "header_seconds",
        "SECONDS",
        "10",
        "How long a client may take to send the first request's headers; then: 408",
    ),
    Key::limit(
        "keep_alive_seconds",
        "SECONDS",
        "75",
        "How long a connection may wait for its next request; then it is closed",
    ),
    Key::limit(
        "connections",
        "NUMBER",
        "4096",
        "Most connections at once; further ones wait",
    ),
    Key::limit(
        "requests_per_minute",
        "NUMBER",
        "120000",
        "Requests of one token, a minute's worth at once; above: 429 with Retry-After. 0: no limit",
    ),
    Key::limit(
        "page_default",
        "NUMBER",
        "100",
        "Resources of a page when a client asks for no number",
    ),
    Key::limit(
        "page_max",
        "NUMBER",
        "1000",
        "Most resources of a page; who asks for more gets this many",
    ),
    Key::limit(
        "filter_limit",
        "BYTES",
        "16384",
        "Longest filter or PATCH path, at most 16384; above: 400 invalidFilter",
    ),
    Key::limit(
        "filter_terms",
        "NUMBER",
        "1024",
        "Most comparisons of a filter, at most 1024; above: 400 invalidFilter",
    ),
    Key::limit(
        "filter_depth",
        "NUMBER",
        "64",
        "Deepest nesting of a filter's brackets, at most 64; above: 400 invalidFilter",
    ),
    Key::limit(
        "read_seconds",
        "SECONDS",
        "15",
        "How long a list may take to find; then: 400 tooMany",
    ),
    Key::limit(
        "members_limit",
        "NUMBER",
        "100000",
        "Most members that one request names; above: 413",
    ),
    Key::limit(
        "member_write_seconds",
        "SECONDS",
        "60",
        "How long a change of more than 500 members of a group may take to prepare; then: 503, and nothing has changed",
    ),
    Key::limit(
        "patch_operations",
        "NUMBER",
        "1000",
        "Most operations of one PATCH; above: 400 tooMany",
    ),
    Key::limit(
        "bulk_operations",
        "NUMBER",
        "500",
        "Most operations of a bulk request, and what discovery says; above: 413",
    ),
    Key::limit(
        "write_queue",
        "NUMBER",
        "1024",
        "Most writes of one tenant that wait for the database; above: 503 with Retry-After",
    ),
];

/// The key with this name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// A configuration file with every key, all of them commented out.
pub fn sample() -> String {
    let mut text = "# Rosterd's configuration. A line without # in front counts. The environment wins over this file, and flags win\n\
                    # over both: `listen` is ROSTERD_LISTEN there and --listen here.\n"
        .to_owned();
    let mut in_limits = false;
    for key in KEYS {
        if key.is_limit && !in_limits {
            text.push_str("\n# Limits.\n");
            in_limits = true;
        }
        text.push_str(&format!(
            "\n# {}.\n#{} = {}\n",
            key.about,
            key.name,
            key.example()
        ));
    }
    text
}

/// The limits as a table in Markdown.
pub fn limits_table() -> String {
    let mut text = "| key | default | meaning |\n| --- | --- | --- |\n".to_owned();
    for key in KEYS.iter().filter(|key| key.is_limit) {
        text.push_str(&format!(
            "| `{}` | `{}` | {} |\n",
            key.name,
            key.default.unwrap_or_default(),
            key.about
        ));
    }
    text
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_file_that_says_what_holds_anyway() {
        let uncommented: String = sample()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let table: toml::Table = uncommented.parse().expect("TOML");
        assert_eq!(table.len(), KEYS.len());
        for key in KEYS {
            let value = &table[key.name];
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(text, key.default.unwrap_or(key.takes), "{}", key.name);
        }
    }
}
