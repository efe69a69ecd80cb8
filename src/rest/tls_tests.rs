//! TLS against a real handshake: what is trusted, what is not, and the client's own certificate.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use url::Url;

use super::{CallError, Client, Problem, client_config};
use crate::plan::{Target, Tls};

/// A CA, a server certificate for 127.0.0.1 and a client certificate, the last two signed by the first.
struct Pki {
    folder: tempfile::TempDir,
    ca: CertificateDer<'static>,
    server: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Pki {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ca_key = rcgen::KeyPair::generate().expect("a key");
        let mut ca_params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        ca_params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = ca_params.self_signed(&ca_key).expect("a CA");
        let issuer = rcgen::Issuer::new(ca_params, ca_key);
        let signed = |name: &str| {
            let key = rcgen::KeyPair::generate().expect("a key");
            let params = rcgen::CertificateParams::new(vec![name.to_owned()]);
            let certificate = params.expect("parameters").signed_by(&key, &issuer);
            (certificate.expect("a certificate"), key)
        };
        let (server, server_key) = signed("127.0.0.1");
        let (client, client_key) = signed("client");
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).expect("written");
        };
        write("ca.pem", ca.pem());
        write("client.pem", client.pem() + &client_key.serialize_pem());
        write("other-key.pem", server_key.serialize_pem());
        let key = PrivatePkcs8KeyDer::from(server_key.serialize_der());
        Self {
            ca: ca.der().clone(),
            server: (server.der().clone(), key.into()),
            folder,
        }
    }

    /// A certificate that is its own CA, as `openssl req -x509` makes it.
    fn self_signed() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]);
        let mut params = params.expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let own = params.self_signed(&key).expect("a certificate");
        std::fs::write(folder.path().join("ca.pem"), own.pem()).expect("written");
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Self {
            ca: own.der().clone(),
            server: (own.der().clone(), key.into()),
            folder,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server that answers one call on each connection with `[]`.
    fn serve(&self, wants_client_certificate: bool) -> Url {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("TLS versions");
        let builder = if wants_client_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca.clone()).expect("a CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = (&self.server.0, self.server.1.clone_key());
        let config = builder.with_single_cert(vec![certificate.clone()], key);
        let config = Arc::new(config.expect("a server"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("port 0 is free");
        let url = format!("https://{}", listener.local_addr().expect("bound"));
        std::thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
                let mut stream = StreamOwned::new(session, tcp);
                let mut request = [0; 4096];
                // A client that does not trust this server says so and leaves.
                if stream.read(&mut request).is_ok_and(|read| read > 0) {
                    let answer =
                        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
                    let _ = stream.write_all(answer).and_then(|()| stream.flush());
                }
            }
        });
        Url::parse(&url).expect("a URL")
    }
}

fn topics(url: &Url, tls: Tls) -> Result<Vec<String>, CallError> {
    let target = Target {
        urls: Vec::new(),
        named: true,
        embedded: false,
        faults: Vec::new(),
        model: None,
        dialect: None,
        headers: Vec::new(),
        auth: None,
        tls,
    };
    let client = Client::new(&target, url, Duration::from_secs(10)).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(client.topics())
}

#[test]
fn a_server_is_trusted_through_its_ca_or_if_told_so() {
    let pki = Pki::new();
    let url = pki.serve(false);
    let error = topics(&url, Tls::default()).expect_err("an unknown CA");
    assert!(matches!(error.problem, Problem::Tls(_)), "{error}");
    let shown = crate::error::Error::from(error);
    assert!(
        shown
            .to_string()
            .contains("signed by nobody who is trusted"),
        "{shown}"
    );
    assert!(
        shown.hint().is_some_and(|hint| hint.contains("--ca-cert")),
        "{shown:?}"
    );
    let trusting = Tls {
        ca: Some(pki.file("ca.pem")),
        ..Tls::default()
    };
    assert_eq!(topics(&url, trusting), Ok(Vec::new()));
    let insecure = Tls {
        insecure: true,
        ..Tls::default()
    };
    assert_eq!(topics(&url, insecure), Ok(Vec::new()));
}

#[test]
fn a_client_certificate_is_shown_to_servers_that_want_one() {
    let pki = Pki::new();
    let url = pki.serve(true);
    let with = |file| Tls {
        ca: Some(pki.file("ca.pem")),
        cert: file,
        key: Some(pki.file("client.pem")),
        insecure: false,
    };
    assert_eq!(
        topics(&url, with(Some(pki.file("client.pem")))),
        Ok(Vec::new())
    );
    assert!(topics(&url, with(None)).is_err());
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let pki = Pki::new();
    let said = |ca: Option<PathBuf>, cert: Option<PathBuf>, key: Option<PathBuf>| {
        let tls = Tls {
            ca,
            cert,
            key,
            insecure: false,
        };
        let error = client_config(&tls).expect_err("unusable").to_string();
        error.replace(&pki.folder.path().display().to_string(), "DIR")
    };
    let missing = || Some(PathBuf::from("missing.pem"));
    let file = |name| Some(pki.file(name));
    insta::assert_snapshot!([
        said(missing(), None, None),
        said(file("other-key.pem"), None, None),
        said(None, missing(), file("client.pem")),
        said(None, file("client.pem"), file("ca.pem")),
        said(None, file("client.pem"), file("other-key.pem")),
    ].join("\n"), @r"
    --ca-cert missing.pem: No such file or directory (os error 2)
    --ca-cert DIR/other-key.pem: no certificate in it
    --client-cert missing.pem: No such file or directory (os error 2)
    --client-key DIR/ca.pem: no usable private key in it
    --client-cert DIR/client.pem: keys may not be consistent: KeyMismatch
    ");
}

#[test]
fn a_ca_certificate_used_by_a_server_is_named_with_the_way_out() {
    let pki = Pki::self_signed();
    let url = pki.serve(false);
    let trusting = Tls {
        ca: Some(pki.file("ca.pem")),
        ..Tls::default()
    };
    let error = topics(&url, trusting).expect_err("a CA certificate");
    assert!(
        error
            .to_string()
            .ends_with("its certificate is a CA certificate used as a server certificate"),
        "{error}"
    );
    let error = crate::error::Error::from(error);
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("--insecure"), "{hint}");
    assert!(
        hint.contains("-addext basicConstraints=critical,CA:FALSE"),
        "{hint}"
    );
}
