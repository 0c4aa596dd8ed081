//! The one loop that upstream and load generator share.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use crate::client::Client;
use crate::job::Job;
use crate::upstream::Upstream;

const LISTENER: Token = Token(0);
const ORDERS: Token = Token(1);
const SCRATCH: usize = 256 * 1024;

const fn upstream_token(place: usize) -> Token {
    Token(2 + 2 * place)
}

const fn client_token(place: usize) -> Token {
    Token(3 + 2 * place)
}

struct Turn {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    upstream: Upstream,
    client: Option<Client>,
    /// Kept here: a waker that is dropped takes back what it said.
    waker: Arc<Waker>,
}

/// Answers until it is ended; with `orders`, does the jobs that come on standard input until that ends.
pub(crate) fn serve(port: u16, orders: bool) -> Result<(), String> {
    let mut turn = Turn::new(port)?;
    say(&turn.port()?.to_string())?;
    let orders = if orders { Some(turn.listen()) } else { None };
    loop {
        turn.once().map_err(|error| error.to_string())?;
        if let Some(report) = turn.finished() {
            say(&report)?;
        }
        while turn.client.is_none() {
            let Some(order) = orders.as_ref().and_then(|orders| orders.try_recv().ok()) else { break };
            let Some(line) = order else { return Ok(()) };
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Err(why) = Job::read(&words).and_then(|job| turn.begin(&job)) {
                say(&format!(r#"{{"refused":{why:?}}}"#))?;
            }
        }
    }
}

/// Does one job, with an upstream of its own for a job that names no server.
pub(crate) fn once(job: &Job) -> Result<(), String> {
    let mut turn = Turn::new(0)?;
    turn.begin(job)?;
    loop {
        turn.once().map_err(|error| error.to_string())?;
        if let Some(report) = turn.finished() {
            return say(&report);
        }
    }
}

fn say(line: &str) -> Result<(), String> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| error.to_string())
}

impl Turn {
    fn new(port: u16) -> Result<Self, String> {
        let poll = Poll::new().map_err(|error| error.to_string())?;
        let upstream =
            Upstream::listen(port, poll.registry(), LISTENER).map_err(|error| error.to_string())?;
        let waker = Arc::new(Waker::new(poll.registry(), ORDERS).map_err(|error| error.to_string())?);
        let (events, scratch) = (Events::with_capacity(1024), vec![0; SCRATCH]);
        Ok(Self { poll, events, scratch, upstream, client: None, waker })
    }

    fn port(&self) -> Result<u16, String> {
        self.upstream.port().map_err(|error| error.to_string())
    }

    /// Lines of standard input, `None` at its end; read by a thread that sleeps while a job runs.
    fn listen(&self) -> Receiver<Option<String>> {
        let waker = Arc::clone(&self.waker);
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let lines = std::io::stdin().lock().lines().map_while(Result::ok);
            for line in lines.map(Some).chain([None]) {
                if sender.send(line).and(Ok(waker.wake())).is_err() {
                    return;
                }
            }
        });
        receiver
    }

    fn begin(&mut self, job: &Job) -> Result<(), String> {
        let port = job.port.map_or_else(|| self.port(), Ok)?;
        self.client = Some(Client::start(job, port)?);
        Ok(())
    }

    fn finished(&mut self) -> Option<String> {
        let now = Instant::now();
        self.client.take_if(|client| client.done(now)).map(|client| client.report(now))
    }

    fn wait(&self) -> Option<Duration> {
        if self.client.as_ref().is_some_and(Client::spins) {
            return Some(Duration::ZERO);
        }
        let due = self.client.as_ref().map(Client::next_due);
        let due = due.into_iter().chain(self.upstream.next_due()).min()?;
        let now = Instant::now();
        // Past the end of a job there are only answers to wait for, and patience to lose.
        Some(if due < now { Duration::from_millis(1) } else { due - now })
    }

    fn once(&mut self) -> std::io::Result<()> {
        let wait = self.wait();
        if let Err(error) = self.poll.poll(&mut self.events, wait)
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        let registry = self.poll.registry();
        for event in &self.events {
            let closed = event.is_read_closed() || event.is_error();
            match event.token() {
                LISTENER => self.upstream.accept(registry, upstream_token),
                ORDERS => {}
                Token(number) if number % 2 == 0 => {
                    self.upstream.ready((number - 2) / 2, &mut self.scratch, closed);
                }
                Token(number) => {
                    if let Some(client) = &mut self.client {
                        client.ready((number - 3) / 2, &mut self.scratch, closed, registry, client_token);
                    }
                }
            }
        }
        let now = Instant::now();
        self.upstream.tick(now);
        if let Some(client) = &mut self.client {
            client.tick(now, registry, client_token);
        }
        Ok(())
    }
}
