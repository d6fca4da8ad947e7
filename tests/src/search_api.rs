//! What is asked of a search server: the part of OpenSearch's API that tests need.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::runtime;

/// The API at a URL.
#[derive(Debug, Clone)]
pub struct SearchApi {
    endpoint: String,
}

impl SearchApi {
    /// The API of the server at this URL, which has no path.
    pub fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned() }
    }

    /// The server's URL.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes a call that has to succeed. A path has no slash before it.
    ///
    /// # Errors
    /// The server's response, when its status is not 2xx.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, response) = self.request(method, path, "application/json", text)?;
        ensure!((200..300).contains(&status), "{method} {path}: {status} {response}");
        Ok(response)
    }

    /// Creates an index with the given body (settings and mappings).
    ///
    /// # Errors
    /// The server's response, when it refuses.
    pub fn create_index(&self, index: &str, body: &Value) -> anyhow::Result<()> {
        self.call("PUT", index, body).map(drop)
    }

    /// Sends a `_bulk` body; gives the response's status and document.
    ///
    /// # Errors
    /// When the server does not respond.
    pub fn bulk(&self, body: &str) -> anyhow::Result<(u16, Value)> {
        self.request("POST", "_bulk", "application/x-ndjson", body.to_owned())
    }

    /// The documents that a query finds, at most 10,000. An index that does not exist has none.
    ///
    /// # Errors
    /// When the server does not respond as it should.
    pub fn find(&self, index: &str, query: &Value) -> anyhow::Result<Vec<Value>> {
        let (status, _) =
            self.request("POST", &format!("{index}/_refresh"), "application/json", String::new())?;
        if status == 404 {
            return Ok(Vec::new());
        }
        let body = json!({"size": 10_000, "query": query, "track_total_hits": true});
        let path = format!("{index}/_search");
        let (status, response) =
            self.request("POST", &path, "application/json", body.to_string())?;
        let Some(hits) = response["hits"]["hits"].as_array() else {
            bail!("searching {index}: {status} {response}");
        };
        Ok(hits.iter().map(|hit| hit["_source"].clone()).collect())
    }

    /// Makes a call; gives the response's status and document.
    ///
    /// # Errors
    /// When the server does not respond, or not with JSON.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: String,
    ) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}/{path}", self.endpoint);
        let method = method.parse().context("an HTTP method")?;
        let request =
            runtime::CLIENT.request(method, &url).header("content-type", content_type).body(body);
        runtime::block_on(async {
            let response = request.send().await.with_context(|| format!("calling {url}"))?;
            let status = response.status().as_u16();
            let body = response.bytes().await.with_context(|| format!("reading from {url}"))?;
            let body = serde_json::from_slice(&body).with_context(|| {
                format!("{url} answered {status} with something that is not JSON")
            })?;
            Ok((status, body))
        })
    }
}
