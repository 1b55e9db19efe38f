//! Splits a signed token in the compact form into its segments ([RFC
//! 7515](https://www.rfc-editor.org/rfc/rfc7515#section-3.1)). Allocates nothing before the
//! signature is verified.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{header::HeaderMembers, header_json};
use crate::RejectionReason;

/// The default maximum size of a token, in bytes. Passport's tokens have about 1,000 bytes.
pub(crate) const DEFAULT_MAX_LEN: usize = 8 * 1024;

/// The maximum size of a token's decoded header, in bytes. This limit applies even if
/// `max_token_size` is larger.
pub(crate) const MAX_HEADER: usize = 6 * 1024;

/// The maximum size of a decoded signature, in bytes: RSA with 8192 bits.
pub(crate) const MAX_SIGNATURE: usize = 1024;

/// The size of the buffers for most headers and signatures, in bytes. An RSA signature with 4096
/// bits fits. Small buffers make the verification faster, because each buffer is zeroed before
/// it is used.
pub(crate) const SMALL_BUFFER: usize = 512;

/// The three segments of a token, still encoded. Not `Debug`, so that no token is logged.
#[derive(Clone, Copy)]
pub(crate) struct Jws<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// The signed part of the token: header and payload with the dot between them.
    pub(crate) message: &'a [u8],
}

impl<'a> Jws<'a> {
    /// Splits a token of at most `max_len` bytes. Does not check the segments.
    pub(crate) fn parse(token: &'a [u8], max_len: usize) -> Result<Self, RejectionReason> {
        if token.len() > max_len {
            return Err(RejectionReason::TooLarge);
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        // Another call of `next` after `None` would search the token again.
        let first = dots.next().ok_or(RejectionReason::Malformed)?;
        let second = dots.next().ok_or(RejectionReason::Malformed)?;
        if dots.next().is_some() {
            return Err(RejectionReason::Malformed);
        }
        let (header, payload, signature) = (&token[..first], &token[first + 1..second], &token[second + 1..]);
        // An empty signature is rejected later, when it is decoded. The header is validated before
        // that, so that a token with `alg: none` is rejected for a more specific reason.
        if header.is_empty() || payload.is_empty() {
            return Err(RejectionReason::Malformed);
        }
        Ok(Self { header, payload, signature, message: &token[..second] })
    }

    /// Checks that all segments are base64url, so that a malformed payload causes no refresh of the
    /// keys. The payload is decoded in full only after the signature was verified.
    pub(crate) fn check_alphabet(&self) -> Result<(), RejectionReason> {
        let segments = [self.header, self.payload, self.signature];
        if segments.into_iter().all(is_base64url) { Ok(()) } else { Err(RejectionReason::Malformed) }
    }

    /// Returns whether the header and the signature fit into buffers of [`SMALL_BUFFER`] bytes.
    pub(crate) fn fits_small_buffers(&self) -> bool {
        [self.header, self.signature].iter().all(|segment| segment.len() * 3 / 4 <= SMALL_BUFFER)
    }

    /// Decodes the header into `buffer` and parses it, without validating its values.
    pub(crate) fn header<'b>(&self, buffer: &'b mut [u8]) -> Result<HeaderMembers<'b>, RejectionReason> {
        HeaderMembers::read(decoded(self.header, buffer)?)
    }

    /// Decodes the payload. Must be called only for a token with a valid signature, because
    /// decoding allocates memory.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, RejectionReason> {
        BASE64_URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| RejectionReason::Malformed)
    }

    /// Returns the segment of the header, still encoded.
    pub(crate) fn header_segment(&self) -> &'a [u8] {
        self.header
    }

    /// Returns the maximum size of the decoded payload, in bytes.
    pub(crate) fn max_payload(&self) -> usize {
        self.payload.len() * 3 / 4
    }

    /// Decodes the beginning of the payload into `buffer`, as much as fits, before the signature is
    /// verified.
    pub(crate) fn start_of_payload<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RejectionReason> {
        // Each group of four characters is three bytes.
        let most = buffer.len() / 3 * 4;
        decoded(self.payload.get(..most).unwrap_or(self.payload), buffer)
    }

    /// Decodes the payload into `buffer`, before the signature is verified.
    pub(crate) fn payload_in<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RejectionReason> {
        decoded(self.payload, buffer)
    }

    /// Decodes the signature into `buffer`.
    pub(crate) fn signature<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RejectionReason> {
        decoded(self.signature, buffer)
    }
}

/// Returns whether a token is a JWT: at least three segments, and the first is a JSON object or
/// begins as one. All other tokens are opaque, and so are encrypted tokens (five segments, and a
/// header with `enc`).
///
/// The other segments can have any characters: an issuer with a lenient parser also accepts a
/// signature with padding or with another alphabet. Such a token must not skip the checks of JWTs.
pub(crate) fn is_jwt(token: &[u8]) -> bool {
    let mut segments = token.split(|byte| *byte == b'.');
    let header = segments.next().unwrap_or_default();
    let mut buffer = [0; MAX_HEADER];
    let json = decoded(header, &mut buffer).ok();
    let object = json.filter(|json| header_json::object(json, |_, _| {}).is_ok());
    let has_enc = |json| header_json::first_text(json, "enc").is_ok_and(|enc| enc.is_some());
    match segments.count() {
        0 | 1 => false,
        4 if object.is_some_and(has_enc) => false,
        // `eyJ` is `{"`.
        _ => object.is_some() || header.starts_with(b"eyJ"),
    }
}

/// Returns whether all bytes are in the base64url alphabet. The loop has no early return, so
/// that the compiler vectorizes it.
fn is_base64url(segment: &[u8]) -> bool {
    segment.iter().fold(true, |so_far, byte| {
        so_far & (byte.is_ascii_alphanumeric() | (*byte == b'-') | (*byte == b'_'))
    })
}

/// Decodes strict base64url into `buffer`: no padding, no other alphabet, and unused bits must
/// be zero. Returns the decoded bytes. An empty segment is an error.
fn decoded<'b>(segment: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], RejectionReason> {
    let length =
        BASE64_URL_SAFE_NO_PAD.decode_slice(segment, buffer).map_err(|_| RejectionReason::Malformed)?;
    // Only unsigned tokens (`alg: none`) have an empty signature.
    if length == 0 { Err(RejectionReason::Malformed) } else { Ok(&buffer[..length]) }
}

#[cfg(test)]
mod tests;
