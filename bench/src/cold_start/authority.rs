//! A certificate authority of the benchmark's own. Its chains are as long and of the same kind as
//! those of the AWS endpoints (RSA, one intermediate), because checking them is part of a start.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::Failure;

/// The authority, and what servers it vouches for present.
pub(crate) struct Authority {
    /// The root's certificate, in PEM.
    pub(crate) root: String,
    /// For servers at `localhost`.
    pub(crate) server: Arc<ServerConfig>,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, Failure> {
        Self::make().map_err(|error| format!("no certificates could be made: {error}"))
    }

    fn make() -> Result<Self, Box<dyn std::error::Error>> {
        let key = || KeyPair::generate_for(&PKCS_RSA_SHA256);
        let (root_key, intermediate_key, server_key) = (key()?, key()?, key()?);
        let root_parameters = authority("benchmark root");
        let root = root_parameters.self_signed(&root_key)?;
        let root_issuer = Issuer::new(root_parameters, root_key);
        let intermediate_parameters = authority("benchmark intermediate");
        let intermediate = intermediate_parameters.signed_by(&intermediate_key, &root_issuer)?;
        let issuer = Issuer::new(intermediate_parameters, intermediate_key);
        let server = CertificateParams::new(["localhost".to_owned()])?;
        let server = server.signed_by(&server_key, &issuer)?;
        let chain = vec![server.der().clone(), intermediate.der().clone()];
        let private = PrivatePkcs8KeyDer::from(server_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, private.into())?;
        Ok(Self { root: root.pem(), server: Arc::new(config) })
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters
}
