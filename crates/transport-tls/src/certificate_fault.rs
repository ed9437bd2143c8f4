//! What is wrong with a certificate.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// What is wrong with the certificate of the other side.
///
/// It is the cause of a [`DialError`](transport::DialError) if the error of rustls, which quotes the
/// certificate, has a secret of the dial in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It has expired, by the clock of this machine.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet, by the clock of this machine.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is valid for other names.
    #[error("it is valid for other names")]
    OtherName,
    /// No trusted authority has issued it.
    #[error("no trusted authority has issued it")]
    UnknownIssuer,
}

impl CertificateFault {
    /// The fault that made a dial fail, if `error` or one of its causes has one of these.
    #[must_use]
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut causes = std::iter::successors(Some(error), |error| {
            // An `io::Error` names as its source not what it wraps, but the source of that.
            let wrapped = (*error).downcast_ref().and_then(io::Error::get_ref);
            match wrapped {
                Some(wrapped) => Some(wrapped),
                None => (*error).source(),
            }
        });
        causes.find_map(|cause| match cause.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(fault)) => Self::of_rustls(fault),
            _ => cause.downcast_ref().copied(),
        })
    }

    fn of_rustls(fault: &CertificateError) -> Option<Self> {
        match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Some(Self::Expired)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Some(Self::NotYetValid)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Some(Self::OtherName)
            }
            // A bad signature: by another authority of the same name.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                Some(Self::UnknownIssuer)
            }
            _ => None,
        }
    }
}
