//! The flags that say where a target is and how it is spoken to, of every command that has one.

use std::path::PathBuf;

use clap::ArgAction;
use clap::builder::BoolishValueParser;

use super::layered::{Layered, Typed, value};
use crate::plan::{DialectChoice, Overrides, Secret};

/// Where a target is, and how it is spoken to. Each has a variable, which the flag overrides.
#[derive(clap::Args, Clone)]
pub struct TargetArgs {
    /// Base URL of the target; repeat it to spread the connections [default: http://localhost:8082]
    #[arg(
        long,
        env = "KRUSH_URL",
        hide_env_values = true,
        value_name = "URL",
        value_delimiter = ','
    )]
    #[arg(help_heading = "Target")]
    pub url: Vec<String>,

    /// Judge replies as those of auto, confluent, strimzi, karapace or redpanda [default: auto]
    #[arg(
        long,
        env = "KRUSH_DIALECT",
        hide_env_values = true,
        value_name = "NAME"
    )]
    #[arg(help_heading = "Target", value_parser = value::<DialectChoice>)]
    pub dialect: Option<DialectChoice>,

    /// Extra request header `Name: value`; repeatable
    #[arg(
        long,
        short = 'H',
        env = "KRUSH_HEADER",
        hide_env_values = true,
        value_name = "HEADER"
    )]
    #[arg(help_heading = "Target")]
    pub header: Vec<String>,

    /// Basic authentication
    #[arg(
        long,
        short,
        env = "KRUSH_USER",
        hide_env_values = true,
        value_name = "USER:PASSWORD"
    )]
    #[arg(help_heading = "Target", value_parser = value::<Secret>)]
    pub user: Option<Secret>,

    /// Bearer token
    #[arg(
        long,
        env = "KRUSH_BEARER",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    #[arg(help_heading = "Target", value_parser = value::<Secret>)]
    pub bearer: Option<Secret>,

    /// Trust these CA certificates (PEM) instead of the built-in ones
    #[arg(
        long,
        env = "KRUSH_CA_CERT",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(help_heading = "Target")]
    pub ca_cert: Option<PathBuf>,

    /// Client certificate chain (PEM)
    #[arg(
        long,
        env = "KRUSH_CLIENT_CERT",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(help_heading = "Target")]
    pub client_cert: Option<PathBuf>,

    /// Private key of the client certificate (PEM)
    #[arg(
        long,
        env = "KRUSH_CLIENT_KEY",
        hide_env_values = true,
        value_name = "FILE"
    )]
    #[arg(help_heading = "Target")]
    pub client_key: Option<PathBuf>,

    /// Accept any server certificate
    #[arg(
        long,
        env = "KRUSH_INSECURE",
        hide_env_values = true,
        help_heading = "Target"
    )]
    #[arg(value_parser = BoolishValueParser::new(), action = ArgAction::SetTrue)]
    pub insecure: bool,
}

/// The target of a command that sends no load: settings of their own, not of a scenario.
#[derive(clap::Args, Clone)]
pub struct ControlArgs {
    /// Where it is.
    #[command(flatten)]
    pub target: TargetArgs,

    /// Flags and variables as layers; filled after parsing.
    #[arg(skip)]
    pub typed: Typed,
}

impl Layered for ControlArgs {
    fn overrides(&self) -> Overrides {
        let target = self.target.clone();
        Overrides {
            urls: Some(target.url),
            dialect: target.dialect,
            headers: Some(target.header),
            user: target.user,
            bearer: target.bearer,
            ca_cert: target.ca_cert,
            client_cert: target.client_cert,
            client_key: target.client_key,
            insecure: Some(target.insecure),
            ..Overrides::default()
        }
    }

    fn typed(&mut self) -> &mut Typed {
        &mut self.typed
    }
}
