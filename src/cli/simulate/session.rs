//! One play under way: the client, the model and the book of mismatches, and where in the life cycle we are.

use std::time::Duration;

use serde_json::Value;

use super::check::{self, Finding};
use super::client::{Call, Http, Reply};
use super::model::{Model, Record};
use super::people::Person;
use super::progress::Progress;
use super::report::{Kind, Report};

/// After so many requests in a row without an answer the server is taken for gone.
const GIVE_UP: u32 = 5;
/// How often a request that was throttled is sent again, as real providers do.
const THROTTLE_TRIES: u32 = 5;

/// One play under way.
pub struct Session<'r> {
    pub http: Http,
    pub model: Model,
    pub play: &'static str,
    pub marker: String,
    report: &'r mut Report,
    progress: Progress,
    step: &'static str,
    subject: String,
    last: Kind,
    silent: u32,
    throttled: usize,
}

impl<'r> Session<'r> {
    /// A play whose people are not on the server yet.
    pub fn new(
        http: Http,
        report: &'r mut Report,
        progress: Progress,
        play: &'static str,
        marker: &str,
        people: Vec<Person>,
    ) -> Self {
        report.begin(play);
        let model = Model {
            people: people.into_iter().map(Record::new).collect(),
            teams: Vec::new(),
        };
        Session {
            http,
            model,
            play,
            marker: marker.to_owned(),
            report,
            progress,
            step: "start",
            subject: String::new(),
            last: Kind::Connection,
            silent: 0,
            throttled: 0,
        }
    }

    /// Begins a phase of the life cycle.
    pub fn phase(&mut self, step: &'static str, steps: usize) {
        self.step = step;
        self.subject = String::from("-");
        self.progress.phase(step, steps);
    }

    /// The next step of the phase is about this.
    pub fn about(&mut self, subject: impl Into<String>) {
        self.subject = subject.into();
        self.progress.tick();
    }

    /// The next step of the phase is about this person.
    pub fn about_person(&mut self, index: usize) {
        let record = &self.model.people[index];
        self.about(format!(
            "{} <{}>",
            record.person.display,
            record.user_name()
        ));
    }

    /// Sends a request, times it and judges what holds for every answer.
    pub async fn send(&mut self, call: Call) -> Reply {
        self.last = call.kind;
        if self.is_lost() {
            return Reply {
                failure: Some("the server is gone".to_owned()),
                ..Reply::default()
            };
        }
        let mut tries = 0;
        let reply = loop {
            let reply = self.http.send(&call).await;
            self.report.count(call.kind, reply.took);
            if reply.status != 429 || tries == THROTTLE_TRIES {
                break reply;
            }
            // Being told to wait is no wrong answer; what comes after the wait is judged.
            tries += 1;
            self.throttled += 1;
            tokio::time::sleep(Duration::from_secs(reply.retry_after.unwrap_or(1).min(30))).await;
        };
        self.silent = if reply.failure.is_some() {
            self.silent + 1
        } else {
            0
        };
        for Finding { expected, got } in check::envelope(&reply) {
            self.mismatch(&expected, &got);
        }
        if self.is_lost() {
            self.mismatch(
                "a server that answers",
                "no answer to several requests in a row; the rest of the play is skipped",
            );
        }
        reply
    }

    /// Whether the play cannot go on.
    pub fn is_lost(&self) -> bool {
        self.silent >= GIVE_UP
    }

    /// Records a mismatch of the last request.
    pub fn mismatch(&mut self, expected: &str, got: &str) {
        self.report
            .mismatch(self.last, self.step, &self.subject, expected, got);
    }

    /// Records findings about the last answer.
    pub fn record(&mut self, found: Vec<Finding>) {
        for Finding { expected, got } in found {
            self.mismatch(&expected, &got);
        }
    }

    /// Something worth knowing that is no mismatch.
    pub fn remark(&mut self, text: String) {
        self.report.remarks.push(format!("{}: {text}", self.play));
    }

    /// Whether the status is one of these; otherwise a mismatch. A lost answer was recorded when it was lost.
    pub fn expect_status(&mut self, reply: &Reply, allowed: &[u16]) -> bool {
        let is_fine = allowed.contains(&reply.status);
        if !is_fine && reply.failure.is_none() {
            let allowed: Vec<String> = allowed.iter().map(u16::to_string).collect();
            self.mismatch(
                &format!("status {}", allowed.join(" or ")),
                &reply.summary(),
            );
        }
        is_fine
    }

    /// The provider's first request: without a good answer an admin could not even save the settings.
    pub async fn can_connect(&mut self, call: Call) -> Option<Value> {
        let reply = self.send(call).await;
        if let Some(reason) = &reply.failure {
            self.report.unreachable = Some(reason.clone());
            return None;
        }
        self.expect_status(&reply, &[200]).then_some(reply.body)
    }

    /// Ends the play.
    pub fn finish(self) {
        self.progress.finish();
        if self.throttled > 0 {
            self.report.remarks.push(format!(
                "{}: {} requests were throttled (429) and sent again",
                self.play, self.throttled
            ));
        }
    }
}
