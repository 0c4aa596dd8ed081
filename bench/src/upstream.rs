//! A provider that answers at once, or at a pace.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use crate::answers::{Answer, Answers};
use crate::parse;

/// Answers of one pace: the next parts in the order in which they are due.
struct Pace {
    every: Duration,
    due: VecDeque<(Instant, usize, u64)>,
}

struct Connection {
    stream: TcpStream,
    /// Tells an answer from those that this place in the list had before.
    serial: u64,
    /// What arrived of a request that is not whole.
    pending: Vec<u8>,
    answer: Option<Rc<Answer>>,
    written: usize,
    /// How many of the answer's parts may be sent by now.
    parts: usize,
}

pub(crate) struct Upstream {
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    answers: Answers,
    paces: Vec<Pace>,
    serial: u64,
}

impl Upstream {
    pub(crate) fn listen(port: u16, registry: &Registry, token: Token) -> std::io::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
        registry.register(&mut listener, token, Interest::READABLE)?;
        Ok(Self {
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            answers: Answers::new(),
            paces: Vec::new(),
            serial: 0,
        })
    }

    pub(crate) fn port(&self) -> std::io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Takes every connection that waits; `token` names the one at a place.
    pub(crate) fn accept(&mut self, registry: &Registry, token: impl Fn(usize) -> Token) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let place = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let interest = Interest::READABLE | Interest::WRITABLE;
            if stream.set_nodelay(true).and(registry.register(&mut stream, token(place), interest)).is_err() {
                self.free.push(place);
                continue;
            }
            self.serial += 1;
            self.connections[place] = Some(Connection {
                stream,
                serial: self.serial,
                pending: Vec::new(),
                answer: None,
                written: 0,
                parts: 0,
            });
        }
    }

    /// Something may be done on a connection.
    pub(crate) fn ready(&mut self, place: usize, scratch: &mut [u8], closed: bool) {
        let Some(mut connection) = self.connections.get_mut(place).and_then(Option::take) else { return };
        if connection.write().and_then(|()| self.read(place, &mut connection, scratch, closed)).is_ok() {
            self.connections[place] = Some(connection);
        } else {
            self.free.push(place);
        }
    }

    fn read(
        &mut self,
        place: usize,
        one: &mut Connection,
        scratch: &mut [u8],
        closed: bool,
    ) -> std::io::Result<()> {
        loop {
            let count = match one.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            if one.pending.is_empty() && one.answer.is_none() {
                let used = self.answer(place, one, &scratch[..count])?;
                one.pending.extend_from_slice(&scratch[used..count]);
            } else {
                one.pending.extend_from_slice(&scratch[..count]);
                if one.answer.is_none() {
                    let bytes = std::mem::take(&mut one.pending);
                    let used = self.answer(place, one, &bytes)?;
                    one.pending = bytes;
                    one.pending.drain(..used);
                }
            }
            // Less than asked for: nothing is left, unless the other side closed, of which no further event would tell.
            if count < scratch.len() && !closed {
                return Ok(());
            }
        }
    }

    /// Begins the answer to the request in `bytes`, if it is whole; returns how many bytes it had.
    fn answer(&mut self, place: usize, one: &mut Connection, bytes: &[u8]) -> std::io::Result<usize> {
        let Some(request) = parse::request(bytes) else { return Ok(0) };
        let (answer, every) = self.answers.to(request.path, request.stream);
        (one.written, one.parts) = (0, if every.is_some() { 1 } else { answer.ends.len() });
        if let Some(every) = every {
            let due = (Instant::now() + every, place, one.serial);
            match self.paces.iter_mut().find(|pace| pace.every == every) {
                Some(pace) => pace.due.push_back(due),
                None => self.paces.push(Pace { every, due: VecDeque::from([due]) }),
            }
        }
        one.answer = Some(answer);
        one.write()?;
        Ok(request.end)
    }

    /// When the next part of a paced answer is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.paces.iter().filter_map(|pace| pace.due.front()).map(|(at, ..)| *at).min()
    }

    /// Sends the parts that are due.
    pub(crate) fn tick(&mut self, now: Instant) {
        for pace in &mut self.paces {
            while let Some(&(at, place, serial)) = pace.due.front().filter(|(at, ..)| *at <= now) {
                pace.due.pop_front();
                let Some(slot) = self.connections.get_mut(place) else { continue };
                let Some(one) = slot.as_mut().filter(|one| one.serial == serial) else { continue };
                let Some(count) = one.answer.as_ref().map(|answer| answer.ends.len()) else { continue };
                one.parts += 1;
                if one.parts < count {
                    pace.due.push_back((at + pace.every, place, serial));
                }
                if one.write().is_err() {
                    *slot = None;
                    self.free.push(place);
                }
            }
        }
    }
}

impl Connection {
    /// Sends what may be sent; the rest goes when the socket takes more.
    fn write(&mut self) -> std::io::Result<()> {
        while let Some(answer) = &self.answer {
            let end = answer.ends[self.parts - 1];
            if self.written == end {
                if self.parts == answer.ends.len() {
                    self.answer = None;
                }
                return Ok(());
            }
            match self.stream.write(&answer.bytes[self.written..end]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
