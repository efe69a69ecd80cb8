//! The target's settings: base URLs, headers and credentials, checked.

use url::Url;

use super::settings::Overrides;
use super::{Auth, Origins, Target, Tls};
use crate::error::Result;

/// Where a REST Proxy listens if nothing else is said.
pub const DEFAULT_URL: &str = "http://localhost:8082";

/// Headers that the engine writes itself; another one would break the framing or the media type.
const OWN_HEADERS: [&str; 6] = [
    "host",
    "content-length",
    "content-type",
    "accept",
    "transfer-encoding",
    "connection",
];

/// Resolves everything under `[target]`.
///
/// # Errors
/// Names the setting, its value and what was expected.
pub(super) fn resolve(settings: &Overrides, origins: &Origins) -> Result<Target> {
    let faults = settings.faults.clone().unwrap_or_default();
    if !faults.is_empty() && settings.urls.is_some() {
        let message = "only the built-in stand-in has faults, and a target is named";
        let hint = "leave out --url, or run `krush serve --fault …` and name that one";
        return Err(origins.error("target.faults", message, hint));
    }
    if settings.model.is_some() && settings.urls.is_some() {
        let message = "only the built-in stand-in has a capacity model, and a target is named";
        let hint = "leave out --url, or run `krush serve --model` and name that one";
        return Err(origins.error("target.model", message, hint));
    }
    let asked = !faults.is_empty() || settings.model.is_some();
    let embedded = settings.embedded.unwrap_or(false) || asked;
    let named = settings.urls.is_some() && !embedded;
    let (urls, url_auth) = urls(settings, origins)?;
    Ok(Target {
        urls,
        named,
        embedded,
        faults,
        model: settings.model,
        dialect: settings.dialect.and_then(|choice| choice.0),
        headers: headers(settings, origins)?,
        auth: auth(settings, origins, url_auth)?,
        tls: tls(settings, origins)?,
    })
}

fn urls(settings: &Overrides, origins: &Origins) -> Result<(Vec<Url>, Option<Auth>)> {
    let default = [DEFAULT_URL.to_owned()];
    let texts = settings.urls.as_deref().unwrap_or(&default);
    if texts.is_empty() {
        let hint = "write a base URL such as http://localhost:8082";
        return Err(origins.error("target.url", "no URL given", hint));
    }
    let mut urls = Vec::with_capacity(texts.len());
    let mut auth: Option<Auth> = None;
    for text in texts {
        let mut url = base_url(text)
            .map_err(|(message, hint)| origins.error("target.url", &message, hint))?;
        if let Some(found) = take_credentials(&mut url) {
            if auth
                .as_ref()
                .is_some_and(|auth| auth.header_value() != found.header_value())
            {
                let hint = "use one account for all targets";
                return Err(origins.error("target.url", "credentials differ between URLs", hint));
            }
            auth = Some(found);
        }
        urls.push(url);
    }
    Ok((urls, auth))
}

const URL_HINT: &str = "write a base URL such as http://localhost:8082";

fn base_url(text: &str) -> Result<Url, (String, &'static str)> {
    let shown = without_credentials(text);
    let no_scheme = !text.contains("://");
    if no_scheme {
        let message = format!("`{shown}` has no scheme");
        return Err((message, "put http:// or https:// before it"));
    }
    let url = Url::parse(text).map_err(|error| {
        let message = match error {
            url::ParseError::EmptyHost => format!("`{shown}` has no host"),
            other => format!("`{shown}` is not a URL: {other}"),
        };
        (message, URL_HINT)
    })?;
    let wrong = match url.scheme() {
        "http" | "https" if url.host_str().is_none_or(str::is_empty) => "has no host",
        "http" | "https" if url.query().is_some() => "has a query, which a base URL cannot have",
        "http" | "https" if url.fragment().is_some() => {
            "has a fragment, which a base URL cannot have"
        }
        "http" | "https" if url.port() == Some(0) => "has port 0, where nothing can listen",
        "http" | "https" => return Ok(url),
        _ => "has a scheme that is neither http nor https",
    };
    Err((format!("`{shown}` {wrong}"), URL_HINT))
}

/// `text` without what stands between scheme and `@`, so that no message shows a password.
fn without_credentials(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let authority_end = text[start..].find('/').map_or(text.len(), |at| start + at);
    match text[start..authority_end].rfind('@') {
        Some(at) => format!("{}***@{}", &text[..start], &text[start + at + 1..]),
        None => text.to_owned(),
    }
}

fn take_credentials(url: &mut Url) -> Option<Auth> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let auth = Auth::Basic {
        user: percent_decoded(url.username()),
        password: percent_decoded(url.password().unwrap_or_default()),
    };
    // Both can only fail for URLs without a host, which were refused above.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(auth)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        // from_str_radix alone would take a sign for a digit.
        let hex = text
            .get(at + 1..at + 3)
            .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let decoded = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], decoded) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn headers(settings: &Overrides, origins: &Origins) -> Result<Vec<(String, String)>> {
    let texts = settings.headers.as_deref().unwrap_or_default();
    let parsed = texts.iter().map(|text| header(text));
    parsed
        .collect::<Result<_, String>>()
        .map_err(|message| origins.error("target.headers", &message, "write it as `Name: value`"))
}

/// Splits `Name: value`. The value may be a secret, so messages quote the name only.
fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err("a header without a colon".to_owned());
    };
    let value = value.trim_matches([' ', '\t']);
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        let shown = name.escape_debug();
        return Err(format!("`{shown}` is not a header name"));
    }
    if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return Err(format!(
            "the value of header `{name}` contains a line break or another control character"
        ));
    }
    if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("header `{name}` is set by krush itself"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn auth(settings: &Overrides, origins: &Origins, from_url: Option<Auth>) -> Result<Option<Auth>> {
    let basic = match &settings.user {
        Some(text) => Some(basic(&text.0).ok_or_else(|| {
            let hint = "write it as user:password";
            origins.error("target.user", "no colon between user and password", hint)
        })?),
        None => None,
    };
    let bearer = match &settings.bearer {
        Some(token)
            if token.0.is_empty() || token.0.chars().any(|c| c.is_ascii_control() || c == ' ') =>
        {
            let message = "the token is empty or contains a space or a control character";
            return Err(origins.error("target.bearer", message, "give the bare token"));
        }
        Some(token) => Some(Auth::Bearer(token.0.clone())),
        None => None,
    };
    let given = basic.or(bearer);
    if given.is_some() && from_url.is_some() {
        let key = if settings.user.is_some() {
            "target.user"
        } else {
            "target.bearer"
        };
        let message = "the URL already contains credentials";
        return Err(origins.error(key, message, "take them out of the URL"));
    }
    let auth = given.or(from_url);
    let in_headers = settings
        .headers
        .iter()
        .flatten()
        .any(|text| text.to_ascii_lowercase().starts_with("authorization:"));
    if auth.is_some() && in_headers {
        let message = "header `Authorization` is already set by user, bearer or the URL";
        return Err(origins.error("target.headers", message, "give it once"));
    }
    Ok(auth)
}

fn basic(text: &str) -> Option<Auth> {
    let (user, password) = text.split_once(':')?;
    Some(Auth::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

fn tls(settings: &Overrides, origins: &Origins) -> Result<Tls> {
    let (cert, key) = (&settings.client_cert, &settings.client_key);
    let (has, lacks) = match (cert, key) {
        (Some(_), None) => ("target.client_cert", "--client-key"),
        (None, Some(_)) => ("target.client_key", "--client-cert"),
        _ => {
            return Ok(Tls {
                ca: settings.ca_cert.clone(),
                cert: cert.clone(),
                key: key.clone(),
                insecure: settings.insecure.unwrap_or(false),
            });
        }
    };
    let hint = format!("give {lacks} too; both may name the same PEM file");
    Err(origins.error(has, "certificate and key only work together", hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_may_contain_anything_that_a_url_can_escape() {
        for (written, meant) in [
            ("p%40ss", "p@ss"),
            ("100%", "100%"),
            ("%+1%4", "%+1%4"),
            ("%C3%BC", "ü"),
        ] {
            assert_eq!(percent_decoded(written), meant);
        }
    }

    proptest! {
        #[test]
        fn no_url_makes_a_message_that_shows_its_password(
            scheme in "(http|https|ftp|x|)(:|://|)", user in "[a-z:]{0,3}", host in "\\PC{0,12}",
        ) {
            let text = format!("{scheme}{user}:s3cr3t@{host}");
            if let Err((message, _)) = base_url(&text) {
                prop_assert!(!message.contains("s3cr3t"), "{}", message);
            }
        }
    }
}
