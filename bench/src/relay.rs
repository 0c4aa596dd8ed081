//! `relay PORT UPSTREAM_PORT`: what a Rust peer's hot path would be without any of its features. hyper and tokio on one thread,
//! connections to the upstream kept; bodies are passed on as they come. It stands in for Rust gateways in the benchmark.

use std::convert::Infallible;
use std::io::{Error, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

type Pool = Client<HttpConnector, Incoming>;
type Body = Either<Incoming, Empty<Bytes>>;

fn main() -> ExitCode {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|port| port.parse().ok()).collect();
    let [port, upstream] = ports[..] else {
        let _ = writeln!(std::io::stderr(), "usage: relay PORT UPSTREAM_PORT");
        return ExitCode::FAILURE;
    };
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(serve(port, upstream)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "relay: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(port: u16, upstream: u16) -> Result<(), Error> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let pool: Pool = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pool = pool.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| pass(pool.clone(), upstream, request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn pass(pool: Pool, upstream: u16, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let host = format!("127.0.0.1:{upstream}");
    let place = Uri::try_from(format!("http://{host}{path}"));
    let (Ok(place), Ok(host)) = (place, HeaderValue::try_from(host)) else { return Ok(bad_gateway()) };
    head.uri = place;
    head.headers.insert(HOST, host);
    let answer = pool.request(Request::from_parts(head, body)).await;
    Ok(answer.map_or_else(|_| bad_gateway(), |answer| answer.map(Either::Left)))
}

fn bad_gateway() -> Response<Body> {
    let mut answer = Response::new(Either::Right(Empty::new()));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer
}
