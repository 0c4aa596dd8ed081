//! The load generator: one thread and one keep-alive connection each, the next request after the last answer.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Buffer;

#[derive(Default)]
struct Tally {
    micros: Vec<u64>,
    errors: usize,
}

/// Sends the same request over and over, and prints what came of it.
pub(crate) fn run(
    port: &str,
    path: &str,
    body: &str,
    connections: &str,
    seconds: &str,
    key: &str,
) -> Result<(), String> {
    let number = |text: &str| text.parse::<u32>().map_err(|error| format!("{text}: {error}"));
    let (connections, seconds) = (number(connections)?, number(seconds)?);
    let body = std::fs::read(body).map_err(|error| format!("{body}: {error}"))?;
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    let address = format!("127.0.0.1:{port}");
    let started = Instant::now();
    let deadline = started + Duration::from_secs(u64::from(seconds));
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| work(&address, &request, deadline))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    print(&tallies, started.elapsed()).map_err(|error| error.to_string())
}

fn work(address: &str, request: &[u8], deadline: Instant) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < deadline {
        if converse(address, request, deadline, &mut tally).is_err() {
            tally.errors += 1;
            thread::sleep(Duration::from_millis(10));
        }
    }
    tally
}

fn converse(address: &str, request: &[u8], deadline: Instant, tally: &mut Tally) -> std::io::Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut buffer = Buffer::new();
    while Instant::now() < deadline {
        let sent = Instant::now();
        connection.write_all(request)?;
        let Some(message) = buffer.read(&mut connection)? else { return Ok(()) };
        if buffer.bytes(message.end).starts_with(b"HTTP/1.1 200") {
            tally.micros.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
        } else {
            tally.errors += 1;
        }
        buffer.consume(&message);
    }
    Ok(())
}

fn print(tallies: &[Tally], elapsed: Duration) -> std::io::Result<()> {
    let mut micros: Vec<u64> = tallies.iter().flat_map(|tally| tally.micros.iter().copied()).collect();
    micros.sort_unstable();
    let errors: usize = tallies.iter().map(|tally| tally.errors).sum();
    let at = |percent: usize| micros.get(micros.len() * percent / 100).copied().unwrap_or(0);
    writeln!(
        std::io::stdout(),
        r#"{{"requests":{},"errors":{errors},"seconds":{:.3},"p50_us":{},"p99_us":{}}}"#,
        micros.len(),
        elapsed.as_secs_f64(),
        at(50),
        at(99)
    )
}
