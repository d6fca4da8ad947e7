//! Sends requests with credentials that have not expired, where they are signed.

use std::time::{Duration, Instant};

use super::client::{Client, Fault};
use crate::aws::AwsError;
use crate::destination::{Endpoint, Request, Response};

/// Sends a request, all within `timeout`. Where credentials are fetched, and a service calls them expired, the request
/// is sent once more with others.
pub(super) async fn send(
    client: &Client,
    endpoint: &Endpoint,
    request: Request,
    timeout: Duration,
) -> Result<Response, Fault> {
    let Some(signing) = &endpoint.signing else {
        return client.send(endpoint, request, timeout).await;
    };
    let begun = Instant::now();
    let time_left = || timeout.saturating_sub(begun.elapsed());
    let environment = client.environment();
    let renewed = environment.renew_credentials(timeout).await;
    let generation = renewed.map_err(|_| Fault::NotSigned)?;
    let again = generation.is_some().then(|| request.clone());
    let answer = client.send(endpoint, request, time_left()).await?;
    let Some(again) = again else {
        return Ok(answer);
    };
    let is_expired = matches!(answer.status, 400..=403)
        && AwsError::refused(signing.service, answer.status, &answer.body).is_expired();
    if !is_expired || !environment.discard_credentials(generation) {
        return Ok(answer);
    }
    // Without others the refusal stands.
    if environment.renew_credentials(time_left()).await.is_err() {
        return Ok(answer);
    }
    client.send(endpoint, again, time_left()).await
}
