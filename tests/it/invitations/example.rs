//! The example app, started for real: invited, accepted, signed in, revoked, out.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rosterd::domain::roles::Role;
use serde_json::json;

use super::{Scene, Visit};
use crate::support::{Client, http_client};

/// The example, as cargo builds it beside the tests.
fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let program = path.join("examples").join("app");
    if !program.exists() {
        // Only this suite was asked for.
        let built = Command::new(env!("CARGO"))
            .args(["build", "--locked", "--example", "app"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success());
    }
    program
}

pub struct Running {
    child: Child,
    pub url: String,
}

impl Running {
    fn start(rosterd: &str, token: &str) -> Self {
        Self::start_on("127.0.0.1:0", rosterd, token)
    }

    pub fn start_on(listen: &str, rosterd: &str, token: &str) -> Self {
        let program = program();
        let mut child = Command::new(&program)
            .args([listen, rosterd, "default", token])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let mut line = String::new();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        reader.read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{line}");
        Self { child, url }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[actix_web::test]
async fn whoever_accepts_lands_signed_in_and_whoever_is_revoked_is_out() {
    let s = Scene::start().await;
    let (_, token) = s.app.token(&s.app.tenant, Role::App, None).await;
    let app = Running::start(&s.app.base, &token);
    let base = s.serve_leading_to(&format!("{}/welcome", app.url));
    let ann = s.listed("ann@x.test").await;
    let (_, link) = s.link_for(&ann).await;
    let sign_in = || async {
        let request = http_client().post(format!("{}/sign-in", app.url));
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body("email=ann%40x.test");
        let answer = request.send().await.unwrap();
        let cookie = answer
            .headers()
            .get("set-cookie")
            .map(|c| c.to_str().unwrap().to_owned());
        (
            answer.status().as_u16(),
            cookie,
            answer.text().await.unwrap(),
        )
    };
    let (status, _, text) = sign_in().await;
    assert_eq!(status, 403);
    assert!(text.contains("accept it first"), "{text}");
    let browser = Client::new(&base, "").anonymous();
    let done = Visit::open_as(&browser, &link)
        .await
        .press("accept")
        .await
        .expect(303);
    let to = done.header("location").unwrap().to_owned();
    assert!(
        to.starts_with(&format!("{}/welcome?code=", app.url)),
        "{to}"
    );
    let answer = http_client().get(&to).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    // The code works once.
    let again = http_client().get(&to).send().await.unwrap();
    assert_eq!(again.status().as_u16(), 403);
    let home = |cookie: String| {
        let request = http_client().get(format!("{}/", app.url));
        async move {
            let answer = request.header("cookie", cookie).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    assert_eq!(
        home(cookie.clone()).await,
        (200, "Hello Display ann@x.test".to_owned())
    );
    assert_eq!(home(String::new()).await.0, 401);
    assert_eq!(sign_in().await.0, 303, "she signs in as usual from now on");
    let path = format!("/people/{ann}/revoke");
    s.send(&s.admin, "POST", &path, Some(json!({})))
        .await
        .expect(200);
    assert_eq!(home(cookie.clone()).await.0, 403);
    assert_eq!(home(cookie).await.0, 401, "the session is over");
    assert_eq!(sign_in().await.0, 403);
}
