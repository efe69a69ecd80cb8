//! Where an instance is: its `base_uri`, which need not be reachable from here.

use url::Url;

/// What is made of the `base_uri` that a server gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BaseUri {
    /// Its path, at the target's scheme, host and port: in Docker the name that the server advertises often does not resolve.
    #[default]
    Rewrite,
    /// As it stands: behind a load balancer an instance is only in the one process that made it.
    AsGiven,
}

/// Base URL without a slash at its end, and the instance's path below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) base: String,
    pub(super) path: String,
    /// Whether the server named another place than the target.
    pub(super) elsewhere: bool,
}

/// The place that `base_uri` means to a client of `target`. Karapace's is relative: `consumers/g/instances/i`.
pub(super) fn of(base_uri: &str, target: &str, choice: BaseUri) -> Place {
    let given = Url::parse(base_uri).ok().filter(Url::has_host);
    let Some(given) = given else {
        return Place {
            base: target.to_owned(),
            path: format!("/{}", base_uri.trim_matches('/')),
            elsewhere: false,
        };
    };
    let path = given.path().trim_end_matches('/').to_owned();
    let authority = given.origin().ascii_serialization();
    let as_given = format!("{authority}{path}");
    // A target with a path of its own, such as http://gateway/kafka: servers that do not know of it leave it out.
    let own_path = Url::parse(target)
        .map(|url| url.path().trim_end_matches('/').to_owned())
        .unwrap_or_default();
    let below = path.strip_prefix(&own_path).unwrap_or(&path).to_owned();
    let elsewhere = as_given != format!("{}{below}", normal(target));
    match choice {
        BaseUri::AsGiven => Place {
            base: authority,
            path,
            elsewhere,
        },
        BaseUri::Rewrite => Place {
            base: target.to_owned(),
            path: below,
            elsewhere,
        },
    }
}

/// The target's URL as the other one is written, without a port that goes without saying.
fn normal(target: &str) -> String {
    Url::parse(target).map_or_else(
        |_| target.to_owned(),
        |url| url.as_str().trim_end_matches('/').to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_where_its_server_or_its_client_says() {
        let target = "http://localhost:8082";
        let gateway = "http://gateway/kafka";
        let own = "http://localhost:8082/consumers/g/instances/i";
        let docker = "http://rest-proxy:8082/consumers/g/instances/i";
        let mut lines = Vec::new();
        for (base_uri, target) in [
            (own, target),
            (docker, target),
            ("consumers/g/instances/i", target),
            (docker, gateway),
            ("http://gateway:80/kafka/consumers/g/instances/i", gateway),
        ] {
            for choice in [BaseUri::Rewrite, BaseUri::AsGiven] {
                let Place {
                    base,
                    path,
                    elsewhere,
                } = of(base_uri, target, choice);
                lines.push(format!("{base} {path} {elsewhere}"));
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @r"
        http://localhost:8082 /consumers/g/instances/i false
        http://localhost:8082 /consumers/g/instances/i false
        http://localhost:8082 /consumers/g/instances/i true
        http://rest-proxy:8082 /consumers/g/instances/i true
        http://localhost:8082 /consumers/g/instances/i false
        http://localhost:8082 /consumers/g/instances/i false
        http://gateway/kafka /consumers/g/instances/i true
        http://rest-proxy:8082 /consumers/g/instances/i true
        http://gateway/kafka /consumers/g/instances/i false
        http://gateway /kafka/consumers/g/instances/i false
        ");
    }
}
