//! The AWS service that wrote a log event, told from the names of its log group and log stream.

/// The service that wrote log events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceService {
    /// Lambda functions.
    Lambda,
    /// Execution and access logs of API Gateway.
    ApiGateway,
    /// Containers of ECS.
    Ecs,
    /// Control planes of EKS, and Container Insights.
    Eks,
    /// Databases of RDS and Aurora.
    Rds,
    /// VPC flow logs.
    Vpc,
    /// CloudTrail.
    CloudTrail,
    /// WAF.
    Waf,
    /// Query logs of Route 53 and its Resolver.
    Route53,
    /// Step Functions.
    StepFunctions,
    /// CodeBuild.
    CodeBuild,
    /// Anything else.
    Other,
}

impl SourceService {
    /// All services.
    pub const ALL: [Self; 12] = [
        Self::Lambda,
        Self::ApiGateway,
        Self::Ecs,
        Self::Eks,
        Self::Rds,
        Self::Vpc,
        Self::CloudTrail,
        Self::Waf,
        Self::Route53,
        Self::StepFunctions,
        Self::CodeBuild,
        Self::Other,
    ];

    /// The beginnings of log groups whose names AWS prescribes, or its consoles suggest.
    ///
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html>
    /// <https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html>
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>
    const GROUPS: [(&'static str, Self); 20] = [
        ("/aws/lambda/", Self::Lambda),
        ("API-Gateway-Execution-Logs", Self::ApiGateway),
        ("/aws/apigateway/", Self::ApiGateway),
        ("/aws/api-gateway/", Self::ApiGateway),
        ("/aws/http-api/", Self::ApiGateway),
        ("/ecs/", Self::Ecs),
        ("/aws/ecs/", Self::Ecs),
        ("/aws/eks/", Self::Eks),
        ("/aws/containerinsights/", Self::Eks),
        ("/aws/rds/", Self::Rds),
        ("RDSOSMetrics", Self::Rds),
        ("/aws/vpc/", Self::Vpc),
        ("aws-waf-logs-", Self::Waf),
        ("/aws/route53", Self::Route53),
        ("/aws/vendedlogs/states/", Self::StepFunctions),
        ("/aws/states/", Self::StepFunctions),
        ("/aws/stepfunctions/", Self::StepFunctions),
        ("/aws/codebuild/", Self::CodeBuild),
        ("/aws/cloudtrail/", Self::CloudTrail),
        ("aws-cloudtrail-logs", Self::CloudTrail),
    ];

    /// The service by the names of a log group and log stream. Names of streams are prescribed
    /// where those of groups are not, so they have precedence.
    pub fn of(group: &str, stream: &str) -> Self {
        of_stream(stream)
            .or_else(|| {
                let (_, service) =
                    Self::GROUPS.iter().find(|(begin, _)| group.starts_with(begin))?;
                Some(*service)
            })
            .unwrap_or_else(|| by_words(&group.to_ascii_lowercase()))
    }

    /// The name in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::ApiGateway => "apigateway",
            Self::Ecs => "ecs",
            Self::Eks => "eks",
            Self::Rds => "rds",
            Self::Vpc => "vpc",
            Self::CloudTrail => "cloudtrail",
            Self::Waf => "waf",
            Self::Route53 => "route53",
            Self::StepFunctions => "stepfunctions",
            Self::CodeBuild => "codebuild",
            Self::Other => "other",
        }
    }
}

fn of_stream(stream: &str) -> Option<SourceService> {
    if stream.starts_with("states/") {
        return Some(SourceService::StepFunctions);
    }
    // 123456789012_CloudTrail_eu-west-1
    if stream.contains("_CloudTrail_") {
        return Some(SourceService::CloudTrail);
    }
    // eni-0123456789abcdef0-all
    let of_flows = |traffic| stream.ends_with(traffic);
    if stream.starts_with("eni-") && ["-all", "-accept", "-reject"].into_iter().any(of_flows) {
        return Some(SourceService::Vpc);
    }
    // prefix/container/task: the log driver `awslogs` of ECS.
    let parts: Vec<&str> = stream.split('/').collect();
    match parts[..] {
        [_, _, task] if task.len() == 32 && task.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(SourceService::Ecs)
        }
        _ => None,
    }
}

fn by_words(group: &str) -> SourceService {
    let has = |word| group.contains(word);
    if has("cloudtrail") {
        SourceService::CloudTrail
    } else if has("vpc") && has("flow") || has("flowlog") || has("flow-log") {
        SourceService::Vpc
    } else {
        SourceService::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_told_from_the_names_of_group_and_stream() {
        const TASK: &str = "web/nginx/0123456789abcdef0123456789abcdef";
        for (group, stream, expected) in [
            ("/aws/lambda/orders", "2023/11/06/[3]0123456789abcdef", SourceService::Lambda),
            ("API-Gateway-Execution-Logs_a1b2c3/prod", "0a1b2c", SourceService::ApiGateway),
            ("/aws/apigateway/a1b2c3/prod", "s", SourceService::ApiGateway),
            ("/ecs/web", TASK, SourceService::Ecs),
            ("/shop/web", TASK, SourceService::Ecs),
            ("/aws/eks/shop/cluster", "kube-apiserver-audit-0a1b", SourceService::Eks),
            ("/aws/rds/instance/shop/postgresql", "shop.0", SourceService::Rds),
            ("vpc-flow-logs", "s", SourceService::Vpc),
            ("/network", "eni-0123456789abcdef0-all", SourceService::Vpc),
            ("/audit", "123456789012_CloudTrail_eu-west-1", SourceService::CloudTrail),
            ("aws-waf-logs-shop", "eu-west-1_shop_0", SourceService::Waf),
            ("/aws/route53/example.com", "Z01/FRA", SourceService::Route53),
            ("/aws/vendedlogs/states/shop-Logs", "states/shop/2023", SourceService::StepFunctions),
            ("/aws/codebuild/shop", "0a1b2c", SourceService::CodeBuild),
            ("/shop/all", "s", SourceService::Other),
        ] {
            assert_eq!(SourceService::of(group, stream), expected, "{group} {stream}");
        }
    }
}
