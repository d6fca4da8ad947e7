use aws_config::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// Also finds a service in a `[services]` section by the name that AWS documents, with underscores:
/// `cloudwatch_logs`. The SDK for Rust looks for `cloudwatch-logs`.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
pub(super) fn as_documented(sdk: &SdkConfig) -> SdkConfig {
    sdk.to_builder().service_config(Documented(sdk.clone())).build()
}

#[derive(Debug)]
struct Documented(SdkConfig);

/// A service that no section is about.
const NO_SERVICE: &str = "-";

impl LoadServiceConfig for Documented {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let of = |service: &str| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env(key.env())
                .profile(key.profile())
                .build()
                .ok()?;
            self.0.service_config()?.load_config(key)
        };
        let documented = of(&key.service_id().replace(' ', "_"));
        // What holds for all services is found under any name.
        if documented == of(NO_SERVICE) { of(key.service_id()) } else { documented }
    }
}
