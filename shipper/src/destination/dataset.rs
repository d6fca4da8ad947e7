//! What a destination calls the log events of a service.

use crate::log_source::LogSource;
use crate::source_service::SourceService;

/// `event.dataset` of the Elastic Common Schema, as the AWS integration of Elastic names it.
///
/// <https://github.com/elastic/integrations/tree/main/packages/aws/data_stream>
pub(super) fn of(service: SourceService) -> &'static str {
    match service {
        SourceService::Lambda => "aws.lambda_logs",
        SourceService::ApiGateway => "aws.apigateway_logs",
        SourceService::Vpc => "aws.vpcflow",
        SourceService::CloudTrail => "aws.cloudtrail",
        SourceService::Waf => "aws.waf",
        SourceService::Route53 => "aws.route53_resolver_logs",
        SourceService::Ecs
        | SourceService::Eks
        | SourceService::Rds
        | SourceService::StepFunctions
        | SourceService::CodeBuild
        | SourceService::Other => "aws.cloudwatch_logs",
    }
}

/// `ddsource`, by which Datadog selects the pipeline; that of Datadog's own forwarder.
///
/// <https://github.com/DataDog/datadog-serverless-functions/blob/master/aws/logs_monitoring/steps/enums.py>
/// <https://github.com/DataDog/datadog-serverless-functions/blob/master/aws/logs_monitoring/steps/handlers/awslogs_handler.py>
pub(super) fn datadog_source(log_source: &LogSource<'_>) -> &'static str {
    match log_source.service {
        SourceService::Lambda => "lambda",
        SourceService::ApiGateway => "apigateway",
        SourceService::Eks => eks_source(log_source.stream),
        SourceService::Rds => rds_source(log_source.group),
        SourceService::Vpc => "vpc",
        SourceService::CloudTrail => "cloudtrail",
        SourceService::Waf => "waf",
        SourceService::Route53 => "route53",
        SourceService::StepFunctions => "stepfunction",
        SourceService::CodeBuild => "codebuild",
        SourceService::Ecs | SourceService::Other => "cloudwatch",
    }
}

/// The part of the control plane.
fn eks_source(stream: &str) -> &'static str {
    const STREAMS: [(&str, &str); 5] = [
        ("kube-apiserver-audit-", "kubernetes.audit"),
        ("kube-apiserver-", "kube-apiserver"),
        ("kube-scheduler-", "kube_scheduler"),
        ("kube-controller-manager-", "kube-controller-manager"),
        ("authenticator-", "aws-iam-authenticator"),
    ];
    let found = STREAMS.into_iter().find(|(begin, _)| stream.starts_with(begin));
    found.map_or("eks", |(_, source)| source)
}

/// The engine, if the log group names it.
fn rds_source(group: &str) -> &'static str {
    let engines = ["postgresql", "mysql", "mariadb"].into_iter();
    engines.into_iter().find(|engine| group.contains(engine)).unwrap_or("rds")
}

/// `sourcetype` of the Splunk Add-on for AWS, which has one for each kind of log event that it
/// parses, and `aws:cloudwatchlogs` for all others.
///
/// <https://splunk.github.io/splunk-add-on-for-amazon-web-services/DataTypes/>
pub(super) fn splunk_sourcetype(service: SourceService) -> &'static str {
    match service {
        SourceService::Vpc => "aws:cloudwatchlogs:vpcflow",
        SourceService::CloudTrail => "aws:cloudtrail",
        SourceService::Lambda
        | SourceService::ApiGateway
        | SourceService::Ecs
        | SourceService::Eks
        | SourceService::Rds
        | SourceService::Waf
        | SourceService::Route53
        | SourceService::StepFunctions
        | SourceService::CodeBuild
        | SourceService::Other => "aws:cloudwatchlogs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datadog_has_sources_for_parts_of_services() {
        for (group, stream, expected) in [
            ("/aws/lambda/orders", "s", "lambda"),
            ("/aws/eks/shop/cluster", "kube-apiserver-audit-0a1b", "kubernetes.audit"),
            ("/aws/eks/shop/cluster", "kube-apiserver-0a1b", "kube-apiserver"),
            ("/aws/eks/shop/cluster", "cloud-controller-manager-0a1b", "eks"),
            ("/aws/rds/instance/shop/postgresql", "shop.0", "postgresql"),
            ("/aws/rds/instance/shop/slowquery", "shop", "rds"),
            ("/ecs/web", "s", "cloudwatch"),
        ] {
            assert_eq!(datadog_source(&LogSource::new("1", group, stream)), expected, "{stream}");
        }
    }
}
