//! Open connections, and the end of those that ask for nothing.
//!
//! The HTTP library bounds the time of a connection's first headers and of the silence between two requests. Who sends
//! the headers of a second request byte by byte, or does not read an answer, is in neither of the two, and would hold a
//! place for ever.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::{Extensions, ServiceRequest};
use actix_web::rt::net::TcpStream as Stream;

/// A connection.
struct Open {
    /// A second handle of the socket, by which it can be shut down from outside.
    socket: TcpStream,
    under_way: AtomicUsize,
    /// When it was opened or last answered, in milliseconds since the server began.
    since: AtomicU64,
    clock: Instant,
}

impl Open {
    fn touch(&self) {
        let now = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(now, Ordering::Relaxed);
    }

    fn is_idle_for(&self, most: Duration) -> bool {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        self.under_way.load(Ordering::Acquire) == 0
            && self.clock.elapsed().saturating_sub(since) > most
    }
}

/// A request under way on a connection.
pub struct UnderWay(Arc<Open>);

impl UnderWay {
    /// Notes that a request begins; it ends when this is dropped.
    pub fn begin(request: &ServiceRequest) -> Option<Self> {
        let open = Arc::clone(request.conn_data::<Arc<Open>>()?);
        open.under_way.fetch_add(1, Ordering::AcqRel);
        Some(Self(open))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.touch();
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The open connections of a server.
pub struct Connections {
    began: Instant,
    all: Mutex<Vec<Weak<Open>>>,
}

impl Connections {
    /// None yet. Those without a request for longer than this are cut off, looked at each second, as long as the server
    /// keeps the value.
    pub fn watched(most: Duration) -> Arc<Self> {
        let all = Arc::new(Self {
            began: Instant::now(),
            all: Mutex::default(),
        });
        let watched = Arc::downgrade(&all);
        actix_web::rt::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1));
            loop {
                tick.tick().await;
                let Some(connections) = watched.upgrade() else {
                    return;
                };
                connections.cut_off(most);
            }
        });
        all
    }

    /// Notes a new connection, for [`UnderWay`] to find.
    pub fn opened(&self, io: &dyn Any, data: &mut Extensions) {
        let secured = io.downcast_ref::<TlsStream<Stream>>();
        let stream = match secured {
            Some(tls) => Some(tls.get_ref().0),
            None => io.downcast_ref::<Stream>(),
        };
        let Some(socket) = stream.and_then(|s| s.as_fd().try_clone_to_owned().ok()) else {
            return;
        };
        let open = Arc::new(Open {
            socket: TcpStream::from(socket),
            under_way: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            clock: self.began,
        });
        open.touch();
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::downgrade(&open));
        data.insert(open);
    }

    fn cut_off(&self, most: Duration) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|open| {
            let Some(open) = open.upgrade() else {
                return false;
            };
            if open.is_idle_for(most) {
                // Whoever closed it in the meantime was faster.
                let _ = open.socket.shutdown(Shutdown::Both);
            }
            true
        });
    }
}
