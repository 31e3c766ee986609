//! `rosterd doctor`: what is wrong with this installation, and what to do about it. It changes nothing, and prints neither
//! secrets nor people.

mod checks;

use serde_json::{Value, json};

use super::output::Output;
use super::{Failure, say};
use crate::config::Config;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    level: Level,
    check: &'static str,
    detail: String,
    /// What to do; nothing to do if it is empty.
    next: String,
}

/// What was looked at, in order.
#[derive(Debug, Default)]
struct Report(Vec<Finding>);

impl Report {
    fn add(&mut self, level: Level, check: &'static str, detail: String, next: &str) {
        self.0.push(Finding {
            level,
            check,
            detail,
            next: next.to_owned(),
        });
    }

    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.add(Level::Ok, check, detail.into(), "");
    }

    fn warn(&mut self, check: &'static str, detail: impl Into<String>, next: &str) {
        self.add(Level::Warn, check, detail.into(), next);
    }

    fn fail(&mut self, check: &'static str, detail: impl Into<String>, next: &str) {
        self.add(Level::Fail, check, detail.into(), next);
    }
}

/// Exit code 1 if something fails.
pub(super) fn run(
    config: &Config,
    output: Output,
    runtime: &tokio::runtime::Runtime,
) -> Result<u8, Failure> {
    let mut report = Report::default();
    checks::all(config, &mut report);
    runtime.block_on(checks::mail(config, &mut report));
    let worst = report.0.iter().map(|f| f.level).max();
    if output.json {
        let findings = report.0.iter().map(|f| {
            json!({"level": f.level.as_str(), "check": f.check, "detail": f.detail, "next": f.next})
        });
        say(&json!({"findings": findings.collect::<Value>()}).to_string())?;
    } else {
        for f in &report.0 {
            say(&format!(
                "{:<5} {:<9} {}",
                f.level.as_str(),
                f.check,
                f.detail
            ))?;
            if !f.next.is_empty() {
                say(&format!("      {:<9} next: {}", "", f.next))?;
            }
        }
    }
    Ok(u8::from(worst == Some(Level::Fail)))
}
