//! Files from a real SFTP server: OpenSSH's, on loopback, with its own keys (`openssh-server`; scripts/sshd.sh installs it).

use std::fs;
use std::io::{Cursor, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rosterd::hris::files::sftp::{self, Credential, HostKey, Session, Settings};
use rosterd::hris::files::{Choice, Complete, Found, Pattern, choose};
use rosterd::hris::formats::csv;

const KINDS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

/// A server that ends with the test.
pub struct Server {
    dir: tempfile::TempDir,
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

fn keygen(path: &Path, kind: &str, passphrase: &str) {
    let path = path.to_str().unwrap();
    run(
        "ssh-keygen",
        &["-q", "-t", kind, "-N", passphrase, "-f", path],
    );
}

fn is_root() -> bool {
    run("id", &["-u"]) == "0"
}

impl Server {
    pub fn start() -> Self {
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"]
            .into_iter()
            .find(|p| Path::new(p).exists());
        let sshd = sshd.expect("no sshd: run `bash scripts/sshd.sh`, or install openssh-server");
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("files")).unwrap();
        let mut config = String::new();
        for kind in KINDS {
            keygen(&at(kind), kind, "");
            config += &format!("HostKey {}\n", at(kind).display());
        }
        keygen(&at("client"), "ed25519", "");
        keygen(&at("client_rsa"), "rsa", "");
        keygen(&at("client_locked"), "ed25519", "open sesame");
        let keys: String = ["client", "client_rsa", "client_locked"]
            .map(|name| fs::read_to_string(at(&format!("{name}.pub"))).unwrap())
            .concat();
        fs::write(at("authorized_keys"), keys).unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        config += &format!(
            "Port {port}\nListenAddress 127.0.0.1\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PermitRootLogin yes\nPasswordAuthentication yes\nSubsystem sftp internal-sftp\nLogLevel ERROR\n",
            at("authorized_keys").display()
        );
        fs::write(at("sshd_config"), config).unwrap();
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let log = fs::File::create(at("log")).unwrap();
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f", at("sshd_config").to_str().unwrap()])
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = Self {
            dir,
            child,
            address,
        };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{}",
                server.text("log")
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    pub fn pin(&self, kind: &str) -> HostKey {
        HostKey::parse(&self.text(&format!("{kind}.pub"))).unwrap()
    }

    fn key(&self, name: &str, passphrase: Option<&str>) -> Credential {
        Credential::Key {
            pem: self.text(name),
            passphrase: passphrase.map(str::to_owned),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            user: run("id", &["-un"]),
            credential: self.key("client", None),
            host_key: self.pin("ed25519"),
            folder: self.at("files").to_str().unwrap().to_owned(),
        }
    }

    pub fn file(&self, name: &str, text: &str) {
        fs::write(self.at("files").join(name), text).unwrap();
    }

    fn open(&self, settings: &Settings) -> Result<Session, &'static str> {
        Session::open(self.address, settings).map_err(|p| p.code)
    }
}

#[test]
fn the_newest_file_is_found_read_and_mapped() {
    let server = Server::start();
    server.file("hr_20261123.csv", "old");
    server.file(
        "hr_20261124.csv",
        "employee_id;work_email\n1001;marta.quill@example.com\n",
    );
    server.file("hr_20261125.csv.filepart", "not yet");
    server.file(".hr_20261126.csv", "hidden");
    fs::create_dir(server.at("files").join("hr_20261127.csv")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", server.at("files").join("hr_20261128.csv")).unwrap();
    let session = server.open(&server.settings()).unwrap();
    let look = session.look().unwrap();
    assert_eq!(look.len(), 3, "{look:?}");
    let pattern = Pattern::parse("hr_*.csv").unwrap();
    let Choice::Read(found) = choose(&look, &look, &pattern, &Complete::Unchanged, None) else {
        panic!("{look:?}")
    };
    assert_eq!(found.name, "hr_20261124.csv");
    let bytes = session.read(&found).unwrap();
    let mut rows = csv::Reader::open(Cursor::new(bytes), &csv::Options::default()).unwrap();
    assert_eq!(
        rows.next().unwrap().unwrap().get("employee_id"),
        Some("1001")
    );
    for name in [
        "hr_20261128.csv",
        "hr_20261127.csv",
        "../authorized_keys",
        "none.csv",
    ] {
        let wanted = Found {
            name: name.to_owned(),
            ..found.clone()
        };
        assert_eq!(
            session.read(&wanted).err().map(|p| p.code),
            Some("file.changed"),
            "{name}"
        );
    }
    server.file("hr_20261124.csv", "employee_id;work_email\n");
    assert_eq!(
        session.read(&found).err().map(|p| p.code),
        Some("file.changed")
    );
    let nowhere = Settings {
        folder: "/nowhere".to_owned(),
        ..server.settings()
    };
    let code = server.open(&nowhere).unwrap().look().err().map(|p| p.code);
    assert_eq!(code, Some("file.folder_missing"));
}

#[test]
fn a_large_file_comes_whole() {
    let server = Server::start();
    let text: String = (0..300_000).map(|n| format!("{n},row\n")).collect();
    server.file("big.csv", &text);
    let session = server.open(&server.settings()).unwrap();
    let found = session.look().unwrap();
    assert!(session.read(&found[0]).unwrap() == text.as_bytes());
}

#[test]
fn every_kind_of_key_signs_in_and_others_do_not() {
    let server = Server::start();
    let with = |credential| Settings {
        credential,
        ..server.settings()
    };
    for (name, passphrase) in [
        ("client", None),
        ("client_rsa", None),
        ("client_locked", Some("open sesame")),
    ] {
        server.open(&with(server.key(name, passphrase))).unwrap();
    }
    keygen(&server.at("stranger"), "ed25519", "");
    for wrong in [
        server.key("client_locked", Some("wrong")),
        server.key("client_locked", None),
        server.key("stranger", None),
        Credential::Key {
            pem: "no key".to_owned(),
            passphrase: None,
        },
        Credential::Key {
            pem: "nul\0".to_owned(),
            passphrase: None,
        },
        Credential::Password("wrong".to_owned()),
    ] {
        assert_eq!(server.open(&with(wrong)).err(), Some("sftp.sign_in"));
    }
    let nobody = Settings {
        user: "nobody-of-that-name".to_owned(),
        ..server.settings()
    };
    assert_eq!(server.open(&nobody).err(), Some("sftp.sign_in"));
}

/// Needs root: a user with a password is made for it, and removed.
#[test]
fn a_password_signs_in() {
    if !is_root() {
        return;
    }
    struct User(String);
    impl Drop for User {
        fn drop(&mut self) {
            let _ = Command::new("userdel").arg(&self.0).output();
        }
    }
    let server = Server::start();
    let user = User(format!("rosterd-test-{}", std::process::id()));
    run("useradd", &["--no-create-home", "--home-dir", "/", &user.0]);
    let mut chpasswd = Command::new("chpasswd")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let line = format!("{}:Corr3ct-horse\n", user.0);
    chpasswd
        .stdin
        .take()
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
    assert!(chpasswd.wait().unwrap().success());
    let with = |password: &str| Settings {
        user: user.0.clone(),
        credential: Credential::Password(password.to_owned()),
        folder: "/".to_owned(),
        ..server.settings()
    };
    server.open(&with("Corr3ct-horse")).unwrap().look().unwrap();
    assert_eq!(server.open(&with("wrong")).err(), Some("sftp.sign_in"));
}

#[test]
fn a_host_key_that_is_not_the_pinned_one_is_refused_before_anybody_signs_in() {
    let server = Server::start();
    for kind in KINDS {
        let pinned = Settings {
            host_key: server.pin(kind),
            ..server.settings()
        };
        server.open(&pinned).unwrap();
    }
    let shown = sftp::host_key(server.address).unwrap();
    assert!(KINDS.into_iter().any(|kind| server.pin(kind) == shown));
    keygen(&server.at("other"), "ed25519", "");
    let wrong = Settings {
        host_key: server.pin("other"),
        ..server.settings()
    };
    let problem = Session::open(server.address, &wrong).err().unwrap();
    assert_eq!(problem.code, "sftp.host_key");
    assert_eq!(problem.params["expected"], server.pin("other").to_string());
    assert_eq!(problem.params["found"], shown.to_string());
}

#[test]
fn what_is_no_ssh_server_is_told_apart() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = free.local_addr().unwrap();
    let web = std::thread::spawn(move || {
        let (mut stream, _) = free.accept().unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_eq!(
        sftp::host_key(address).err().map(|p| p.code),
        Some("sftp.handshake")
    );
    web.join().unwrap();
    assert_eq!(
        sftp::host_key(address).err().map(|p| p.code),
        Some("sftp.unreachable")
    );
}
