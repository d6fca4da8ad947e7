//! Sends signed requests with unexpired credentials.

use std::time::{Duration, Instant};

use super::client::Client;
use super::fault::Fault;
use crate::aws::reports_expired_credentials;
use crate::destination::{Endpoint, Request, Response};

/// Sends a request within `timeout`. If the service reports fetched credentials as expired, the
/// request is resent with new ones.
pub(super) async fn send(
    client: &Client,
    endpoint: &Endpoint,
    request: Request,
    timeout: Duration,
) -> Result<Response, Fault> {
    if endpoint.signing.is_none() {
        return client.send(endpoint, request, timeout).await;
    }
    let begun = Instant::now();
    let time_left = || timeout.saturating_sub(begun.elapsed());
    let environment = client.environment();
    let renewed = environment.renew_credentials(timeout).await;
    let generation = renewed.map_err(|_| Fault::NotSigned)?;
    let again = generation.is_some().then(|| request.clone());
    let response = client.send(endpoint, request, time_left()).await?;
    let Some(again) = again else {
        return Ok(response);
    };
    let is_expired =
        matches!(response.status, 400..=403) && reports_expired_credentials(&response.body);
    if !is_expired || !environment.discard_credentials(generation) {
        return Ok(response);
    }
    // Without other credentials the rejection is final.
    if environment.renew_credentials(time_left()).await.is_err() {
        return Ok(response);
    }
    client.send(endpoint, again, time_left()).await
}
