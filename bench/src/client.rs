//! The load generator: one job at a time, on connections that are kept.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::job::{Job, Rhythm};
use crate::parse::Answer;

/// How long after its end a job waits for answers that are still on their way.
const PATIENCE: Duration = Duration::from_secs(30);
/// A job that has had this many errors more than answers is given up.
const HOPELESS: u64 = 1000;
const LONGEST_MICROS: u64 = 120_000_000;

struct Connection {
    stream: TcpStream,
    answer: Answer,
    written: usize,
    /// When the request that is being answered was to be sent.
    since: Option<Instant>,
    /// When the last event of the stream came.
    last_event: Option<Instant>,
}

/// A job that runs, and what came of it so far.
pub(crate) struct Client {
    rhythm: Rhythm,
    address: SocketAddr,
    request: Vec<u8>,
    stream: bool,
    connections: Vec<Connection>,
    wanted: usize,
    idle: Vec<usize>,
    /// Requests that are due and have no connection yet.
    waiting: VecDeque<Instant>,
    started: Instant,
    end: Instant,
    next: Instant,
    busy: usize,
    figures: Figures,
}

struct Figures {
    requests: u64,
    events: u64,
    errors: u64,
    bytes: u64,
    latency: Histogram<u64>,
    first_event: Histogram<u64>,
    gap: Histogram<u64>,
}

fn histogram() -> Result<Histogram<u64>, String> {
    Histogram::new_with_bounds(1, LONGEST_MICROS, 3).map_err(|error| error.to_string())
}

fn note(histogram: &mut Histogram<u64>, since: Instant, now: Instant) {
    histogram.saturating_record((now - since).as_nanos() as u64 / 1000);
}

impl Client {
    /// Begins a job against `port`.
    pub(crate) fn start(job: &Job, port: u16) -> Result<Self, String> {
        let started = Instant::now();
        let stream = ["\"stream\":true", "\"stream\": true"]
            .iter()
            .any(|text| memchr::memmem::find(&job.body, text.as_bytes()).is_some());
        Ok(Self {
            rhythm: job.rhythm,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            request: job.request(port),
            stream,
            connections: Vec::with_capacity(job.connections),
            wanted: job.connections,
            idle: Vec::with_capacity(job.connections),
            waiting: VecDeque::new(),
            started,
            end: started + job.length,
            next: started,
            busy: 0,
            figures: Figures {
                requests: 0,
                events: 0,
                errors: 0,
                bytes: 0,
                latency: histogram()?,
                first_event: histogram()?,
                gap: histogram()?,
            },
        })
    }

    /// When there is something to do even if nothing arrives.
    pub(crate) fn next_due(&self) -> Instant {
        match self.rhythm {
            _ if self.next >= self.end => self.end,
            Rhythm::Closed { .. } if self.connections.len() == self.wanted => self.end,
            _ => self.next,
        }
    }

    /// Whether times matter so much that the loop must not sleep.
    pub(crate) fn spins(&self) -> bool {
        matches!(self.rhythm, Rhythm::Paced { .. })
    }

    pub(crate) fn done(&self, now: Instant) -> bool {
        let hopeless = self.figures.errors > self.figures.requests + HOPELESS;
        hopeless
            || (now >= self.end && (self.busy == 0 && self.waiting.is_empty() || now >= self.end + PATIENCE))
    }

    /// Opens connections and sends requests that are due.
    pub(crate) fn tick(&mut self, now: Instant, registry: &Registry, token: impl Fn(usize) -> Token) {
        match self.rhythm {
            Rhythm::Closed { ramp } => {
                let step = ramp / self.wanted.max(1) as u32;
                while self.connections.len() < self.wanted && self.next <= now.min(self.end) {
                    let Some(place) = self.open(registry, &token) else { return };
                    self.next = self.started + step * self.connections.len() as u32;
                    self.send(place, Instant::now(), registry, &token);
                }
            }
            Rhythm::Paced { every } => {
                while self.connections.len() < self.wanted {
                    let Some(place) = self.open(registry, &token) else { return };
                    self.idle.push(place);
                }
                while self.next <= now && self.next < self.end {
                    self.waiting.push_back(self.next);
                    self.next += every;
                }
                self.send_waiting(registry, &token);
            }
        }
    }

    fn send_waiting(&mut self, registry: &Registry, token: &impl Fn(usize) -> Token) {
        while !self.waiting.is_empty() {
            let Some(place) = self.idle.pop() else { return };
            let Some(due) = self.waiting.pop_front() else { return };
            self.send(place, due, registry, token);
        }
    }

    fn open(&mut self, registry: &Registry, token: &impl Fn(usize) -> Token) -> Option<usize> {
        let place = self.connections.len();
        match connect(self.address, registry, token(place)) {
            Ok(stream) => {
                let answer = Answer::new();
                self.connections.push(Connection {
                    stream,
                    answer,
                    written: 0,
                    since: None,
                    last_event: None,
                });
                Some(place)
            }
            Err(_) => {
                self.figures.errors += 1;
                None
            }
        }
    }

    fn send(&mut self, place: usize, due: Instant, registry: &Registry, token: &impl Fn(usize) -> Token) {
        let one = &mut self.connections[place];
        one.answer.reset();
        (one.written, one.since, one.last_event) = (0, Some(due), None);
        self.busy += 1;
        if one.write(&self.request).is_err() {
            self.fail(place, registry, token);
        }
    }

    /// Something may be done on a connection.
    pub(crate) fn ready(
        &mut self,
        place: usize,
        scratch: &mut [u8],
        closed: bool,
        registry: &Registry,
        token: impl Fn(usize) -> Token,
    ) {
        let Some(one) = self.connections.get_mut(place) else { return };
        if one.since.is_some() && one.written < self.request.len() && one.write(&self.request).is_err() {
            return self.fail(place, registry, &token);
        }
        loop {
            let one = &mut self.connections[place];
            let count = match one.stream.read(scratch) {
                Ok(0) => return self.fail(place, registry, &token),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return;
                }
                Err(_) => return self.fail(place, registry, &token),
            };
            match self.take(place, &scratch[..count]) {
                Err(()) => return self.fail(place, registry, &token),
                Ok(true) => self.answered(place, registry, &token),
                Ok(false) => {}
            }
            if count < scratch.len() && !closed {
                return;
            }
        }
    }

    fn take(&mut self, place: usize, bytes: &[u8]) -> Result<bool, ()> {
        let one = &mut self.connections[place];
        let since = one.since.ok_or(())?;
        let before = one.answer.events;
        let whole = one.answer.take(bytes).map_err(|_| ())?;
        self.figures.bytes += bytes.len() as u64;
        if self.stream && one.answer.events > before {
            let now = Instant::now();
            match one.last_event.replace(now) {
                None => note(&mut self.figures.first_event, since, now),
                Some(last) => note(&mut self.figures.gap, last, now),
            }
            self.figures.events += one.answer.events - before;
        }
        Ok(whole)
    }

    fn answered(&mut self, place: usize, registry: &Registry, token: &impl Fn(usize) -> Token) {
        let now = Instant::now();
        let one = &mut self.connections[place];
        let complete = if self.stream { one.answer.terminated() } else { one.answer.ends_as_object() };
        if let Some(since) = one.since.take().filter(|_| one.answer.status == 200 && complete) {
            self.figures.requests += 1;
            note(&mut self.figures.latency, since, now);
        } else {
            self.figures.errors += 1;
        }
        self.busy -= 1;
        if one.answer.closes {
            self.reopen(place, registry, token);
        }
        match self.rhythm {
            Rhythm::Closed { .. } if now < self.end => self.send(place, now, registry, token),
            Rhythm::Closed { .. } => {}
            Rhythm::Paced { .. } => {
                self.idle.push(place);
                self.send_waiting(registry, token);
            }
        }
    }

    /// The connection broke: an error if an answer was owed.
    fn fail(&mut self, place: usize, registry: &Registry, token: &impl Fn(usize) -> Token) {
        let owed = self.connections[place].since.take().is_some();
        self.reopen(place, registry, token);
        if !owed {
            return;
        }
        self.figures.errors += 1;
        self.busy -= 1;
        let hopeless = self.done(self.started);
        match self.rhythm {
            Rhythm::Closed { .. } if hopeless || Instant::now() >= self.end => {}
            Rhythm::Closed { .. } => self.send(place, Instant::now(), registry, token),
            Rhythm::Paced { .. } => self.idle.push(place),
        }
    }

    fn reopen(&mut self, place: usize, registry: &Registry, token: &impl Fn(usize) -> Token) {
        match connect(self.address, registry, token(place)) {
            Ok(stream) => self.connections[place].stream = stream,
            Err(_) => self.figures.errors += 1,
        }
    }

    /// What came of it, as a line of JSON. The time is that until the last answer: a slow server still works on what it
    /// was sent before the end.
    pub(crate) fn report(&self, now: Instant) -> String {
        let figures = &self.figures;
        let seconds = (now - self.started).as_secs_f64();
        let at = |name: &str, histogram: &Histogram<u64>| {
            format!(
                r#""{name}_p50_us":{},"{name}_p99_us":{},"{name}_max_us":{}"#,
                histogram.value_at_quantile(0.5),
                histogram.value_at_quantile(0.99),
                histogram.max()
            )
        };
        format!(
            r#"{{"requests":{},"events":{},"errors":{},"bytes":{},"seconds":{seconds:.3},{},{},{}}}"#,
            figures.requests,
            figures.events,
            figures.errors + self.busy as u64,
            figures.bytes,
            at("latency", &figures.latency),
            at("first_event", &figures.first_event),
            at("gap", &figures.gap)
        )
    }
}

fn connect(address: SocketAddr, registry: &Registry, token: Token) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

impl Connection {
    /// Sends what the socket takes of the request.
    fn write(&mut self, request: &[u8]) -> std::io::Result<()> {
        while self.written < request.len() {
            match self.stream.write(&request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
