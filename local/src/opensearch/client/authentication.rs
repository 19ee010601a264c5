//! How a server learns who asks.

/// How a [`Client`](super::Client) tells the server who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Not at all.
    None,
    /// With the user and the password of the URL (RFC 7617).
    Basic,
    /// With a signature of AWS (Signature Version 4) on every request: without credentials in the
    /// URL, on hosts under `.{region}.es.amazonaws.com` (service `es`) and
    /// `.{region}.aoss.amazonaws.com` (service `aoss`).
    ///
    /// Source: Amazon `OpenSearch` Service developer guide, "Signing HTTP requests to Amazon
    /// `OpenSearch` Service" and, for `aoss`, "Signing HTTP requests with other clients".
    Signed,
}
