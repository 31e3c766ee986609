//! The built binary as a process of its own: to be killed, or to be listened to.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::{Database, http_client};

/// Secret of its push connection.
pub const TOKEN: &str = "process-test-token-0123456789";
/// Secret of its operator.
pub const OPERATOR: &str = "process-test-operator-0123456789";

/// A command of the binary on a database.
pub fn command(database: &Database, files: &Path, listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    command
        .env("ROSTERD_DATA_DIR", files)
        .env("ROSTERD_DATABASE_URL", &database.text)
        .env(
            "ROSTERD_SECRET_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )
        .env("ROSTERD_LISTEN", listen)
        .env("ROSTERD_LOG", "warn")
        .env("ROSTERD_BOOTSTRAP_SCIM_TOKEN", TOKEN)
        .env("ROSTERD_BOOTSTRAP_ADMIN_TOKEN", OPERATOR)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(mut command: Command, args: &[&str]) -> Output {
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

/// All that a command printed.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A running server.
pub struct Server {
    child: Child,
    pub base: String,
}

impl Server {
    pub async fn start(database: &Database, files: &Path) -> Self {
        Self::start_as(|listen| command(database, files, listen)).await
    }

    /// Starts what `command` makes of an address to listen on.
    pub async fn start_as(command: impl Fn(&str) -> Command) -> Self {
        Self::start_for(command, "http://127.0.0.1", &http_client()).await
    }

    /// The same for a client that calls the server's host by this name.
    pub async fn start_for(
        command: impl Fn(&str) -> Command,
        host: &str,
        client: &reqwest::Client,
    ) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let listen = format!("127.0.0.1:{port}");
        let child = command(&listen).arg("serve").spawn().unwrap();
        let server = Self {
            child,
            base: format!("{host}:{port}"),
        };
        for _ in 0..200 {
            let ready = client.get(format!("{}/readyz", server.base)).send().await;
            if ready.is_ok_and(|r| r.status().is_success()) {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server did not start");
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has stopped by itself.
    pub async fn wait(mut self) -> std::process::ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
