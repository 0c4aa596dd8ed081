//! What one run is asked to do.

use std::time::Duration;

/// How requests follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rhythm {
    /// The next after the last answer; the connections start one after the other over this time.
    Closed { ramp: Duration },
    /// One every so often, whatever the answers do.
    Paced { every: Duration },
}

/// One run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) rhythm: Rhythm,
    /// The server, `None` for this program's own upstream.
    pub(crate) port: Option<u16>,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
    pub(crate) connections: usize,
    pub(crate) length: Duration,
}

impl Job {
    /// Reads `closed name=value…` or `paced name=value…`.
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let (rhythm, options) = words.split_first().ok_or("an empty job")?;
        let mut job = Self {
            rhythm: Rhythm::Closed { ramp: Duration::ZERO },
            port: None,
            path: "/v1/chat/completions".into(),
            key: "sk-none".into(),
            body: br#"{"model":"bench-openai","messages":[{"role":"user","content":"Hi"}]}"#.to_vec(),
            connections: 50,
            length: Duration::from_secs(3),
        };
        let (mut ramp, mut rate) = (0, 100);
        for option in options {
            let (name, value) = option.split_once('=').ok_or_else(|| format!("{option}: no value"))?;
            match name {
                "port" => job.port = Some(number(value)?),
                "path" => job.path = value.into(),
                "key" => job.key = value.into(),
                "body" => job.body = std::fs::read(value).map_err(|error| format!("{value}: {error}"))?,
                "connections" => job.connections = number(value)?,
                "seconds" => {
                    job.length =
                        Duration::from_secs_f64(value.parse().map_err(|error| format!("{option}: {error}"))?);
                }
                "ramp" => ramp = number(value)?,
                "rate" => rate = number(value)?,
                _ => return Err(format!("{option}: no such option")),
            }
        }
        job.rhythm = match *rhythm {
            "closed" => Rhythm::Closed { ramp: Duration::from_millis(ramp) },
            "paced" => Rhythm::Paced { every: Duration::from_secs(1) / u32::max(rate, 1) },
            other => return Err(format!("{other}: neither closed nor paced")),
        };
        Ok(job)
    }

    /// The whole request that every connection sends.
    pub(crate) fn request(&self, port: u16) -> Vec<u8> {
        let mut request = format!(
            "POST {} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.path,
            self.key,
            self.body.len()
        )
        .into_bytes();
        request.extend_from_slice(&self.body);
        request
    }
}

/// The port in `port=N`, 0 for any.
pub(crate) fn upstream_port(options: &[&str]) -> Result<u16, String> {
    match options {
        [] => Ok(0),
        [one] => number(one.strip_prefix("port=").ok_or_else(|| format!("{one}: no such option"))?),
        _ => Err("the upstream takes port=N only".into()),
    }
}

fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_names_and_unknown_ones_are_refused() {
        let job = Job::read(&["paced", "port=80", "rate=200", "seconds=0.5"]).expect("a job");
        assert_eq!(job.rhythm, Rhythm::Paced { every: Duration::from_millis(5) });
        assert_eq!((job.port, job.length), (Some(80), Duration::from_millis(500)));
        assert!(Job::read(&["closed", "speed=1"]).is_err());
        assert!(Job::read(&["open"]).is_err());
    }
}
