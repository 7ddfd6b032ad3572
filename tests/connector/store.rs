//! Mock S3 object store: signed requests put, list and delete objects.

use super::runtime;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use url::Url;

/// Objects by key: text and time of modification.
type Objects = Arc<Mutex<BTreeMap<String, (String, String)>>>;

pub(crate) struct Store {
    pub(crate) port: u16,
    objects: Objects,
}

/// Bucket and access key that the platform sends at registration.
const BUCKET: &str = "/b/";
const KEY: &str = "a/";

impl Store {
    pub(crate) fn new() -> Store {
        let listener = runtime().block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let objects = Objects::default();
        runtime().spawn(serve(listener, Arc::clone(&objects)));
        Store { port, objects }
    }

    /// Starts a store that accepts requests and never responds.
    pub(crate) fn silent() -> (u16, std::net::TcpListener) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        (listener.local_addr().expect("an address").port(), listener)
    }

    /// Adds an object with this time of modification.
    pub(crate) fn put(&self, name: &str, modified: &str) {
        self.objects.lock().expect("no panic while it is held").insert(name.into(), ("{}".into(), modified.into()));
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.objects.lock().expect("no panic while it is held").keys().cloned().collect()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.objects.lock().expect("no panic while it is held")[name].0.clone()
    }
}

async fn serve(listener: TcpListener, objects: Objects) {
    while let Ok((stream, _)) = listener.accept().await {
        let objects = Arc::clone(&objects);
        let service = service_fn(move |request| answer(request, Arc::clone(&objects)));
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, objects: Objects) -> hyper::Result<Response<Full<Bytes>>> {
    let url = Url::parse("http://store").expect("a URL").join(&request.uri().to_string()).expect("a target");
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let signs = parameter("X-Amz-Algorithm").as_deref() == Some("AWS4-HMAC-SHA256")
        && parameter("X-Amz-Credential").is_some_and(|credential| credential.starts_with(KEY))
        && parameter("X-Amz-Signature").is_some_and(|signature| signature.len() == 64);
    let name = url.path().strip_prefix(BUCKET).unwrap_or_default().to_owned();
    let method = request.method().clone();
    let body = String::from_utf8_lossy(&request.into_body().collect().await?.to_bytes()).into_owned();
    let mut objects = objects.lock().expect("no panic while it is held");
    let (status, text) = match method {
        _ if !signs => (403, String::new()),
        Method::PUT => {
            objects.insert(name, (body, "2126-01-01T00:00:00.000Z".into()));
            (200, String::new())
        }
        Method::DELETE => {
            objects.remove(&name);
            (204, String::new())
        }
        Method::GET => (200, list(&objects, &parameter("prefix").unwrap_or_default())),
        _ => (405, String::new()),
    };
    Ok(Response::builder().status(status).body(Full::new(text.into())).expect("a response"))
}

fn list(objects: &BTreeMap<String, (String, String)>, prefix: &str) -> String {
    let listed = objects.iter().filter(|(name, _)| name.starts_with(prefix));
    let rows: String = listed
        .map(|(name, (text, modified))| {
            let size = text.len();
            format!(
                "<Contents><Key>{name}</Key><LastModified>{modified}</LastModified><ETag>\"0\"</ETag>\
                 <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <Name>b</Name><Prefix>{prefix}</Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
    )
}
